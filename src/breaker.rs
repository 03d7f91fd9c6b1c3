//! The circuit breaker: when a backend is left alone, and for how long.
//!
//! *Closed* means traffic flows; *open* means it is stopped. (Some codebases use the words the
//! other way round.) A circuit covers one deployment at one backend, because Azure OpenAI limits
//! deployments: a 429 on one model says nothing about another.
//!
//! Throttling and failing are different things. A backend that says 429 works, and says when it
//! will serve again: its circuit opens at once for the announced time. A backend that fails says
//! nothing about the future: only several failures within the interval open its circuit, for the
//! configured trip time. When the time is over, traffic returns in full.
//!
//! The times of the last failures are kept one by one rather than as a count per window: "three
//! within a minute" is then exactly that, wherever the minute begins.

pub mod board;

use sha2::{Digest, Sha256};

use crate::config::{Backend, BreakerRule, BreakerScope};
use crate::time::{Millis, Timestamp};

/// Which circuit: the same for every worker and after every reload, as long as backend, URL and
/// deployment stay the same. A backend that was moved to another URL starts afresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CircuitId(pub u64);

/// What an answer, or its absence, says about the backend's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// It asked for less traffic, perhaps until a time.
    Throttled(Option<Millis>),
    /// It failed, and may have said when to come back.
    Failed(Option<Millis>),
    /// It refused Spillway's own credential or lacks the deployment: a mistake in the configuration.
    Refused,
}

/// One circuit. Without history it is closed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Circuit {
    /// Open before this time, closed from it on.
    pub open_until: Timestamp,
    /// When it failed, oldest first; never more than the rule's `failures`.
    pub failures: Vec<Timestamp>,
    /// From this time on the history says nothing any more.
    pub forget_at: Timestamp,
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

impl Circuit {
    /// The time until which it is open, or `None` where it is closed.
    ///
    /// A wall clock may jump back: no circuit is open for longer than its rule can mean.
    pub fn open_until(&self, rule: &BreakerRule, now: Timestamp) -> Option<Timestamp> {
        let longest = now + rule.max_trip.max(rule.trip);
        Some(self.open_until.min(longest)).filter(|until| *until > now)
    }

    /// Takes note of what an answer said. Tells whether anything changed.
    pub fn record(&mut self, blame: Blame, rule: &BreakerRule, now: Timestamp) -> bool {
        match blame {
            Blame::Throttled(announced) => self.open(trip_time(announced, rule), rule, now),
            Blame::Refused => self.open(rule.trip, rule, now),
            Blame::Failed(announced) => {
                self.failures.retain(|at| *at + rule.interval > now && *at <= now);
                self.failures.push(now);
                self.forget_at = self.forget_at.max(now + rule.interval);
                if self.failures.len() >= rule.failures as usize {
                    self.failures.clear();
                    self.open(trip_time(announced, rule), rule, now);
                }
                true
            }
        }
    }

    /// A later announcement extends, never shortens.
    fn open(&mut self, time: Millis, rule: &BreakerRule, now: Timestamp) -> bool {
        let until = now + time;
        if self.open_until(rule, now).is_some_and(|already| already >= until) {
            return false;
        }
        self.open_until = until;
        self.forget_at = self.forget_at.max(until);
        true
    }
}

fn trip_time(announced: Option<Millis>, rule: &BreakerRule) -> Millis {
    announced.filter(|_| rule.accept_retry_after).map_or(rule.trip, |wait| wait.min(rule.max_trip))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    const T0: Timestamp = Timestamp(1_000_000);

    fn opened_by(blame: Blame, rule: &BreakerRule) -> Option<Millis> {
        let mut circuit = Circuit::default();
        circuit.record(blame, rule, T0);
        circuit.open_until(rule, T0).map(|until| until.since(T0))
    }

    #[test]
    fn one_throttled_answer_opens_for_the_announced_time() {
        let shorter = Blame::Throttled(Some(Millis(3000)));
        let longer = Blame::Throttled(Some(Millis::from_secs(90)));
        assert_eq!(opened_by(shorter, &BreakerRule::default()), Some(Millis(3000)));
        assert_eq!(opened_by(longer, &BreakerRule::default()), Some(Millis::from_secs(90)));
        assert_eq!(
            opened_by(Blame::Throttled(None), &BreakerRule::default()),
            Some(Millis::from_secs(60))
        );
    }

    #[test]
    fn an_announced_day_is_capped() {
        let day = Blame::Throttled(Some(Millis::from_secs(86_400)));
        assert_eq!(opened_by(day, &BreakerRule::default()), Some(Millis::from_secs(600)));
    }

    #[test]
    fn announcements_are_ignored_where_the_rule_says_so() {
        let deaf = BreakerRule { accept_retry_after: false, ..BreakerRule::default() };
        let day = Blame::Throttled(Some(Millis::from_secs(86_400)));
        assert_eq!(opened_by(day, &deaf), Some(Millis::from_secs(60)));
    }

    #[test]
    fn a_later_announcement_extends_and_never_shortens() {
        let mut circuit = Circuit::default();
        assert!(circuit.record(Blame::Throttled(Some(Millis(5000))), &BreakerRule::default(), T0));
        assert!(!circuit.record(Blame::Throttled(Some(Millis(1000))), &BreakerRule::default(), T0));
        assert_eq!(circuit.open_until, T0 + Millis(5000));
        assert!(circuit.record(Blame::Throttled(Some(Millis(9000))), &BreakerRule::default(), T0));
        assert_eq!(circuit.open_until, T0 + Millis(9000));
    }

    #[test]
    fn the_third_failure_within_the_interval_opens() {
        let mut circuit = Circuit::default();
        for seconds in [0, 10] {
            circuit.record(
                Blame::Failed(None),
                &BreakerRule::default(),
                T0 + Millis::from_secs(seconds),
            );
        }
        assert_eq!(circuit.open_until(&BreakerRule::default(), T0 + Millis::from_secs(10)), None);
        let third = T0 + Millis::from_secs(20);
        circuit.record(Blame::Failed(None), &BreakerRule::default(), third);
        assert_eq!(
            circuit.open_until(&BreakerRule::default(), third),
            Some(third + Millis::from_secs(60))
        );
    }

    #[test]
    fn failures_older_than_the_interval_do_not_count() {
        let mut circuit = Circuit::default();
        for seconds in [0, 30, 60, 95] {
            circuit.record(
                Blame::Failed(None),
                &BreakerRule::default(),
                T0 + Millis::from_secs(seconds),
            );
        }
        assert_eq!(circuit.open_until(&BreakerRule::default(), T0 + Millis::from_secs(95)), None);
        assert_eq!(circuit.failures.len(), 2);
    }

    #[test]
    fn after_the_time_it_is_closed_again() {
        let mut circuit = Circuit::default();
        circuit.record(Blame::Throttled(Some(Millis(1000))), &BreakerRule::default(), T0);
        assert_eq!(
            circuit.open_until(&BreakerRule::default(), T0 + Millis(999)),
            Some(T0 + Millis(1000))
        );
        assert_eq!(circuit.open_until(&BreakerRule::default(), T0 + Millis(1000)), None);
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_hold_it_open() {
        let mut circuit = Circuit::default();
        let later = T0 + Millis::from_secs(100_000);
        circuit.record(Blame::Throttled(None), &BreakerRule::default(), later);
        let until = circuit.open_until(&BreakerRule::default(), T0);
        assert_eq!(until, Some(T0 + Millis::from_secs(600)));
    }
}
