//! What an answer says about its backend: for the circuit that all workers share, for the share of
//! failures, for the retry budget.

use super::{Effect, Exchange, World};
use crate::breaker::Blame;
use crate::breaker::board::Change;
use crate::observation::Observation;
use crate::outcome::Verdict;
use crate::pool::headroom::Remaining;

impl Exchange {
    /// Draws the consequences of how the last attempt ended.
    pub(super) fn blame(&mut self, verdict: Verdict, world: &mut World<'_>) -> Option<Effect> {
        let member = self.trail.last()?;
        let sending = self.sending.as_mut()?;
        sending.failed = verdict.failed();
        let id = sending.model;
        let probe = sending.probes.iter().position(|probe| *probe == member);
        if let Some(probe) = probe {
            sending.probes.swap_remove(probe);
        }
        let gateway = self.gateway.clone();
        let route = gateway.route(id)?;
        let counts = route.model.breaker.failure_ratio.is_some() && probe.is_none();
        if probe.is_none() && verdict.blame.is_none() && !(counts && verdict.good) {
            return None;
        }
        let draw = world.shared.draw;
        let (change, tally) = match verdict.blame {
            blame if probe.is_some() => (Change::Probed(blame, draw()), None),
            // Of what is counted, the record is what follows should it be too much.
            None => {
                let now = world.now();
                let tally = world.pools.get_mut(id)?.tallies.get_mut(member)?;
                let due = tally.good(&route.model.breaker, now)?;
                (Change::Blamed(Blame::FailedTooOften(None), 0), Some(due))
            }
            Some(Blame::Failed(announced)) if counts => {
                let tally = world.pools.get_mut(id)?.tallies.get_mut(member)?;
                let all = tally.failed();
                (Change::Blamed(Blame::FailedTooOften(announced), draw()), Some(all))
            }
            Some(blame) => (Change::Blamed(blame, draw()), None),
        };
        let record = route.record(member, change, world.moment())?;
        match tally {
            Some(tally) => Some(Effect::Count { tally, record }),
            None => {
                world.apply(&record);
                Some(Effect::Record(record))
            }
        }
    }

    /// An attempt that ends without an answer is only seen when the next one starts, or when Envoy
    /// answers by itself.
    pub(super) fn blame_silence(&mut self, world: &mut World<'_>) -> Option<Effect> {
        self.trail.unanswered()?;
        self.trail.failed(world.now());
        self.blame(Verdict::NO_ANSWER, world)
    }

    /// Whether one more attempt keeps within the retry budget, should the last one have failed.
    pub(super) fn is_within_budget(&self, world: &World<'_>) -> bool {
        let Some(sending) = self.sending.as_ref().filter(|sending| sending.failed) else {
            return true;
        };
        let budget = world.pools.get(sending.model).map(|local| &local.budget);
        let percent = self.route().map(|route| route.model.retry.budget);
        let each = sending.allowed.saturating_sub(1);
        budget
            .zip(percent)
            .is_none_or(|(budget, percent)| budget.allows(percent, each, world.now()))
    }

    pub(super) fn remains(&mut self, remaining: &Remaining, world: &mut World<'_>) -> Vec<Effect> {
        let (Some(sending), Some(member)) = (&self.sending, self.trail.last()) else {
            return Vec::new();
        };
        let model = sending.model;
        let now = world.now();
        if let Some(local) = world.pools.get_mut(model)
            && let Some(headroom) = local.headroom.get_mut(member)
        {
            let share = headroom.see(remaining, now);
            let tell = |share| Effect::Tell(Observation::Headroom { model, member, share });
            return share.map(tell).into_iter().collect();
        }
        Vec::new()
    }

    /// The request is over: what it has claimed and not used goes back, and it counts no more as
    /// under way.
    pub(super) fn ended(&mut self, complete: bool, world: &mut World<'_>) -> Vec<Effect> {
        let (now, at) = (world.now(), world.moment());
        let mut effects = self.tell_request(complete, now);
        let Some(sending) = &mut self.sending else { return effects };
        let (id, probes) = (sending.model, std::mem::take(&mut sending.probes));
        if let Some(local) = world.pools.get_mut(id) {
            local.budget.end(now);
        }
        let Some(route) = self.gateway.route(id) else { return effects };
        let back = |member| Some(Effect::Record(route.record(member, Change::Released, at)?));
        effects.extend(probes.into_iter().filter_map(back));
        effects
    }
}
