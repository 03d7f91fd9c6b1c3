//! What a run amounts to: how well the first tier was used, and whether that was steady.
//!
//! *Use* is what the first tier served of what it could have served, had every request been brought
//! to it. It is taken over an interval, or over as many as the tier needs for a hundred calls: of
//! ten calls, one more or less is no swing. Where a standard deployment is among the tier, it is
//! taken over the last minute: such a deployment may spend its minute at once and then wait, and
//! that is no gateway's doing.
//!
//! - *Utilisation under overload* is what was served as a share of the capacity, over the intervals
//!   in which more was asked for all along, for as long as use is taken over, and in which nothing
//!   was out of order.
//! - *Recovery* is how long after an outage of the first tier use is back at 95 %, and falls no
//!   more: not by more than a swing.
//! - A *swing* is a fall of use by more than ten points from the best that it had reached since it
//!   was last as much below. Outages themselves are left out, so swings are what gateways do by
//!   themselves: in overload, when it ends, and after an outage. None, and use is steady.

use std::ops::Range;

use super::limit::{MINUTE, Metering};
use super::plan::Plan;
use super::record::{Interval, Record};
use spillway::time::Millis;

/// What a run amounts to.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// The share of the first tier's capacity that was served under overload; `None`: there was
    /// no overload.
    pub utilisation: Option<f64>,
    /// How long it took from the end of each outage of the first tier until use was back; `None`:
    /// longer than the run.
    pub recoveries: Vec<Option<Millis>>,
    /// How often use fell although nothing was out of order.
    pub swings: usize,
}

/// Works the figures out.
pub fn figures(plan: &Plan, record: &Record) -> Figures {
    let tier = Tier::new(plan, record);
    let outages = tier.outages();
    let calm_until = |next: usize| outages.get(next).map_or(tier.points.len(), |next| next.start);
    let back = |(at, out): (usize, &Range<usize>)| tier.back_within(out.end..calm_until(at + 1));
    let recoveries: Vec<Option<usize>> = outages.iter().enumerate().map(back).collect();
    let disturbed = |at: usize| {
        outages
            .iter()
            .zip(&recoveries)
            .any(|(out, back)| (out.start..back.unwrap_or(usize::MAX)).contains(&at))
    };
    let overloaded = (0..tier.points.len()).filter(|at| !disturbed(*at) && tier.is_overloaded(*at));
    let shares: Vec<f64> = overloaded.map(|at| tier.share(at)).collect();
    let after = |(out, back): (&Range<usize>, &Option<usize>)| {
        back.map(|back| Millis((back - out.end) as u64 * plan.interval.0))
    };
    Figures {
        utilisation: mean(&shares),
        recoveries: outages.iter().zip(&recoveries).map(after).collect(),
        swings: tier.swings(&outages),
    }
}

/// What the first tier served in an interval.
pub fn first_tier(plan: &Plan, interval: &Interval) -> u64 {
    let tokens = |at: usize| interval.regions.get(at).map(|deeds| deeds.tokens);
    plan.first_tier().into_iter().filter_map(tokens).sum()
}

/// The first tier's capacity in an interval; `None`: it has no limit.
pub fn capacity(plan: &Plan) -> Option<f64> {
    let share = plan.interval.0 as f64 / MINUTE.0 as f64;
    plan.first_tier_capacity().map(|capacity| capacity as f64 * share)
}

/// The first tier, interval by interval.
struct Tier<'a> {
    plan: &'a Plan,
    capacity: f64,
    /// Intervals that use is taken over.
    over: usize,
    points: Vec<Point>,
}

#[derive(Clone, Copy)]
struct Point {
    offered: u64,
    possible: u64,
    served: u64,
}

impl<'a> Tier<'a> {
    fn new(plan: &'a Plan, record: &Record) -> Self {
        let capacity = capacity(plan).unwrap_or(f64::INFINITY);
        let regions = plan.first_tier().into_iter().filter_map(|at| plan.regions.get(at));
        let mut metering = regions.filter_map(|region| Some(region.capacity?.0));
        let minute = MINUTE.0.div_ceil(plan.interval.0.max(1));
        let minute = if metering.any(|how| how == Metering::Standard) { minute } else { 1 };
        let call = plan.traffic.tokens.0.midpoint(plan.traffic.tokens.1) as f64;
        let enough = (ENOUGH_CALLS * call / capacity).ceil() as u64;
        let over = usize::try_from(minute.max(enough)).unwrap_or(usize::MAX);
        let point = |interval: &Interval| Point {
            offered: interval.offered,
            possible: interval.possible,
            served: first_tier(plan, interval),
        };
        let points = record.intervals.iter().map(point).collect();
        Self { plan, capacity, over, points }
    }

