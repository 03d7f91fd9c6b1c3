//! The failures that a circuit remembers, each the vote of one request.
//!
//! One request is weak evidence about a backend: a prompt that a firewall refuses, or that makes a
//! server fall over, says more about itself. So:
//!
//! - A request votes once, and what is the same request again ([`RequestMark`]) is no second vote: an
//!   SDK that tries three times has seen one failure.
//! - While the request may still be tried elsewhere, its vote is an *accusation*: other requests go
//!   elsewhere where they can, and to this member where they cannot. Once another member has said
//!   something else, the vote is *certain*, and certain votes open the circuit.
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
    /// What is known of whose fault it was.
    pub standing: Standing,
}

/// What is known of whose fault a failure was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing yet: the request may still be tried elsewhere.
    Accused,
    /// The same, and the member has answered another request well since.
    Excused,
    /// The member's.
    Certain,
    /// The request's, it seems: every other member said the same to it.
    Doubtful,
}

/// The votes of a circuit, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Votes(pub(super) Vec<Vote>);

impl Votes {
    /// Takes a vote. Returns whether it counts: an identical request has not voted yet.
    pub fn cast(
        &mut self,
        request: RequestMark,
        standing: Standing,
        rule: &BreakerRule,
        now: Timestamp,
    ) -> bool {
        let known = |vote: &Vote| request != RequestMark::UNKNOWN && vote.request == request;
        if self.0.iter().any(known) {
            return false;
        }
        self.pass(rule, |vote| vote.standing != Standing::Doubtful);
        self.0.push(Vote { at: now, request, later: 0, standing });
        true
    }

    /// Takes note of a good answer. Returns whether that changes anything.
    pub fn answered(&mut self, rule: &BreakerRule) -> bool {
        let any = !self.0.is_empty();
        self.0.retain(|vote| vote.standing != Standing::Doubtful);
        for vote in self.0.iter_mut().filter(|vote| vote.standing == Standing::Accused) {
            vote.standing = Standing::Excused;
        }
        self.pass(rule, |_| true);
        any
    }

    /// Makes the accusation of a request certain. Returns whether there was one.
    pub fn confirm(&mut self, request: RequestMark) -> bool {
        let mut found = false;
        for vote in self.0.iter_mut().filter(|vote| vote.is_open() && vote.request == request) {
            vote.standing = Standing::Certain;
            found = true;
        }
        found
    }

    /// Makes the votes of a request doubtful; nothing is left of them where the member has answered
    /// others since. Returns whether there was one.
    pub fn withdraw(&mut self, request: RequestMark) -> bool {
        let mut found = false;
        self.0.retain_mut(|vote| {
            if vote.request != request || vote.standing == Standing::Doubtful {
                return true;
            }
            found = true;
            let excused = vote.standing == Standing::Excused;
            vote.standing = Standing::Doubtful;
            !excused
        });
        found
    }

    /// Forgets what is older than the interval, or younger than the clock can be wrong.
    pub fn expire(&mut self, rule: &BreakerRule, now: Timestamp, latest: Timestamp) {
        self.0.retain(|vote| vote.at + rule.interval > now && vote.at <= latest);
    }

    /// Whether they open the circuit.
    pub fn are_enough(&self, rule: &BreakerRule) -> bool {
        let certain = self.count(|vote| vote.standing == Standing::Certain);
        let doubtful = self.count(|vote| vote.standing == Standing::Doubtful);
        certain >= rule.failures as usize || certain.saturating_add(doubtful) >= in_a_row(rule)
    }

    /// Whether they would open it, were all accusations confirmed.
    pub fn would_be_enough(&self, rule: &BreakerRule, now: Timestamp) -> bool {
        let counts =
            |vote: &Vote| vote.standing != Standing::Doubtful && vote.at + rule.interval > now;
        self.count(counts) >= rule.failures as usize
    }

    fn count(&self, of: impl Fn(&Vote) -> bool) -> usize {
        self.0.iter().filter(|vote| of(vote)).count()
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
        self.0.retain(|vote| vote.standing == Standing::Doubtful || vote.later < latest);
    }
}

impl Vote {
    const fn is_open(&self) -> bool {
        matches!(self.standing, Standing::Accused | Standing::Excused)
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

    fn voted(marks: &[u64], standing: Standing) -> Votes {
        let mut votes = Votes::default();
        for mark in marks {
            votes.cast(RequestMark(*mark), standing, &rule(), T0);
        }
        votes
    }

    fn certain(marks: &[u64]) -> Votes {
        voted(marks, Standing::Certain)
    }

    #[test]
    fn the_same_request_votes_once_and_unknown_ones_always() {
        assert!(!certain(&[1, 1, 1, 2, 2]).are_enough(&rule()));
        assert!(certain(&[1, 2, 1, 3]).are_enough(&rule()));
        assert!(certain(&[0, 0, 0]).are_enough(&rule()));
    }

    #[test]
    fn what_is_not_known_yet_accuses_and_opens_once_it_is_confirmed() {
        let mut votes = voted(&[1, 2], Standing::Accused);
        assert!(!votes.would_be_enough(&rule(), T0));
        votes.cast(RequestMark(3), Standing::Accused, &rule(), T0);
        assert!(votes.would_be_enough(&rule(), T0) && !votes.are_enough(&rule()));
        assert!(!votes.would_be_enough(&rule(), T0 + rule().interval), "a minute later");
        assert!(votes.answered(&rule()), "to somebody who could go nowhere else");
        assert!(votes.would_be_enough(&rule(), T0), "three of its latest four answers");
        for mark in 1..=3 {
            assert!(!votes.are_enough(&rule()), "{mark}");
            assert!(votes.confirm(RequestMark(mark)));
            assert!(!votes.confirm(RequestMark(mark)), "once");
        }
        assert!(votes.are_enough(&rule()));
    }

    #[test]
    fn what_all_members_said_opens_only_after_many_in_a_row() {
        let mut votes = Votes::default();
        for mark in 1..=12 {
            assert!(!votes.are_enough(&rule()), "{mark}");
            votes.cast(RequestMark(mark), Standing::Accused, &rule(), T0);
            assert!(votes.withdraw(RequestMark(mark)));
        }
        assert!(votes.are_enough(&rule()));
        assert!(votes.answered(&rule()), "a good answer in between");
        assert!(votes.is_empty());
    }

    #[test]
    fn a_request_that_a_good_answer_has_followed_leaves_no_doubt_when_it_takes_its_votes_back() {
        let mut votes = voted(&[1], Standing::Accused);
        votes.answered(&rule());
        votes.cast(RequestMark(2), Standing::Accused, &rule(), T0);
        assert!(votes.withdraw(RequestMark(1)) && votes.withdraw(RequestMark(2)));
        let left: Vec<RequestMark> = votes.0.iter().map(|vote| vote.request).collect();
        assert_eq!(left, [RequestMark(2)]);
        assert!(!votes.withdraw(RequestMark(2)), "once");
    }

    #[test]
    fn ten_answers_later_a_vote_is_forgotten() {
        let mut votes = certain(&[1, 2]);
        for _ in 0..9 {
            assert!(votes.answered(&rule()));
        }
        votes.cast(RequestMark(3), Standing::Certain, &rule(), T0);
        assert!(!votes.are_enough(&rule()), "three among twelve");
        assert!(certain(&[1, 2, 3]).are_enough(&rule()), "three in a row");
    }
}
