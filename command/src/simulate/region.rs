//! A region: it takes a request, or says why not.

use super::limit::Limit;
use super::plan::{Announces, Outage, RegionPlan, START};
use spillway::announced::Announcement;
use spillway::pool::headroom::Remaining;
use spillway::time::{Millis, Timestamp};

/// A region at work.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) plan: RegionPlan,
    pub(super) limit: Option<Limit>,
}

/// What comes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// An answer: 200.
    Served,
    /// An answer: 429, with what it announces.
    Throttled(Announcement),
    /// An answer: 503.
    Failed,
    /// No answer: the connection was refused.
    Refused,
    /// No answer, and no end.
    Silence,
}

impl Region {
    pub(super) fn new(plan: RegionPlan) -> Self {
        let limit = plan.capacity.map(|(metering, tokens)| Limit::new(metering, tokens));
        Self { plan, limit }
    }

    /// A request of so many tokens arrives.
    pub(super) fn take(&mut self, tokens: u64, now: Timestamp) -> Outcome {
        let outage = self.plan.outages.iter().find(|(span, _)| span.holds(now.since(START)));
        match outage {
            Some((_, Outage::Fails)) => return Outcome::Failed,
            Some((_, Outage::Refuses)) => return Outcome::Refused,
            Some((_, Outage::Hangs)) => return Outcome::Silence,
            None => {}
        }
        match self.limit.as_mut().map_or(Ok(()), |limit| limit.admit(tokens, now)) {
            Ok(()) => Outcome::Served,
            Err(wait) => Outcome::Throttled(announcement(wait, self.plan.announces)),
        }
    }

    /// What is left of the limit, as the headers of an answer tell it.
    pub(super) fn remaining(&mut self, now: Timestamp) -> Remaining {
        let Some(limit) = &mut self.limit else { return Remaining::default() };
        let header = |number: u64| Some(number.to_string().into_bytes());
        Remaining {
            tokens: header(limit.remaining(now)),
            token_limit: header(limit.most()),
            requests: None,
            request_limit: None,
        }
    }
}

fn announcement(wait: Millis, announces: Announces) -> Announcement {
    let header = |number: u64| Some(number.to_string().into_bytes());
    Announcement {
        retry_after_ms: header(wait.0).filter(|_| announces == Announces::Exact),
        retry_after: header(wait.as_secs_rounded_up().max(1))
            .filter(|_| announces != Announces::Nothing),
        ..Announcement::default()
    }
}
