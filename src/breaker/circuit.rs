//! One circuit: what was seen of a deployment at a backend, and what follows for the next request.

#![warn(clippy::arithmetic_side_effects)]

use super::vote::{RequestMark, Standing, Votes};
use super::{FailureKind, OpenReason, Unavailability};
use crate::config::BreakerRule;
use crate::time::{Millis, Timestamp};

/// One circuit. Without history it is closed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Circuit {
    /// When it opened last.
    pub opened_at: Timestamp,
    /// Open before this time.
    pub open_until: Timestamp,
    /// From [`open_until`](Self::open_until) on it is half-open rather than closed.
    pub suspect: bool,
    /// A probe is out, at most until this time.
    pub probe_until: Timestamp,
    /// When a probe closed it; traffic returns from then on.
    pub closed_at: Timestamp,
    /// Openings by failure, one after the other.
    pub trips: u32,
    /// From this time on the trips before are forgotten.
    pub calm_at: Timestamp,
    /// What opened it last was a probe that failed.
    pub reopened: bool,
    /// Its backend has asked for no traffic before this time.
    pub throttled_until: Timestamp,
    /// The failures that may open it, or that have.
    pub votes: Votes,
    /// From this time on the history says nothing any more.
    pub forget_at: Timestamp,
}

/// What a circuit lets through now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Everything.
    Closed,
    /// Everything that can go nowhere else: requests that may turn out to be at fault themselves have
    /// said enough to open it.
    Accused,
    /// So many requests of a thousand: it was closed by a probe a short time ago.
    Returning(u32),
    /// One request, which must first be [claimed](Circuit::claim) as its probe.
    HalfOpen,
    /// Nothing, for its probe is out; how that ends is known at this time at the latest, and
    /// perhaps soon.
    Probed(Timestamp),
    /// Nothing, and perhaps more from this time on.
    Shut(Timestamp, Unavailability),
}

impl Circuit {
    /// What it lets through now.
    ///
    /// A wall clock may jump back: what was written in the future says nothing about now.
    pub fn admission(&self, rule: &BreakerRule, now: Timestamp) -> Admission {
        let until = self.open_until(rule, now);
        let cause = if self.suspect { Unavailability::Failed } else { Unavailability::Throttled };
        if until > now {
            return Admission::Shut(until, cause);
        }
        if self.suspect {
            let lease = Some(self.probe_until.since(now)).filter(|lease| *lease <= LONGEST_LEASE);
            let lease = lease.unwrap_or_default();
            let out = lease > Millis(0);
            return if out { Admission::Probed(self.probe_until) } else { Admission::HalfOpen };
        }
        if self.votes.would_be_enough(rule, now) {
            return Admission::Accused;
        }
        let since = now.since(self.closed_at);
        // The millisecond that it closed in is part of it, so that a ramp of `1ms` is none.
        let is_over = since.0.saturating_add(1) >= rule.ramp.0;
        if self.closed_at == Timestamp(0) || is_over || self.closed_at > now {
            return Admission::Closed;
        }
        let share = since.0.saturating_mul(1000).checked_div(rule.ramp.0).unwrap_or(1000);
        Admission::Returning(u32::try_from(share).unwrap_or(1000).max(LEAST_SHARE))
    }

    /// Claims the probe of a half-open circuit. Once it was claimed, nobody else gets it before it
    /// was [recorded](Self::record), [given back](Self::release), or `lease` is over.
    ///
    /// `early`: nobody else of the pool may be asked, so that it need not be half-open yet. What waits
    /// for an announced time is left alone all the same.
    pub fn claim(
        &mut self,
        lease: Millis,
        early: bool,
        rule: &BreakerRule,
        now: Timestamp,
    ) -> bool {
        let free = match self.admission(rule, now) {
            Admission::HalfOpen => true,
            Admission::Shut(_, Unavailability::Failed) => {
                early && self.throttled_until <= now && self.probe_until <= now
            }
            _ => false,
        };
        if free {
            self.probe_until = now + lease.min(LONGEST_LEASE);
            self.remember(self.probe_until);
        }
        free
    }

    /// Gives a claimed probe back that was not made, or whose end nobody saw.
    pub fn release(&mut self) -> bool {
        let claimed = self.suspect && self.probe_until > Timestamp(0);
        self.probe_until = Timestamp(0);
        claimed
    }

