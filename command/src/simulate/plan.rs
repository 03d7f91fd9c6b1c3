//! What is played: who asks how much, what the regions can bear, and what befalls them.

use std::ops::Range;
use std::rc::Rc;

use super::limit::Metering;
use spillway::config::ModelId;
use spillway::gateway::Gateway;
use spillway::time::{Millis, Timestamp};

/// One run. Every time in it is counted from the run's start.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The configuration that every gateway has.
    pub gateway: Rc<Gateway>,
    /// The model that is asked for.
    pub model: ModelId,
    /// How many gateways there are; they know nothing of each other.
    pub gateways: usize,
    /// How many workers each has; they share a breaker store.
    pub workers: usize,
    /// What the clients do.
    pub traffic: Traffic,
    /// The regions, in the order of the pool's members.
    pub regions: Vec<RegionPlan>,
    /// How long calls arrive. Those under way then are played to their end.
    pub length: Millis,
    /// How long each interval of the record is.
    pub interval: Millis,
    /// What all chance comes from.
    pub seed: u64,
}

/// What the clients do.
#[derive(Debug, Clone, PartialEq)]
pub struct Traffic {
    /// Calls a second, as they come by chance (a Poisson process).
    pub rate: f64,
    /// Times in which it is another rate; the last that holds counts.
    pub surges: Vec<(Span, f64)>,
    /// The estimated tokens of a call: any number from the first to the second, both included.
    pub tokens: (u64, u64),
    /// How often a client tries again, as the OpenAI SDK does.
    pub retries: u32,
}

/// A region: what it can bear, and what befalls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionPlan {
    /// How it is metered and how many tokens a minute it takes; `None`: as many as come.
    pub capacity: Option<(Metering, u64)>,
    /// How a 429 says when to come back.
    pub announces: Announces,
    /// How long it takes to answer.
    pub latency: Millis,
    /// How long bytes take there and back; a refusal takes no longer.
    pub round_trip: Millis,
    /// When it does not work, and how that shows.
    pub outages: Vec<(Span, Outage)>,
}

/// How a 429 says when to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announces {
    /// `retry-after-ms`, to the millisecond, and `Retry-After`.
    Exact,
    /// `Retry-After` alone, in whole seconds rounded up.
    Seconds,
    /// Not at all.
    Nothing,
}

/// How a region that does not work shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// It answers 503.
    Fails,
    /// It takes no connection.
    Refuses,
    /// It takes the request and says nothing.
    Hangs,
}

/// From a time on and before another, both counted from the run's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first moment.
    pub from: Millis,
    /// The first moment after it.
    pub to: Millis,
}

impl Plan {
    /// The members of the pool's lowest priority: those that are asked while they can serve.
    pub fn first_tier(&self) -> Vec<usize> {
        let pool = self.gateway.route(self.model).map(|route| &route.model.pool);
        let members = pool.into_iter().flatten().enumerate();
        let tier = members.clone().map(|(_, member)| member.priority).min();
        members.filter(|(_, member)| Some(member.priority) == tier).map(|(at, _)| at).collect()
    }

    /// How many tokens the first tier takes in a minute; `None`: as many as come.
    pub fn first_tier_capacity(&self) -> Option<u64> {
        let capacity = |at: usize| Some(self.regions.get(at)?.capacity?.1);
        self.first_tier().into_iter().map(capacity).sum()
    }

    /// About how many calls arrive.
    pub fn calls(&self) -> f64 {
        let (mut at, mut calls) = (Millis(0), 0.0);
        while at < self.length {
            let (rate, until) = self.traffic.rate_at(at);
            let until = until.map_or(self.length, |until| until.min(self.length));
            calls += rate * until.0.saturating_sub(at.0) as f64 / 1000.0;
            at = until;
        }
        calls
    }

    /// How many intervals the record has.
    pub fn intervals(&self) -> usize {
        let count = self.length.0.div_ceil(self.interval.0.max(1));
        usize::try_from(count).unwrap_or(usize::MAX)
    }
}

impl Traffic {
    /// Calls a second at this time, and for how long that is so.
    pub(super) fn rate_at(&self, at: Millis) -> (f64, Option<Millis>) {
        let holds = self.surges.iter().rev().find(|(span, _)| span.holds(at));
        let edges = self.surges.iter().flat_map(|(span, _)| [span.from, span.to]);
        (holds.map_or(self.rate, |(_, rate)| *rate), edges.filter(|edge| *edge > at).min())
    }
}

impl Span {
    /// Whether this time is in it.
    pub fn holds(&self, at: Millis) -> bool {
        (self.from..self.to).contains(&at)
    }

    /// Whether these times and it have a moment in common.
    pub fn meets(&self, times: &Range<Millis>) -> bool {
        self.from < times.end && times.start < self.to
    }
}

/// When a run starts: at no time in particular, but not at the epoch, which means "never".
pub(super) const START: Timestamp = Timestamp(1_000_000_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: u64, to: u64) -> Span {
        Span { from: Millis::from_secs(from), to: Millis::from_secs(to) }
    }

    #[test]
    fn of_two_surges_the_last_that_holds_counts() {
        let surges = vec![(span(10, 30), 5.0), (span(20, 40), 7.0)];
        let traffic = Traffic { rate: 1.0, surges, tokens: (1, 1), retries: 0 };
        let rates = [0, 10, 20, 30, 40].map(|at| traffic.rate_at(Millis::from_secs(at)).0);
        assert_eq!(rates, [1.0, 5.0, 7.0, 7.0, 1.0]);
        assert_eq!(traffic.rate_at(Millis(0)).1, Some(Millis::from_secs(10)));
        assert_eq!(traffic.rate_at(Millis::from_secs(40)).1, None);
    }

    #[test]
    fn a_span_ends_before_its_end() {
        let ten = span(10, 20);
        assert!(ten.holds(Millis(10_000)) && !ten.holds(Millis(20_000)));
        assert!(ten.meets(&(Millis(0)..Millis(10_001))));
        assert!(!ten.meets(&(Millis(0)..Millis(10_000))));
    }
}
