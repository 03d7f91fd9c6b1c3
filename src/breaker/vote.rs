//! The failures that a circuit remembers, each the vote of one request.
//!
//! One request is weak evidence about a backend: a prompt that a firewall refuses, or that makes a
//! server fall over, says more about itself. So:
//!
//! - A request votes once, and what is the same request again ([`RequestMark`]) is no second vote: an
//!   SDK that tries three times has seen one failure.
//! - Where every member that a request could be sent to said the same, the request is at fault. Its
//!   votes are withdrawn: they are kept as *doubtful* ones. Only many of them in a row, from different
//!   requests and with no good answer in between, are an outage of all members after all.
//! - A vote is about now: it is forgotten once the backend has given as many answers after it as count
//!   ([`LATEST`]). Three failures in a row are an outage, also after an hour of good answers; three
//!   among sixty thousand are not.

use crate::config::BreakerRule;
use crate::time::Timestamp;

/// What makes requests the same: the client, the operation, the model and the body, as a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct RequestMark(pub u64);

impl RequestMark {
    /// The mark of requests of which nothing is known. No two of them are the same.
    pub const UNKNOWN: Self = Self(0);
}

/// A failure that a circuit remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vote {
    /// When.
    pub at: Timestamp,
    /// Whose it is.
    pub request: RequestMark,
    /// How many answers have come after it.
    pub later: u32,
    /// Every other member said the same to this request.
    pub doubtful: bool,
}

/// The votes of a circuit, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Votes(pub(super) Vec<Vote>);

impl Votes {
    /// Takes a vote. Returns whether it counts: an identical request has not voted yet.
    pub fn cast(&mut self, request: RequestMark, rule: &BreakerRule, now: Timestamp) -> bool {
        let known = |vote: &Vote| request != RequestMark::UNKNOWN && vote.request == request;
        if self.0.iter().any(known) {
            return false;
        }
        self.pass(rule, |vote| !vote.doubtful);
        self.0.push(Vote { at: now, request, later: 0, doubtful: false });
        true
    }

    /// Takes note of a good answer. Returns whether that changes anything.
    pub fn answered(&mut self, rule: &BreakerRule) -> bool {
        let any = !self.0.is_empty();
        self.0.retain(|vote| !vote.doubtful);
        self.pass(rule, |_| true);
        any
    }

    /// Makes the votes of a request doubtful. Returns whether there was one.
    pub fn withdraw(&mut self, request: RequestMark) -> bool {
        let mut found = false;
        for vote in self.0.iter_mut().filter(|vote| vote.request == request && !vote.doubtful) {
            vote.doubtful = true;
            found = true;
        }
        found
    }

    /// Forgets what is older than the interval, or younger than the clock can be wrong.
    pub fn expire(&mut self, rule: &BreakerRule, now: Timestamp, latest: Timestamp) {
        self.0.retain(|vote| vote.at + rule.interval > now && vote.at <= latest);
    }

    /// Whether they open the circuit.
    pub fn are_enough(&self, rule: &BreakerRule) -> bool {
        let doubtful = self.0.iter().filter(|vote| vote.doubtful).count();
        let certain = self.0.len().saturating_sub(doubtful);
        certain >= rule.failures as usize || self.0.len() >= in_a_row(rule)
    }

    /// Whether nothing is remembered.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// One more answer has come after those votes that this is true of.
    fn pass(&mut self, rule: &BreakerRule, of: impl Fn(&Vote) -> bool) {
        let latest = LATEST.max(rule.failures.saturating_mul(3));
        for vote in self.0.iter_mut().filter(|vote| of(vote)) {
            vote.later = vote.later.saturating_add(1);
        }
        self.0.retain(|vote| vote.doubtful || vote.later < latest);
    }
}

/// So many doubtful votes in a row open a circuit.
fn in_a_row(rule: &BreakerRule) -> usize {
    IN_A_ROW.max(rule.failures as usize)
}

/// Of so many answers, the latest, failures are counted.
pub const LATEST: u32 = 10;

/// More than one client's ten requests, with which it must not take a pool from others.
pub const IN_A_ROW: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    const T0: Timestamp = Timestamp(1_000_000);

    fn rule() -> BreakerRule {
        BreakerRule::default()
    }

    fn voted(marks: &[u64]) -> Votes {
        let mut votes = Votes::default();
        for mark in marks {
            votes.cast(RequestMark(*mark), &rule(), T0);
        }
        votes
    }

    #[test]
    fn the_same_request_votes_once_and_unknown_ones_always() {
        assert!(!voted(&[1, 1, 1, 2, 2]).are_enough(&rule()));
        assert!(voted(&[1, 2, 1, 3]).are_enough(&rule()));
        assert!(voted(&[0, 0, 0]).are_enough(&rule()));
    }

    #[test]
    fn what_all_members_said_opens_only_after_many_in_a_row() {
        let mut votes = Votes::default();
        for mark in 1..=12 {
            assert!(!votes.are_enough(&rule()), "{mark}");
            votes.cast(RequestMark(mark), &rule(), T0);
            assert!(votes.withdraw(RequestMark(mark)));
        }
        assert!(votes.are_enough(&rule()));
        assert!(votes.answered(&rule()), "a good answer in between");
        assert!(votes.is_empty());
    }

    #[test]
    fn ten_answers_later_a_vote_is_forgotten() {
        let mut votes = voted(&[1, 2]);
        for _ in 0..9 {
            assert!(votes.answered(&rule()));
        }
        votes.cast(RequestMark(3), &rule(), T0);
        assert!(!votes.are_enough(&rule()), "three among twelve");
        assert!(voted(&[1, 2, 3]).are_enough(&rule()), "three in a row");
    }
}