    /// Takes note of what the answer to a probe said; `None`: it blames nobody. `draw` is any
    /// number, and decides on the jitter. Tells whether anything changed.
    pub fn probed(
        &mut self,
        failure: Option<FailureKind>,
        request: RequestMark,
        rule: &BreakerRule,
        now: Timestamp,
        draw: u64,
    ) -> bool {
        if !self.suspect {
            return failure.is_some_and(|failure| self.record(failure, request, rule, now, draw));
        }
        self.probe_until = Timestamp(0);
        match failure {
            // It was early, and says what was known: the time that is left is enough.
            Some(
                FailureKind::Failed(_) | FailureKind::FailedTooOften(_) | FailureKind::Refused,
            ) if self.open_until(rule, now) > now && self.throttled_until <= now => {}
            Some(
                failure @ (FailureKind::Failed(_)
                | FailureKind::FailedTooOften(_)
                | FailureKind::Refused),
            ) => {
                self.trip(failure.retry_after(), rule, now, draw);
                self.reopens_by(request, rule, now);
            }
            // It works: what it announces is all there is to wait for.
            Some(
                FailureKind::Throttled(retry_after) | FailureKind::ThrottledCounted(retry_after),
            ) => {
                self.works();
                self.throttle(retry_after, rule, now);
            }
            Some(FailureKind::ThrottledWithRoom(_)) | None => {
                self.works();
                self.closed_at = now;
                self.calm_at = now + rule.interval.max(rule.ramp);
                self.remember(self.calm_at);
            }
        }
        true
    }

    /// Takes note of what an answer said that was no probe's. `draw` is any number, and decides on
    /// the jitter. Tells whether anything changed.
    pub fn record(
        &mut self,
        failure: FailureKind,
        request: RequestMark,
        rule: &BreakerRule,
        now: Timestamp,
        draw: u64,
    ) -> bool {
        let retry_after = failure.retry_after();
        match failure {
            FailureKind::Throttled(_) => self.throttle(retry_after, rule, now),
            // Sent before it opened, and answered now: nothing that is not known.
            _ if self.suspect => false,
            FailureKind::FailedTooOften(_) => {
                self.trip(retry_after, rule, now, draw);
                true
            }
            _ if !self.cast(request, Standing::Certain, rule, now) => false,
            _ => {
                self.weigh(failure, rule, now, draw);
                true
            }
        }
    }

    /// Takes note of a failure of which it is not known yet whether it is the request's own. Tells
    /// whether anything changed.
    pub fn accuse(&mut self, request: RequestMark, rule: &BreakerRule, now: Timestamp) -> bool {
        !self.suspect && self.cast(request, Standing::Accused, rule, now)
    }

    /// Takes note that it was not: another member has said something else to this request. `now` is
    /// when the failure was. Tells whether anything changed.
    pub fn confirm(
        &mut self,
        failure: FailureKind,
        request: RequestMark,
        rule: &BreakerRule,
        now: Timestamp,
        draw: u64,
    ) -> bool {
        if self.suspect || !self.votes.confirm(request) {
            return false;
        }
        self.weigh(failure, rule, now, draw);
        true
    }

    /// Takes note of a good answer that was no probe's. Returns whether that changes anything.
    pub fn answered(&mut self, rule: &BreakerRule) -> bool {
        !self.suspect && self.votes.answered(rule)
    }

    /// Takes back what this request has said: every member said the same to it. Returns whether that
    /// changes anything.
    pub fn withdraw(&mut self, request: RequestMark, rule: &BreakerRule, now: Timestamp) -> bool {
        if !self.votes.withdraw(request) {
            return false;
        }
        if !self.suspect {
            self.weigh(FailureKind::Failed(None), rule, now, 0);
        } else if self.reopened {
            // It was a probe's: the next one tells more.
            self.trips = self.trips.saturating_sub(1);
            self.open_until = self.throttled_until;
        }
        true
    }

    fn cast(
        &mut self,
        request: RequestMark,
        standing: Standing,
        rule: &BreakerRule,
        now: Timestamp,
    ) -> bool {
        // Another worker may be before this one in the breaker store, and after it by the clock.
        self.votes.expire(rule, now, now + CLOCK_SKEW);
        let counts = self.votes.cast(request, standing, rule, now);
        if counts {
            self.remember(now + rule.interval);
        }
        counts
    }

