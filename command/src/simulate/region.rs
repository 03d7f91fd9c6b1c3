//! A region: it takes a request, or says why not.

use super::limit::Limit;
use super::plan::{Announces, Outage, RegionPlan, START};
use spillway::time::{Millis, Timestamp};
use spillway_model::http::Answer;

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
    Throttled(Answer),
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
            Err(wait) => Outcome::Throttled(throttled(wait, self.plan.announces)),
        }
    }

    /// The same answer, with what is left of the limit in its headers.
    pub(super) fn tells_remaining(&mut self, answer: Answer, now: Timestamp) -> Answer {
        let Some(limit) = &mut self.limit else { return answer };
        answer
            .with("x-ratelimit-remaining-tokens", limit.remaining(now).to_string())
            .with("x-ratelimit-limit-tokens", limit.most().to_string())
    }
}

fn throttled(wait: Millis, announces: Announces) -> Answer {
    let mut answer = Answer::json(429, "{}");
    if announces == Announces::Exact {
        answer = answer.with("retry-after-ms", wait.0.to_string());
    }
    if announces != Announces::Nothing {
        answer = answer.with("retry-after", wait.as_secs_rounded_up().max(1).to_string());
    }
    answer
}
