//! Upstream, request: this backend's path, host and name of the model, on every attempt.
//!
//! What one attempt sets on the upstream request is still there in the next, so everything is
//! derived from what the client sent, and what the last attempt left is corrected. The body comes
//! from the original again each time.

use super::flow::Passage;
use super::head::IMAGE_DEPLOYMENT;
use super::health::RetryScope;
use super::{Context, Eagerness, Effect, Exchange};
use crate::breaker::{Admission, Unavailability};
use crate::config::{Backend, CredentialHeader, Member};
use crate::credential;
use crate::gateway::Route;
use crate::reply::Reply;
use crate::usage::Usage;

impl Exchange {
    /// Envoy starts an attempt at the backend that was named last.
    pub fn on_attempt(&mut self, cx: &mut Context<'_>) -> Passage {
        self.telemetry.own.stop(cx.moment());
        self.learn_of_silence(cx);
        (self.streaming, self.opening) = (None, None);
        (self.reading, self.retry_after, self.throttled_inside) = (None, None, false);
        self.verdict = None;
        self.telemetry.usage = Usage::default();
        self.telemetry.model = None;
        self.note_error("", cx);
        if self.attempts.len() > 0 && self.is_over() {
            self.tell_silence(false, cx);
            return Passage::Reply(
                self.must_not_repeat().unwrap_or_else(|| Reply::lost(self.lost())),
            );
        }
        let Some((chosen, first)) = self.starting() else { return Passage::Continue };
        let gateway = self.gateway.clone();
        let id = self.sending.as_ref().map(|sending| sending.model);
        let Some(id) = id else { return Passage::Continue };
        let Some(route) = gateway.route(id) else { return Passage::Continue };
        let Some(member) = route.model.pool.get(chosen) else { return Passage::Continue };
        let Some(backend) = gateway.backend(member) else { return Passage::Continue };
        let again = self.attempts.last() == Some(chosen);
        if !first && !again {
            let refused = self.must_not_repeat();
            if let Some(reply) = refused.or_else(|| self.may_not_start(chosen, &route, cx)) {
                self.tell_silence(false, cx);
                return Passage::Reply(self.refuse(reply));
            }
            cx.charge(id, &route, chosen, |at| !self.attempts.has(at));
        }
        // What is repeated was nobody's failure, and is told as none.
        if !again {
            self.tell_silence(true, cx);
        }
        self.tell_begun(id, chosen, cx);
        self.attempts.begin(chosen, cx.now());
        self.add_or_leave_out(chosen, again, cx);
        self.address(backend, member, &route.model.name, cx);
        cx.extend(self.credential(backend));
        let next = self.fail_over_early(cx);
        cx.extend(next);
        Passage::Continue
    }

    /// Envoy tries again by itself where no answer came. What it cannot know is that a half-open
    /// backend takes one request at a time, and that only so many requests may be tried again.
    ///
    /// The backend was named when the last attempt began, and what has become of it since cannot
    /// stop this one without failing the request: Envoy does not try a reply of this filter's again.
    /// So where somebody else could answer, a half-open backend gets one request more than it
    /// should. That one fails over like any other.
    fn may_not_start(
        &mut self,
        chosen: usize,
        route: &Route<'_>,
        cx: &mut Context<'_>,
    ) -> Option<Reply> {
        let failed = self.last_has_failed();
        let scope = self.retry_scope(failed, cx);
        if scope == RetryScope::Healthy && self.untried(scope, cx).is_none() {
            return Some(Reply::retry_budget_spent());
        }
        if !self.sending.as_ref()?.probes.contains(&chosen) {
            match cx.admission(route, chosen) {
                Admission::HalfOpen if cx.claim(route, chosen) => {
                    self.sending.as_mut()?.probes.push(chosen);
                }
                Admission::Shut(_, Unavailability::Failed)
                    if self.sending.as_ref()?.early && cx.claim_early(route, chosen) =>
                {
                    self.sending.as_mut()?.probes.push(chosen);
                }
                Admission::HalfOpen | Admission::Probed(_) if !self.leaves_another(chosen, cx) => {
                    let (until, now) = (cx.soon(), cx.moment());
                    let when = self.gateway.config.when_exhausted;
                    let name = &route.model.name;
                    return Some(Reply::exhausted(name, until, Unavailability::Failed, now, when));
                }
                _ => {}
            }
        }
        let now = cx.now();
        if failed && let Some(local) = cx.pools.get_mut(self.sending.as_ref()?.model.position()) {
            local.budget.retry(now);
        }
        None
    }

