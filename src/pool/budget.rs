//! The retry budget: which share of a pool's traffic may be retries.
//!
//! A retry is a second request for one of a client's. When backends fail one after the other, each
//! request is tried at each of them, and what still works gets its own load, that of the dead, and
//! that of the dying again and again: retries are how one dead region becomes three. A budget ends
//! that. It counts attempts that follow a *failure*; another backend after a 429 or a refusal costs
//! nothing that was worth saving, for the one that said no did no work.
//!
//! It never stands between a request and a backend that works: who has failed nobody lately is asked
//! whatever was spent. What it saves are further requests to those that fail themselves.
//!
//! The account is a worker's own, over the last ten seconds: requests that were under way at any
//! time of it, and retries that began in it. Those that still are under way count as often as they
//! may be tried again. After a start, or a pause, they are all there is: counted once, a burst that
//! meets two dead backends would be refused the third, which works.

#![warn(clippy::arithmetic_side_effects)]

use crate::time::{Millis, Timestamp};

/// One worker's account of one pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Budget {
    under_way: u32,
    /// The last seconds, each with its number.
    seconds: [Second; SECONDS],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Second {
    number: u64,
    ended: u32,
    retries: u32,
}

impl Budget {
    /// A request begins.
    pub const fn begin(&mut self) {
        self.under_way = self.under_way.saturating_add(1);
    }

    /// A request has ended.
    pub fn end(&mut self, now: Timestamp) {
        self.under_way = self.under_way.saturating_sub(1);
        if let Some(second) = self.second(now) {
            second.ended = second.ended.saturating_add(1);
        }
    }

    /// A retry begins.
    pub fn retry(&mut self, now: Timestamp) {
        if let Some(second) = self.second(now) {
            second.retries = second.retries.saturating_add(1);
        }
    }

    /// Whether one more retry keeps within this share of the requests, in percent, where each of
    /// them may be tried again so often. A few are always allowed: of three requests, no share can
    /// be told.
    pub fn allows(&self, percent: u32, each: usize, now: Timestamp) -> bool {
        let this = now.0 / 1000;
        let recent = |second: &&Second| this.saturating_sub(second.number) < SECONDS as u64;
        let each = u64::try_from(each).unwrap_or(1).max(1);
        let (mut requests, mut retries) = (u64::from(self.under_way).saturating_mul(each), 0);
        for second in self.seconds.iter().filter(recent) {
            requests = requests.saturating_add(u64::from(second.ended));
            retries = u64::saturating_add(retries, u64::from(second.retries));
        }
        let share = requests.saturating_mul(u64::from(percent)) / 100;
        retries < share.saturating_add(ALWAYS)
    }

    /// The current second; what stood in its place was ten seconds ago.
    fn second(&mut self, now: Timestamp) -> Option<&mut Second> {
        let number = now.0 / 1000;
        let place = usize::try_from(number.checked_rem(SECONDS as u64)?).ok()?;
        let second = self.seconds.get_mut(place)?;
        if second.number != number {
            *second = Second { number, ..Second::default() };
        }
        Some(second)
    }
}

const SECONDS: usize = 10;

/// How far back it looks.
pub const SPAN: Millis = Millis::from_secs(SECONDS as u64);

/// Retries that are always allowed within these seconds.
const ALWAYS: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;
    use crate::time::Millis;

    const T0: Timestamp = Timestamp(1_000_000);

    /// How many retries this budget allows where a request has two backends.
    fn allowed(budget: Budget, percent: u32, now: Timestamp) -> u32 {
        allowed_of(budget, percent, 1, now)
    }

    fn allowed_of(mut budget: Budget, percent: u32, each: usize, now: Timestamp) -> u32 {
        let mut retries = 0..10_000;
        while budget.allows(percent, each, now) && retries.next().is_some() {
            budget.retry(now);
        }
        retries.start
    }

    #[test]
    fn a_share_of_the_requests_and_a_few_are_allowed() {
        let mut budget = Budget::default();
        assert_eq!(allowed(budget.clone(), 20, T0), 10);
        for _ in 0..100 {
            budget.begin();
        }
        assert_eq!(allowed(budget.clone(), 20, T0), 30);
        assert_eq!(allowed(budget.clone(), 100, T0), 110);
        assert_eq!(allowed(budget, 0, T0), 10);
    }

    #[test]
    fn a_request_under_way_may_reach_every_backend() {
        let mut budget = Budget::default();
        for _ in 0..100 {
            budget.begin();
        }
        assert_eq!(allowed_of(budget.clone(), 100, 4, T0), 410);
        for _ in 0..100 {
            budget.end(T0);
        }
        assert_eq!(allowed_of(budget, 100, 4, T0), 110, "and counts once when it has ended");
    }

    #[test]
    fn requests_that_have_ended_count_for_ten_seconds() {
        let mut budget = Budget::default();
        for _ in 0..100 {
            budget.begin();
            budget.end(T0);
        }
        assert_eq!(allowed(budget.clone(), 20, T0 + Millis(9999)), 30);
        assert_eq!(allowed(budget, 20, T0 + Millis(10_000)), 10);
    }

    #[test]
    fn retries_are_forgotten_after_ten_seconds() {
        let mut budget = Budget::default();
        for _ in 0..10 {
            budget.retry(T0);
        }
        assert!(!budget.allows(20, 1, T0 + Millis(9999)));
        assert!(budget.allows(20, 1, T0 + Millis(10_000)));
    }
}
