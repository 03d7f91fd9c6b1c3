//! Backend seat, answer: what is taken out of it, whether it is the client's, or another backend is
//! asked.
//!
//! It is cleaned ([`crate::cleaning`]) before it is judged, and whatever becomes of it: what Envoy's
//! router does with an answer that is to be dropped must not be the backend's to say.

use super::event::Answer;
use super::{Effect, Exchange, World};
use crate::announced::Announcement;
use crate::cleaning::{self, Change, Fields};
use crate::location::Places;
use crate::observation::Cause;
use crate::outcome::{self, Verdict};
use crate::stream;

impl Answer {
    /// Reads the head of an answer. `may_stream`: as far as its request tells
    /// ([`Exchange::may_stream`]). `switches`: the request asked for another protocol.
    pub fn read(fields: Fields, has_body: bool, may_stream: bool, switches: bool) -> Self {
        let find = |wanted: &str| fields.iter().find(|(name, _)| name == wanted);
        let value = |wanted: &str| find(wanted).map(|(_, value)| value.clone());
        let status = find(":status").and_then(|(_, value)| std::str::from_utf8(value).ok());
        let status = status.and_then(|text| text.parse().ok()).unwrap_or_default();
        // A success announces nothing.
        let announcement = if status < 400 {
            Announcement::default()
        } else {
            Announcement {
                retry_after_ms: value("retry-after-ms"),
                retry_after: value("retry-after"),
                reset_requests: value("x-ratelimit-reset-requests"),
                reset_tokens: value("x-ratelimit-reset-tokens"),
            }
        };
        let is_events =
            || find("content-type").is_some_and(|(_, kind)| stream::is_event_stream(kind));
        let streams = status < 400 && may_stream && is_events();
        let readable = has_body && find("content-encoding").is_none();
        Self { status, switches, announcement, streams, has_body, readable, fields }
    }
}

impl Exchange {
    pub(super) fn answered(&mut self, answer: &Answer, world: &mut World<'_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        let changes = self.cleaned(&answer.fields);
        effects.extend((!changes.is_empty()).then_some(Effect::ChangeAnswer(changes)));
        effects.extend(self.judged(answer, world));
        effects
    }

    pub(super) fn answer_trailers(&self, trailers: &Fields) -> Vec<Effect> {
        let changes = self.cleaned(trailers);
        (!changes.is_empty()).then_some(Effect::ChangeTrailers(changes)).into_iter().collect()
    }

    fn cleaned(&self, fields: &Fields) -> Vec<Change> {
        let places = self.route().and_then(|route| {
            let member = route.model.pool.get(self.trail.last()?)?;
            Some(Places {
                backends: &self.gateway.config.backends,
                answering: self.gateway.backend(member)?,
                prefix: &self.gateway.config.path_prefix,
                deployment: &member.deployment,
                model: &route.model.name,
            })
        });
        cleaning::changes(fields, |name| self.gateway.issues_cookie(name), places.as_ref())
    }

    fn judged(&mut self, answer: &Answer, world: &mut World<'_>) -> Vec<Effect> {
        self.trail.answered(answer.status, world.now());
        self.statusless = !outcome::is_status(answer.status, answer.switches);
        if self.statusless {
            return self.follow(Verdict::NO_STATUS, world);
        }
        let Some(route) = self.route() else { return Vec::new() };
        if answer.status < 400 {
            let mut effects = Vec::new();
            effects.extend(route.model.headroom.then_some(Effect::AskRemaining));
            effects.extend(self.pass_unfollowed(answer.status));
            effects.extend(self.good_so_far(answer, world));
            return effects;
        }
        let (breaker, retry) = (&route.model.breaker, &route.model.retry);
        if outcome::needs_body(answer.status, retry) {
            if answer.has_body && answer.readable {
                return vec![Effect::HoldAnswer];
            }
            return self.follow(Verdict::FINAL, world);
        }
        let announced = answer.announcement.wait(world.moment());
        let verdict = Verdict::on_status(answer.status, announced, breaker, retry);
        self.follow(verdict, world)
    }

    pub(super) fn answer_body(&mut self, body: &[u8], world: &mut World<'_>) -> Vec<Effect> {
        let mut verdict = Verdict::on_not_found(body);
        verdict.elsewhere &= self.gateway.failover.replaces_held_answers();
        self.follow(verdict, world)
    }

    pub(super) fn follow(&mut self, verdict: Verdict, world: &mut World<'_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        let cause = Cause::of(verdict, self.trail.status());
        effects.extend(self.blame(verdict, world));
        if !verdict.elsewhere || !self.may_repeat(verdict) {
            // Of an answer that was lost before anybody saw it, only Envoy knows what follows.
            if cause != Cause::NoAnswer {
                effects.extend(self.tell_attempt(cause, false));
            }
            return effects;
        }
        // The backend that was named when this attempt started may have closed its doors since.
        let within_budget = self.is_within_budget(world);
        let next = if within_budget { self.claim_untried(world) } else { None };
        let Some(sending) = &mut self.sending else { return effects };
        let named = std::mem::replace(&mut sending.next, next);
        let Some(next) = next else {
            effects.extend(self.tell_attempt(cause, false));
            return effects;
        };
        if named != Some(next) {
            effects.extend(self.fail_over_to(next));
        }
        effects.extend(self.tell_attempt(cause, true));
        self.trail.drop_answer();
        effects.push(self.ask_another());
        effects
    }
}
