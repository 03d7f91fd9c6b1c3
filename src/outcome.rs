//! Judging an answer: whose fault it is, and whether another backend should be asked.
//!
//! The two questions are apart. A 400 is the client's own mistake: nobody is blamed, nobody else
//! is asked. A 429 blames nobody for failing, but asks elsewhere. A refused credential is a mistake
//! in the configuration: it would be refused again, so its backend is left alone for a while.
//!
//! The rules are DESIGN's table "Judging an answer"; what a pool sets for `retry` and
//! `circuit_breaker` changes them for that pool.

#![warn(clippy::arithmetic_side_effects)]

use crate::breaker::FailureKind;
use crate::config::{BreakerRule, RetryRule};
use crate::missing;
use crate::stream::StreamError;
use crate::time::Millis;

/// What follows from an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What it says about the backend's health; `None`: nothing.
    pub failure: Option<FailureKind>,
    /// Whether another backend should be asked, if there is one.
    pub elsewhere: bool,
    /// Whether it counts among the good answers where a share of failures is looked at. A client's
    /// own mistake counts on neither side.
    pub good: bool,
}

impl Verdict {
    /// The answer is the client's, and what it asked for.
    pub const GOOD: Self = Self { failure: None, elsewhere: false, good: true };

    /// The answer is the client's, whatever it says.
    pub const FINAL: Self = Self { failure: None, elsewhere: false, good: false };

    /// No answer came: the connection failed, was lost, or took too long.
    pub const NO_ANSWER: Self =
        Self { failure: Some(FailureKind::Failed(None)), elsewhere: true, good: false };

    /// The answer broke off, and what came of it is the client's.
    pub const BROKEN_OFF: Self =
        Self { failure: Some(FailureKind::Failed(None)), elsewhere: false, good: false };

    /// The answer has a status that is none ([`is_status`]).
    pub const NO_STATUS: Self =
        Self { failure: Some(FailureKind::Failed(None)), elsewhere: true, good: false };

    /// Judges by the status, and by what was announced where the status calls for it. `has_room`: it
    /// says that none of its limits is reached ([`RetryAfter::has_room`]).
    ///
    /// [`RetryAfter::has_room`]: crate::retry_after::RetryAfter::has_room
    pub fn on_status(
        status: u16,
        retry_after: Option<Millis>,
        has_room: bool,
        breaker: &BreakerRule,
        retry: &RetryRule,
    ) -> Self {
        if status < 400 {
            return Self::GOOD;
        }
        let refused = matches!(status, 401 | 403) && retry.failover_on_refusal;
        let counts = breaker.statuses.contains(status);
        let failure = if status == 429 && has_room {
            Some(FailureKind::ThrottledWithRoom(retry_after))
        } else if status == 429 {
            Some(throttling(retry_after, breaker))
        } else if counts {
            Some(FailureKind::Failed(retry_after))
        } else if refused {
            Some(FailureKind::Refused)
        } else {
            None
        };
        Self { failure, elsewhere: refused || retry.statuses.contains(status), good: false }
    }

    /// Whether it is a vote that may turn out to be the request's fault. What asks for less traffic is
    /// none: the backend says so itself. Where it says that it has room all the same, it is one.
    pub const fn is_vote(&self) -> bool {
        matches!(self.failure, Some(FailureKind::Refused)) || self.has_room() || self.failed()
    }

    /// Whether it asks for less traffic, and says that there is room all the same.
    pub const fn has_room(&self) -> bool {
        matches!(self.failure, Some(FailureKind::ThrottledWithRoom(_)))
    }

    /// Whether the backend tried and failed: what makes asking another one a load twice borne.
    pub const fn failed(&self) -> bool {
        matches!(self.failure, Some(FailureKind::Failed(_) | FailureKind::FailedTooOften(_)))
    }

    /// The stream began with this fault, and nobody has seen it.
    pub fn on_stream_start(fault: StreamError, breaker: &BreakerRule, retry: &RetryRule) -> Self {
        let failure = match fault {
            StreamError::Throttled(retry_after) => throttling(retry_after, breaker),
            StreamError::Refused if retry.failover_on_refusal => FailureKind::Refused,
            StreamError::Failed => FailureKind::Failed(None),
            StreamError::Refused | StreamError::Requests => return Self::FINAL,
        };
        Self { failure: Some(failure), elsewhere: true, good: false }
    }