    /// The intervals up to this one that use is taken over.
    fn recent(&self, at: usize) -> &[Point] {
        self.points.get((at + 1).saturating_sub(self.over)..=at).unwrap_or_default()
    }

    /// What was served of the capacity.
    fn share(&self, at: usize) -> f64 {
        let recent = self.recent(at);
        let served: u64 = recent.iter().map(|point| point.served).sum();
        served as f64 / (self.capacity * recent.len() as f64)
    }

    /// What was served of what could have been.
    fn used(&self, at: usize) -> f64 {
        let recent = self.recent(at);
        let served: u64 = recent.iter().map(|point| point.served).sum();
        let possible: u64 = recent.iter().map(|point| point.possible).sum();
        if possible > 0 { (served as f64 / possible as f64).min(1.0) } else { 1.0 }
    }

    /// Whether more was asked for than there is, also in the interval before those that use is
    /// taken over: what was saved before the overload is spent by then.
    fn is_overloaded(&self, at: usize) -> bool {
        let before = at.checked_sub(self.over).and_then(|before| self.points.get(before));
        let over = |point: &Point| point.offered as f64 >= self.capacity;
        before.is_some_and(over) && self.recent(at).iter().all(over)
    }

    /// The intervals in which a region of the tier was out of order.
    fn outages(&self) -> Vec<Range<usize>> {
        let regions = self.plan.first_tier().into_iter();
        let regions = regions.filter_map(|at| self.plan.regions.get(at));
        let spans: Vec<_> = regions.flat_map(|region| &region.outages).collect();
        let out = |at: usize| {
            let start = Millis(at as u64 * self.plan.interval.0);
            let times = start..Millis(start.0 + self.plan.interval.0);
            spans.iter().any(|(span, _)| span.meets(&times))
        };
        let mut outages: Vec<Range<usize>> = Vec::new();
        for at in (0..self.points.len()).filter(|at| out(*at)) {
            match outages.last_mut().filter(|last| last.end == at) {
                Some(last) => last.end = at + 1,
                None => outages.push(at..at + 1),
            }
        }
        outages
    }

    /// The first of these intervals in which use is back, and falls no more.
    fn back_within(&self, intervals: Range<usize>) -> Option<usize> {
        let low = |at: &usize| self.used(*at) < BACK - SWING;
        let from = intervals.clone().rfind(low).map_or(intervals.start, |low| low + 1);
        (from..intervals.end).find(|at| self.used(*at) >= BACK)
    }

    /// How often use fell, in the times between the outages.
    fn swings(&self, outages: &[Range<usize>]) -> usize {
        let starts = std::iter::once(0).chain(outages.iter().map(|outage| outage.end));
        let ends = outages.iter().map(|outage| outage.start).chain([self.points.len()]);
        let used = |(from, to): (usize, usize)| falls((from..to).map(|at| self.used(at)), from > 0);
        starts.zip(ends).map(used).sum()
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// How often the values fell by more than [`SWING`] from their best, where they rose by as much
/// from their worst in between. What has `fallen` before does not count.
fn falls(values: impl IntoIterator<Item = f64>, mut fallen: bool) -> usize {
    let (mut falls, mut extreme) = (0, if fallen { 1.0 } else { 0.0 });
    for value in values {
        let turned = if fallen { value > extreme + SWING } else { value < extreme - SWING };
        if turned {
            fallen = !fallen;
            falls += usize::from(fallen);
        }
        let further = if fallen { value.min(extreme) } else { value.max(extreme) };
        extreme = if turned { value } else { further };
    }
    falls
}

const BACK: f64 = 0.95;

/// Of fewer calls no share is taken.
const ENOUGH_CALLS: f64 = 100.0;

/// Ten points.
const SWING: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fall_counts_once_however_long_it_lasts() {
        assert_eq!(falls([1.0, 1.0, 0.95, 1.0, 0.91], false), 0);
        assert_eq!(falls([0.0, 0.3, 0.25, 0.7, 1.0], false), 0, "a rise is none");
        assert_eq!(falls([1.0, 0.8, 0.5, 0.2, 0.0], false), 1);
        assert_eq!(falls([1.0, 0.5, 1.0, 0.5, 1.0], false), 2);
        assert_eq!(falls([1.0, 0.5, 0.55, 0.45, 0.5], false), 1, "a tremor at the bottom is none");
        assert_eq!(falls([0.9, 0.5, 0.2, 0.7, 1.0], true), 0, "an outage may fall on");
        assert_eq!(falls([0.9, 0.2, 0.7, 0.5, 1.0], true), 1);
    }
}
