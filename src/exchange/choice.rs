//! Downstream, request: which backend gets it first.

use super::added::Added;
use super::blame::Blame;
use super::effect::LogField;
use super::flow::RequestFlow;
use super::{
    Candidates, Context, Eagerness, Effect, Exchange, RequestInfo, Sending, UpstreamHeaders,
};
use crate::breaker::Unavailability;
use crate::config::ModelId;
use crate::gateway::Route;
use crate::reply::Reply;

impl Exchange {
    pub(super) fn choose(&mut self, id: ModelId, cx: &mut Context<'_>) -> RequestFlow {
        self.wanted = Some(id);
        let gateway = self.gateway.clone();
        let Some(route) = gateway.route(id) else { return RequestFlow::Continue };
        cx.push(Effect::Log(LogField::Model, route.model.name.clone()));
        let pin = self.info.as_ref().and_then(|info| route.pinned(&info.cookies));
        let returns = route.model.affinity.as_ref().is_some_and(|affinity| affinity.returns);
        let pin = pin.filter(|pin| !returns || !cx.has_better(&route, *pin));
        let required = route.model.affinity.as_ref().is_some_and(|affinity| affinity.required);
        let may = |member| !required || pin.is_none_or(|pin| pin == member);
        let pinned = pin.and_then(|pin| cx.claim_of(&route, |cx| cx.may_be(&route, pin)));
        let chosen = pinned.or_else(|| cx.choose(id, &route, may));
        // A pool that is dark is tried at once, instead of waiting for a clock.
        let early = if chosen.is_none() { cx.choose_early(&route, may) } else { None };
        let Some((first, probe)) = chosen.or(early.map(|member| (member, true))) else {
            return self.refuse_all(&route, pin.filter(|_| required), cx);
        };
        cx.charge(id, &route, first, |_| true);
        if let Some(local) = cx.pools.get_mut(id.position()) {
            local.budget.begin();
        }
        let most = route.model.retry.attempts.map_or(usize::MAX, |attempts| attempts as usize);
        let bound = required && pin.is_some();
        let candidates = if bound {
            Candidates::Only(first)
        } else if early.is_some() {
            let members = 0..route.model.pool.len();
            let other = |member: &usize| *member != first && !cx.has_failed(&route, *member);
            Candidates::AllBut(members.filter(other).collect())
        } else {
            // Its probe may be out now, and so it may not be chosen any more.
            Candidates::AllBut(cx.shut(&route).filter(|member| *member != first).collect())
        };
        let allowed = candidates.count(route.model.pool.len()).min(most).max(1);
        let second = || cx.select(id, &route, Eagerness::AsLastResort, |member| member != first);
        let second = (allowed > 1).then(second).flatten();
        let info = self.info.as_ref();
        let left = UpstreamHeaders {
            path: info.map(|info| info.path.clone()),
            content_length: info.and_then(|info| info.content_length),
            credential: None,
        };
        self.sending = Some(Sending {
            model: id,
            pin: pin.filter(|pin| *pin == first),
            next: Some(first),
            second,
            probes: probe.then_some(first).into_iter().collect(),
            failed: false,
            early: early.is_some(),
            mark: self.mark(&route.model.name, cx.now()),
            doubted: cx.doubted(&route),
            blame: Blame::default(),
            allowed,
            candidates,
            added: Added::Sent,
            left,
            perhaps_done: false,
            lost: None,
            sent: 0,
            kept: Vec::new(),
        });
        self.limit_times(&route, cx);
        cx.extend(self.in_clear());
        let (backend, retries) =
            (route.model.pool.get(first).map(|m| m.backend), self.retries(allowed));
        cx.extend(backend.map(|backend| Effect::SendTo { backend, retries }));
        RequestFlow::Continue
    }

    /// What is compressed cannot be read while it passes, so an answer that reports tokens is asked
    /// for as it is.
    fn in_clear(&self) -> Option<Effect> {
        let reports = self.info.as_ref().is_some_and(RequestInfo::reports);
        reports.then(|| Effect::SetRequestHeader("accept-encoding", b"identity".to_vec()))
    }

    /// No backend may be chosen: not the one that holds the client's state, or none at all.
    fn refuse_all(
        &mut self,
        route: &Route<'_>,
        bound_to: Option<usize>,
        cx: &mut Context<'_>,
    ) -> RequestFlow {
        let (name, now) = (&route.model.name, cx.moment());
        let members = bound_to.map_or(0..route.model.pool.len(), |member| member..member + 1);
        let soonest = cx.soonest(route, members);
        let (until, why) = soonest.unwrap_or((cx.now(), Unavailability::Failed));
        self.reply(match bound_to {
            Some(_) => Reply::pinned_backend_down(name, until, now),
            None => Reply::exhausted(name, until, why, now, self.gateway.config.when_exhausted),
        })
    }
}
