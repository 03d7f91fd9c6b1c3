//! The rules of a pool: when a backend is left alone, and what is tried again elsewhere.

use crate::time::Millis;

/// The circuit breaker's rule: when it opens and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerRule {
    /// As many failures within [`interval`](Self::interval) open it; at least 1.
    pub failures: u32,
    /// As large a share of the answers within [`interval`](Self::interval), in percent, opens it
    /// instead of a number of failures, or besides ([`combines`](Self::combines)).
    pub failure_ratio: Option<u32>,
    /// Whether [`failures`](Self::failures) opens it as well where a share does.
    pub combines: bool,
    /// A share of fewer answers than these opens nothing.
    pub minimum_requests: u32,
    /// How long a failure counts.
    pub interval: Millis,
    /// How long it stays open where the backend announces nothing.
    pub trip: Millis,
    /// How long it takes, once a probe was answered, until all traffic is back.
    pub ramp: Millis,
    /// Whether an announced time replaces [`trip`](Self::trip).
    pub accept_retry_after: bool,
    /// No announced time is taken for longer than this, and no trip grows longer.
    pub max_trip: Millis,
    /// The statuses that count as failures. A 429 opens at once unless it is among them.
    pub statuses: StatusSet,
    /// A client that leaves after it has waited so long for an answer's beginning is a failure.
    /// `None`: it never is.
    pub abandoned_after: Option<Millis>,
    /// What is stopped when it opens.
    pub scope: BreakerScope,
}

impl Default for BreakerRule {
    /// What holds where the file says nothing.
    fn default() -> Self {
        Self {
            failures: 3,
            failure_ratio: None,
            combines: false,
            minimum_requests: 20,
            interval: Millis::from_secs(60),
            trip: Millis::from_secs(60),
            ramp: Millis::from_secs(10),
            accept_retry_after: true,
            max_trip: Millis::from_secs(600),
            statuses: StatusSet(vec![(408, 408), (500, 599)]),
            abandoned_after: None,
            scope: BreakerScope::Deployment,
        }
    }
}

/// What one circuit covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerScope {
    /// One deployment at one backend: a 429 on one model does not stop another.
    Deployment,
    /// A whole backend, as in API Management.
    Backend,
}

/// What is tried again on another backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryRule {
    /// Backends that one request may be sent to, the first included. `None`: every member once.
    pub attempts: Option<u32>,
    /// The statuses that are tried again.
    pub statuses: StatusSet,
    /// Whether a refused credential and a missing deployment are tried again elsewhere.
    pub failover_on_refusal: bool,
    /// How many of a pool's requests may be retries after failures, in percent.
    pub budget: u32,
}

impl Default for RetryRule {
    /// What holds where the file says nothing.
    fn default() -> Self {
        Self {
            attempts: None,
            statuses: StatusSet(vec![(408, 408), (429, 429), (500, 599)]),
            failover_on_refusal: true,
            budget: 100,
        }
    }
}

/// A set of HTTP statuses, as ranges with both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSet(pub Vec<(u16, u16)>);

impl StatusSet {
    /// Whether the set holds this status.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|&(from, to)| (from..=to).contains(&status))
    }
}
