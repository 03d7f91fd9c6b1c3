//! What an operator wants to know: told by the core as it happens, and carried by the host to
//! metrics, logs and pages.
//!
//! An observation holds positions in the configuration, numbers, and words of closed lists. It
//! holds nothing that a client or a backend wrote: whatever is made of it can neither leak a prompt
//! nor grow with the traffic.

use crate::breaker::store::Transition;
use crate::config::{ClientId, ModelId};
use crate::reason::Reason;
use crate::time::{Micros, Millis};
use crate::usage::Usage;

/// Something that an operator wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observation {
    /// An attempt has begun.
    Begun {
        /// What was asked for.
        model: ModelId,
        /// Who is asked: a position in the model's pool.
        member: usize,
    },
    /// An attempt that had begun is over: told once for each.
    Over {
        /// What was asked for.
        model: ModelId,
        /// Who was asked.
        member: usize,
        /// From its start to its end.
        took: Millis,
        /// How fast its answer came, where that can be said.
        pace: Option<Pace>,
    },
    /// An attempt was judged, or is known to have failed: told at once, and once for each.
    Attempt {
        /// What was asked for.
        model: ModelId,
        /// Who was asked: a position in the model's pool.
        member: usize,
        /// What it answered; `None`: nothing that anybody has seen.
        status: Option<u16>,
        /// What its answer was, in one word.
        result: AttemptResult,
        /// Whether another attempt follows.
        fails_over: bool,
        /// Whether the client's cookie had named this backend.
        pinned: bool,
        /// Whether its answer is a stream of events.
        streamed: bool,
        /// From its start until it was judged: until the head of its answer, a stream's first content,
        /// or until it was seen that none would come.
        waited: Millis,
    },
    /// A circuit has changed. Told once for each pool that shares it.
    Circuit {
        /// A model whose pool shares the circuit.
        model: ModelId,
        /// The member whose circuit it is.
        member: usize,
        /// What became of it.
        transition: Transition,
        /// Whose request had the last word; `None`: nobody who is known, or it was the time.
        client: Option<ClientId>,
    },
    /// A backend has said what is left of its limits.
    Headroom {
        /// The model.
        model: ModelId,
        /// The member.
        member: usize,
        /// What is left of the scarcer of its limits, of a thousand.
        share: u32,
    },
    /// A request is over: told once for each, however it ended.
    Request {
        /// What was asked for; `None`: nothing that is served here.
        model: Option<ModelId>,
        /// Who asked; `None`: nobody who is known, or everyone may.
        client: Option<ClientId>,
        /// Who was asked last; `None`: nobody.
        member: Option<usize>,
        /// The status that the client got; `None`: it left before.
        status: Option<u16>,
        /// How it ended.
        outcome: Outcome,
        /// Why the gateway answered by itself.
        reason: Option<Reason>,
        /// How many attempts there were.
        attempts: usize,
        /// From its arrival to the head of the answer that the client got.
        first_byte: Option<Millis>,
        /// From its arrival to its end.
        total: Millis,
        /// What the gateway itself added ([`crate::exchange::Exchange`] says what that is).
        own: Micros,
        /// Whether the answer was a stream of events.
        streamed: bool,
        /// Whether it asked for something that tokens are used for, as far as its path tells.
        generates: bool,
        /// Whether a backend has worked for it: it answered well, or its client left while it worked.
        worked_for: bool,
        /// What the backend said that it has used.
        usage: Usage,
    },
}

/// How fast the answer of a stream came after its first content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Tokens that came after the first; at least 1.
    pub tokens: u64,
    /// From the first content to the answer's end.
    pub within: Millis,
}

impl Pace {
    /// How long a token has taken.
    pub const fn per_token(self) -> Micros {
        let micros = self.within.0.saturating_mul(1000);
        match micros.checked_div(self.tokens) {
            Some(each) => Micros(each),
            None => Micros(micros),
        }
    }
}

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttemptResult {
    /// A good answer, as far as its beginning tells.
    Ok,
    /// A status that is the client's own doing, or an error event that is.
    ClientError,
    /// 429, or a stream that began with as much.
    Throttled,
    /// It refused the gateway's own credential, or lacks the deployment.
    Refused,
    /// 5xx, or another status that counts as a failure.
    ServerError,
    /// A good status, and then an error, or nothing that is an answer.
    BadStart,
    /// No connection, none that lasted until the answer began, or a time-out.
    NoAnswer,
    /// The client left before the backend had answered.
    Abandoned,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The client has a backend's good answer, as a whole.
    Answered,
    /// The client has a backend's answer to its own mistake.
    ClientError,
    /// The gateway refused it; no backend was asked.
    Rejected,
    /// The backends are at their limits: 429, or as API Management says it, 503.
    Exhausted,
    /// The backends fail, or may not be asked because they did.
    Unavailable,
    /// The last backend refused the gateway's own credential, and the client was told so.
    BackendRefused,
    /// The answer had begun, and its backend did not finish it.
    Broken,
    /// The gateway was stopped before the answer was complete.
    ShutDown,
    /// The client left before its answer was complete.
    ClientLeft,
}

impl AttemptResult {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::ClientError,
        Self::Throttled,
        Self::Refused,
        Self::ServerError,
        Self::BadStart,
        Self::NoAnswer,
        Self::Abandoned,
    ];

    /// Its word in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ClientError => "client_error",
            Self::Throttled => "throttled",
            Self::Refused => "refused",
            Self::ServerError => "server_error",
            Self::BadStart => "bad_start",
            Self::NoAnswer => "no_answer",
            Self::Abandoned => "abandoned",
        }
    }
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Answered,
        Self::ClientError,
        Self::Rejected,
        Self::Exhausted,
        Self::Unavailable,
        Self::BackendRefused,
        Self::Broken,
        Self::ShutDown,
        Self::ClientLeft,
    ];

    /// Whether the client got an error.
    pub const fn is_error(self) -> bool {
        !matches!(self, Self::Answered | Self::ClientLeft)
    }

    /// Its word in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::ClientError => "client_error",
            Self::Rejected => "rejected",
            Self::Exhausted => "exhausted",
            Self::Unavailable => "unavailable",
            Self::BackendRefused => "backend_refused",
            Self::Broken => "broken",
            Self::ShutDown => "shut_down",
            Self::ClientLeft => "client_left",
        }
    }
}