    /// The stream came to this fault when the client had seen some of it: there is no way back.
    pub fn on_stream_end(fault: StreamError, breaker: &BreakerRule, retry: &RetryRule) -> Self {
        Self { elsewhere: false, ..Self::on_stream_start(fault, breaker, retry) }
    }

    /// Judges a 404 by its body: only a missing deployment is the configuration's mistake.
    pub fn on_not_found(body: &[u8]) -> Self {
        if missing::is_told_by(body) {
            Self { failure: Some(FailureKind::Refused), elsewhere: true, good: false }
        } else {
            Self::FINAL
        }
    }
}

/// What a 429 is, in whatever form: where the rule lists it, it takes as many as count.
fn throttling(retry_after: Option<Millis>, breaker: &BreakerRule) -> FailureKind {
    if breaker.statuses.contains(429) && breaker.failures > 1 {
        FailureKind::ThrottledCounted(retry_after)
    } else {
        FailureKind::Throttled(retry_after)
    }
}

/// Whether this is the status of an answer: RFC 9110 §15 has classes 2 to 5. Class 1 comes before
/// an answer, and Envoy keeps it to itself, but for 101, which is one where it was asked for.
pub const fn is_status(status: u16, switches: bool) -> bool {
    matches!(status, 200..=599) || (status == 101 && switches)
}

/// Whether an answer of this status can only be judged with its body.
pub const fn needs_body(status: u16, retry: &RetryRule) -> bool {
    status == 404 && retry.failover_on_refusal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StatusSet;
    use crate::testing::test;

    fn rules() -> (BreakerRule, RetryRule) {
        (BreakerRule::default(), RetryRule::default())
    }

    fn judged(status: u16) -> (Option<FailureKind>, bool) {
        let (breaker, retry) = rules();
        let verdict = Verdict::on_status(status, Some(Millis(7)), false, &breaker, &retry);
        (verdict.failure, verdict.elsewhere)
    }

    #[test]
    fn every_row_of_the_table() {
        for status in [200, 204, 302, 400, 404, 409, 413, 422, 431] {
            assert_eq!(judged(status), (None, false), "{status}");
        }
        for status in [401, 403] {
            assert_eq!(judged(status), (Some(FailureKind::Refused), true), "{status}");
        }
        for status in [408, 500, 502, 503, 504] {
            assert_eq!(
                judged(status),
                (Some(FailureKind::Failed(Some(Millis(7)))), true),
                "{status}"
            );
        }
        assert_eq!(judged(429), (Some(FailureKind::Throttled(Some(Millis(7)))), true));
    }

    #[test]
    fn a_status_is_one_of_four_classes_or_a_switch_that_was_asked_for() {
        for status in [200, 299, 302, 418, 599] {
            assert!(is_status(status, false), "{status}");
        }
        for status in [0, 1, 99, 100, 103, 199, 600, 999, 1000, u16::MAX] {
            assert!(!is_status(status, true), "{status}");
        }
        assert!(is_status(101, true) && !is_status(101, false));
    }

    #[test]
    fn a_429_is_throttling_also_where_a_pool_counts_it() {
        let (breaker, retry) = rules();
        let counts = BreakerRule { statuses: StatusSet(vec![(429, 429)]), ..breaker };
        let judged = |rule: &BreakerRule| Verdict::on_status(429, None, false, rule, &retry);
        assert_eq!(judged(&counts).failure, Some(FailureKind::ThrottledCounted(None)));
        assert!(!judged(&counts).failed() && !judged(&counts).is_vote());
        let one = BreakerRule { failures: 1, ..counts };
        assert_eq!(judged(&one).failure, Some(FailureKind::Throttled(None)));
    }

    #[test]
    fn a_pool_may_pass_refusals_on() {
        let (breaker, retry) = rules();
        let passes = RetryRule { failover_on_refusal: false, ..retry };
        assert_eq!(Verdict::on_status(401, None, false, &breaker, &passes), Verdict::FINAL);
        assert!(!needs_body(404, &passes));
    }
}
