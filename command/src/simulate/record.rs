//! What happened in a run, interval by interval and in sum.

use std::collections::BTreeMap;

use super::ending::Ending;
use super::plan::{Plan, START};
use super::region::Outcome;
use spillway::time::{Millis, Timestamp};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// While calls arrived. What was under way then is in the sums alone.
    pub intervals: Vec<Interval>,
    /// What each region did, in the order of the pool's members.
    pub regions: Vec<Deeds>,
    /// Calls that were made.
    pub calls: u64,
    /// Calls that were answered.
    pub answered: u64,
    /// Calls that ended in an error, by status and reason.
    pub errors: BTreeMap<String, u64>,
    /// Requests that arrived at gateways, by the number of backends that were asked.
    pub attempts: BTreeMap<u32, u64>,
    /// Answered calls, by how long they took, the client's own waits included.
    pub times: BTreeMap<Millis, u64>,
    length: Millis,
    interval: Millis,
}

/// An interval.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interval {
    /// Tokens of the requests that arrived at gateways, those of clients' retries included.
    pub offered: u64,
    /// Of these, what the first tier would have served, had each been brought to it at once.
    pub possible: u64,
    /// What each region did, in the order of the pool's members.
    pub regions: Vec<Deeds>,
    /// Calls that were answered.
    pub answered: u64,
    /// Calls that ended in an error.
    pub errors: u64,
}

/// What a region did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deeds {
    /// Tokens that it took.
    pub tokens: u64,
    /// Requests that it served.
    pub served: u64,
    /// Requests that it throttled.
    pub throttled: u64,
    /// Requests that it failed, refused or left without an answer.
    pub failed: u64,
}

impl Record {
    pub(super) fn new(plan: &Plan) -> Self {
        let regions = vec![Deeds::default(); plan.regions.len()];
        let interval = Interval { regions: regions.clone(), ..Interval::default() };
        Self {
            intervals: vec![interval; plan.intervals()],
            regions,
            length: plan.length,
            interval: plan.interval,
            ..Self::default()
        }
    }

    /// Requests that were sent once more to another backend.
    pub fn failovers(&self) -> u64 {
        self.attempts
            .iter()
            .map(|(attempts, count)| u64::from(attempts.saturating_sub(1)) * count)
            .sum()
    }

    /// What all regions did.
    pub fn backends(&self) -> Deeds {
        self.regions.iter().fold(Deeds::default(), |sum, deeds| sum.and(*deeds))
    }

    pub(super) fn offers(&mut self, tokens: u64, possible: bool, now: Timestamp) {
        if let Some(interval) = self.interval_at(now) {
            interval.offered += tokens;
            interval.possible += if possible { tokens } else { 0 };
        }
    }

    pub(super) fn asked(&mut self, member: usize, tokens: u64, outcome: &Outcome, now: Timestamp) {
        let count = |of: bool| u64::from(of);
        let served = *outcome == Outcome::Served;
        let throttled = matches!(outcome, Outcome::Throttled(_));
        let deeds = Deeds {
            tokens: count(served) * tokens,
            served: count(served),
            throttled: count(throttled),
            failed: count(!served && !throttled),
        };
        let interval = self.interval_at(now).and_then(|interval| interval.regions.get_mut(member));
        if let Some(region) = interval {
            *region = region.and(deeds);
        }
        if let Some(region) = self.regions.get_mut(member) {
            *region = region.and(deeds);
        }
    }

    pub(super) fn passed(&mut self, attempts: u32) {
        *self.attempts.entry(attempts).or_default() += 1;
    }

    pub(super) fn ended(&mut self, ending: &Ending, took: Millis, now: Timestamp) {
        let good = ending.status < 400;
        if let Some(interval) = self.interval_at(now) {
            interval.answered += u64::from(good);
            interval.errors += u64::from(!good);
        }
        if good {
            self.answered += 1;
            *self.times.entry(took).or_default() += 1;
            return;
        }
        let kind = match &ending.reason {
            Some(reason) => format!("{} {reason}", ending.status),
            None => format!("{} of a backend", ending.status),
        };
        *self.errors.entry(kind).or_default() += 1;
    }

    fn interval_at(&mut self, now: Timestamp) -> Option<&mut Interval> {
        let at = now.since(START);
        let number = at.0.checked_div(self.interval.0).filter(|_| at < self.length)?;
        self.intervals.get_mut(usize::try_from(number).ok()?)
    }
}

impl Deeds {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            tokens: self.tokens + other.tokens,
            served: self.served + other.served,
            throttled: self.throttled + other.throttled,
            failed: self.failed + other.failed,
        }
    }
}

/// The least of the counted things that so many percent of them do not exceed.
pub fn percentile<T: Copy>(counts: &BTreeMap<T, u64>, percent: u64) -> Option<T> {
    let wanted = (counts.values().sum::<u64>() * percent).div_ceil(100).max(1);
    let mut seen = 0;
    let enough = |(_, count): &(&T, &u64)| {
        seen += **count;
        seen >= wanted
    };
    counts.iter().find(enough).map(|(thing, _)| *thing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_things_that_were_counted() {
        let counts = BTreeMap::from([(1, 98), (2, 1), (3, 1)]);
        let of = |percent| percentile(&counts, percent);
        assert_eq!([of(50), of(98), of(99), of(100)], [Some(1), Some(1), Some(2), Some(3)]);
        assert_eq!(percentile(&BTreeMap::<u32, u64>::new(), 50), None);
    }
}