    /// Opens it, where the votes are enough. This failure was the last of them.
    fn weigh(&mut self, failure: FailureKind, rule: &BreakerRule, now: Timestamp, draw: u64) {
        if !self.votes.are_enough(rule) {
            return;
        }
        if failure.why() == OpenReason::Throttled {
            self.votes.clear();
            self.throttle(failure.retry_after(), rule, now);
        } else {
            self.trip(failure.retry_after(), rule, now, draw);
        }
    }

    /// The answer to a probe has shown that its backend works.
    fn works(&mut self) {
        self.suspect = false;
        self.votes.clear();
        self.open_until = self.throttled_until;
    }

    /// The answer to a probe has opened it again: that is one vote.
    fn reopens_by(&mut self, request: RequestMark, rule: &BreakerRule, now: Timestamp) {
        self.reopened = true;
        self.votes.clear();
        self.votes.cast(request, Standing::Certain, rule, now);
    }

    fn throttle(
        &mut self,
        retry_after: Option<Millis>,
        rule: &BreakerRule,
        now: Timestamp,
    ) -> bool {
        let time = retry_after_time(retry_after, rule).unwrap_or(rule.trip);
        let later = now + time > self.throttled_until;
        self.throttled_until = self.throttled_until.max(now + time);
        // Behind what opened it by failure, it counts should that be taken back.
        self.open(time, rule, now) || (later && self.suspect)
    }

    /// Opens after failures: for the announced time, else longer each time.
    fn trip(&mut self, retry_after: Option<Millis>, rule: &BreakerRule, now: Timestamp, draw: u64) {
        if self.calm_at <= now && !self.suspect {
            self.trips = 0;
        }
        let doubled = rule.trip.0.saturating_mul(1 << self.trips.min(20));
        let grown = Millis(doubled.min(rule.max_trip.0));
        let time = retry_after_time(retry_after, rule).unwrap_or_else(|| jittered(grown, draw));
        self.trips = self.trips.saturating_add(1);
        self.reopened = false;
        self.suspect = true;
        self.open(time, rule, now);
        // Half-open, it waits for its probe, however long nobody asks.
        self.calm_at = self.open_until + rule.interval.max(rule.ramp);
        self.remember(self.open_until + SUSPECT_FOR);
    }

    /// A later announcement extends, never shortens.
    fn open(&mut self, time: Millis, rule: &BreakerRule, now: Timestamp) -> bool {
        let until = now + time;
        if self.open_until(rule, now) >= until {
            return false;
        }
        self.opened_at = now;
        self.open_until = until;
        self.remember(until);
        true
    }

    /// When it is over, at the latest when the rule as it is now can mean.
    fn open_until(&self, rule: &BreakerRule, now: Timestamp) -> Timestamp {
        if self.opened_at > now + CLOCK_SKEW {
            return Timestamp(0);
        }
        let longest = rule.max_trip.max(rule.trip);
        self.open_until.min(self.opened_at + jittered(longest, u64::MAX))
    }

    fn remember(&mut self, until: Timestamp) {
        self.forget_at = self.forget_at.max(until);
    }
}

fn retry_after_time(retry_after: Option<Millis>, rule: &BreakerRule) -> Option<Millis> {
    retry_after.filter(|_| rule.accept_retry_after).map(|wait| wait.min(rule.max_trip))
}

/// Up to a tenth of the time more.
fn jittered(time: Millis, draw: u64) -> Millis {
    let drawn = u128::from(time.0).saturating_mul(u128::from(draw));
    let more = drawn.checked_div(u128::from(u64::MAX)).unwrap_or_default() / 10;
    Millis(time.0.saturating_add(u64::try_from(more).unwrap_or_default()))
}

/// Of a thousand: what a returning backend gets at the least, or it would never be seen to work.
const LEAST_SHARE: u32 = 50;

/// No answer takes longer to begin than a probe may.
const LONGEST_LEASE: Millis = Millis::from_secs(3600);

/// By so much the clocks of two workers, or one clock corrected by a little, may differ.
const CLOCK_SKEW: Millis = Millis::from_secs(5);

/// A backend that nobody has asked for so long may be asked by everyone.
const SUSPECT_FOR: Millis = Millis::from_secs(24 * 3600);

#[cfg(test)]
mod tests;