    /// Whether one more backend can be asked should this attempt fail as well.
    fn leaves_another(&self, chosen: usize, cx: &mut Context<'_>) -> bool {
        let (Some(sending), Some(route)) = (&self.sending, self.route()) else { return false };
        let other = |member| member != chosen && !self.attempts.has(member);
        self.attempts.asked() + 1 < sending.allowed
            && cx.select(sending.model, &route, Eagerness::AsLastResort, other).is_some()
    }

    /// Whether Envoy tries again although no backend is left to ask: it may make more attempts than
    /// there are backends, so that some can be repeated. One that redirects makes none by itself.
    fn is_over(&self) -> bool {
        let named = self.sending.as_ref().is_some_and(|sending| sending.next.is_some());
        !named && !self.gateway.failover.redirects()
    }

    /// The member that this attempt goes to, and whether it is the first. Envoy sends it to the
    /// backend that was named last.
    fn starting(&mut self) -> Option<(usize, bool)> {
        let sending = self.sending.as_mut()?;
        sending.sent = 0;
        sending.kept.clear();
        let chosen = sending.next.take().or_else(|| self.attempts.last())?;
        Some((chosen, self.attempts.len() == 0))
    }

    /// Names the next backend before this one has answered: where the connection fails, no answer
    /// comes that could name it. An Envoy that redirects needs an answer in any case.
    fn fail_over_early(&mut self, cx: &mut Context<'_>) -> Option<Effect> {
        if self.gateway.failover.redirects() {
            return None;
        }
        // Should this attempt fail, and nobody else be well, the budget's reply is due.
        let second = self.sending.as_mut()?.second.take();
        let next = match self.retry_scope(true, cx) {
            RetryScope::All => second.or_else(|| self.untried(RetryScope::All, cx)),
            RetryScope::Healthy => self
                .untried(RetryScope::Healthy, cx)
                .or(second)
                .or_else(|| self.untried(RetryScope::All, cx)),
        };
        self.sending.as_mut()?.next = next;
        self.fail_over_to(next?)
    }

    pub(super) fn fail_over_to(&self, member: usize) -> Option<Effect> {
        let member = self.route()?.model.pool.get(member)?;
        Some(Effect::FailOverTo(member.backend))
    }

    fn address(&mut self, backend: &Backend, member: &Member, model: &str, cx: &mut Context<'_>) {
        let left_out = self.left_out().map_or(0, |place| place.len());
        let (Some(info), Some(sending)) = (&self.info, &mut self.sending) else { return };
        let renamed = (member.deployment != model).then_some(member.deployment.as_str());
        let path = info.target.at(&backend.url, renamed);
        cx.push(Effect::SetRequestHeader(":authority", backend.url.authority().into_bytes()));
        if sending.left.path.as_ref() != Some(&path) {
            cx.push(Effect::SetRequestHeader(":path", path.clone()));
            sending.left.path = Some(path);
        }
        let length = info.length_with(&member.deployment, renamed.is_some());
        let length = length.map(|length| length.saturating_sub(left_out));
        if let Some(length) = length.filter(|length| sending.left.content_length != Some(*length)) {
            let value = length.to_string().into_bytes();
            cx.push(Effect::SetRequestHeader("content-length", value));
            sending.left.content_length = Some(length);
        }
        cx.extend(self.image_deployment(member));
    }

    /// What this backend calls the model that draws a response's images, where a header names it.
    fn image_deployment(&self, member: &Member) -> Option<Effect> {
        let model = self.gateway.route(self.info.as_ref()?.image?)?.model;
        let here = model.pool.iter().find(|other| other.backend == member.backend);
        let name = here.map_or(&model.name, |here| &here.deployment);
        Some(Effect::SetRequestHeader(IMAGE_DEPLOYMENT, name.clone().into_bytes()))
    }

    /// Envoy's credential injector adds this backend's key after the filter. What it added for the
    /// last backend must not reach this one. It is removed also where this backend's key would
    /// replace it: a key that has gone bad is not added.
    fn credential(&mut self, backend: &Backend) -> Option<Effect> {
        let left = &mut self.sending.as_mut()?.left;
        let own = backend.credential.as_ref().map(|credential| match credential.header {
            CredentialHeader::ApiKey => credential::API_KEY,
            CredentialHeader::Bearer => credential::AUTHORIZATION,
        });
        let last = std::mem::replace(&mut left.credential, own);
        last.map(|header| Effect::RemoveRequestHeader(header.into()))
    }
}
