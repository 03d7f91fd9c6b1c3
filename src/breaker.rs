//! The circuit breaker: when a backend is left alone, for how long, and how it comes back.
//!
//! *Closed* means traffic flows; *open* means it is stopped; *half-open* means that one request
//! tries whether it works again. (Some codebases use the first two words the other way round.) A
//! circuit covers one deployment at one backend, because Azure OpenAI limits deployments: a 429 on
//! one model says nothing about another.
//!
//! Throttling and failing are different things, and end differently.
//!
//! - A backend that says 429 works, and says when it will serve again: its circuit opens at once
//!   for the announced time, and then traffic returns in full.
//! - A backend that fails says nothing about the future: failures of several different requests
//!   among its latest answers ([`vote`]), or a share of all of them ([`window`]), open its circuit for
//!   the trip time. Then it is half-open:
//!   one request at a time, over all workers, tries it, and every other goes elsewhere. Where that
//!   probe fails too, the circuit opens for twice as long, up to a cap; where it is answered, the
//!   backend gets its traffic back bit by bit over the ramp, because what just recovered would fall
//!   again under a herd. Trip times are drawn a little longer than configured, so that gateways
//!   that opened together do not all come back together.
//!
//! The last failures are kept one by one rather than as a count per window: "three within a minute"
//! is then exactly that, wherever the minute begins, and what turns out to be a request's own fault
//! can be taken back.

mod circuit;
pub mod store;
pub mod vote;
pub mod window;

pub use circuit::{Admission, Circuit};
pub use vote::RequestMark;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::{Backend, BreakerScope};
use crate::time::Millis;

/// Which circuit: the same for every worker and after every reload, as long as backend, URL and
/// deployment stay the same. A backend that was moved to another URL starts afresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CircuitId(pub u64);

/// What an answer, or its absence, says about the backend's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// It asked for less traffic, perhaps until a time.
    Throttled(Option<Millis>),
    /// The same, but it says that it has room left: perhaps only this request is too large for it.
    ThrottledWithRoom(Option<Millis>),
    /// The same, and the configuration counts such answers: it is only throttled after as many as count.
    ThrottledCounted(Option<Millis>),
    /// It failed, and may have said when to come back.
    Failed(Option<Millis>),
    /// It failed once more, and by that too large a share of its answers ([`window`]).
    FailedTooOften(Option<Millis>),
    /// It refused Spillway's own credential or lacks the deployment: a mistake in the configuration.
    Refused,
}

/// Why a circuit opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OpenReason {
    /// Its backend asked for less traffic.
    Throttled,
    /// It failed too often in a row.
    Failed,
    /// Too large a share of its answers were failures.
    FailedTooOften,
    /// It refused Spillway's own credential, or lacks the deployment.
    Refused,
}

/// Why a circuit is not closed. The status says it in these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unavailability {
    /// Its backend asked for less traffic.
    Throttled,
    /// Its backend failed, or refused Spillway's own credential.
    Failed,
}

impl FailureKind {
    /// The time after which the backend wants to be asked again, where it has said one.
    pub const fn retry_after(self) -> Option<Millis> {
        match self {
            Self::Throttled(wait)
            | Self::ThrottledWithRoom(wait)
            | Self::ThrottledCounted(wait)
            | Self::Failed(wait)
            | Self::FailedTooOften(wait) => wait,
            Self::Refused => None,
        }
    }

    /// Why a circuit opens that opens by this.
    pub const fn why(self) -> OpenReason {
        match self {
            Self::Throttled(_) | Self::ThrottledWithRoom(_) | Self::ThrottledCounted(_) => {
                OpenReason::Throttled
            }
            Self::Failed(_) => OpenReason::Failed,
            Self::FailedTooOften(_) => OpenReason::FailedTooOften,
            Self::Refused => OpenReason::Refused,
        }
    }
}

impl CircuitId {
    /// The circuit of this deployment at this backend.
    pub fn new(backend: &Backend, deployment: &str, scope: BreakerScope) -> Self {
        let deployment = match scope {
            BreakerScope::Deployment => deployment,
            BreakerScope::Backend => "",
        };
        let mut hash = Sha256::new();
        for part in [&backend.name, &backend.url.authority(), &backend.url.base_path, deployment] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let mut id = [0; 8];
        for (to, from) in id.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        Self(u64::from_be_bytes(id))
    }
}
