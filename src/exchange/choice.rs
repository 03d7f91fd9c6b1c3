//! Gateway seat, request: which backend gets it first.

use super::effect::Note;
use super::{Arrival, Candidates, Eagerness, Effect, Exchange, Held, Sending, World};
use crate::breaker::Cause;
use crate::config::ModelId;
use crate::gateway::Route;
use crate::reply::Reply;

impl Exchange {
    pub(super) fn choose(&mut self, id: ModelId, world: &mut World<'_>) -> Vec<Effect> {
        self.wanted = Some(id);
        let gateway = self.gateway.clone();
        let Some(route) = gateway.route(id) else { return Vec::new() };
        let mut effects = vec![Effect::Note(Note::Model, route.model.name.clone())];
        let pin = self.arrival.as_ref().and_then(|arrival| route.pinned(&arrival.cookies));
        let required = route.model.affinity.as_ref().is_some_and(|affinity| affinity.required);
        let may = |member| !required || pin.is_none_or(|pin| pin == member);
        let pinned = pin.and_then(|pin| world.claim_of(&route, |world| world.may_be(&route, pin)));
        let chosen = pinned.or_else(|| world.choose(id, &route, may));
        let Some((first, probe)) = chosen else {
            effects.extend(self.refuse(&route, pin.filter(|_| required), world));
            return effects;
        };
        world.take(id, &route, first, |_| true);
        if let Some(local) = world.pools.get_mut(id) {
            local.budget.begin();
        }
        let most = route.model.retry.attempts.map_or(usize::MAX, |attempts| attempts as usize);
        let bound = required && pin.is_some();
        let candidates = if bound {
            Candidates::Only(first)
        } else {
            // Its probe may be out now, and so it may not be chosen any more.
            Candidates::AllBut(world.shut(&route).filter(|member| *member != first).collect())
        };
        let allowed = candidates.count(route.model.pool.len()).min(most).max(1);
        let second = || world.peek(id, &route, Eagerness::AsLastResort, |member| member != first);
        let second = (allowed > 1).then(second).flatten();
        let arrived = self.arrival.as_ref();
        let held = Held {
            path: arrived.map(|arrival| arrival.path.clone()),
            content_length: arrived.and_then(|arrival| arrival.content_length),
            credential: None,
        };
        self.sending = Some(Sending {
            model: id,
            pin: pin.filter(|pin| *pin == first),
            next: Some(first),
            second,
            probes: probe.then_some(first).into_iter().collect(),
            failed: false,
            allowed,
            candidates,
            held,
            perhaps_done: false,
            sent: 0,
            kept: Vec::new(),
        });
        effects.extend(self.limit_times(&route));
        effects.extend(self.in_clear());
        let backend = route.model.pool.get(first).and_then(|member| gateway.backend(member));
        effects.extend(backend.map(|backend| Effect::SendTo {
            backend: backend.name.clone(),
            retries: self.retries(allowed),
        }));
        effects
    }

    /// What is compressed cannot be read while it passes, so an answer that reports tokens is asked
    /// for as it is.
    fn in_clear(&self) -> Option<Effect> {
        let reports = self.arrival.as_ref().is_some_and(Arrival::reports);
        reports.then(|| Effect::SetRequestHeader("accept-encoding", b"identity".to_vec()))
    }

    /// Nobody may be chosen: not the backend that holds the client's state, or none at all.
    fn refuse(
        &mut self,
        route: &Route<'_>,
        bound_to: Option<usize>,
        world: &mut World<'_>,
    ) -> Vec<Effect> {
        let (name, now) = (&route.model.name, world.moment());
        let members = bound_to.map_or(0..route.model.pool.len(), |member| member..member + 1);
        let soonest = world.soonest(route, members);
        let (until, cause) = soonest.unwrap_or((world.now(), Cause::Failed));
        self.reply(match bound_to {
            Some(_) => Reply::pinned_backend_down(name, until, now),
            None => Reply::exhausted(name, until, cause, now, self.gateway.config.when_exhausted),
        })
    }
}
