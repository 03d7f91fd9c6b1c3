//! Upstream, answer: what is taken out of it, whether it is the client's, or another backend is asked.
//!
//! It is cleaned ([`crate::cleaning`]) before it is judged, and whatever becomes of it: what Envoy's
//! router does with an answer that is to be dropped must not be the backend's to say.

use super::answer_head::Answer;
use super::flow::{AnswerFlow, Judged};
use super::{Context, Effect, Exchange};
use crate::cleaning::{self, Change, Fields};
use crate::location::Places;
use crate::observation::AttemptResult;
use crate::outcome::{self, Verdict};

impl Exchange {
    /// The head of a backend's answer.
    pub fn on_answer_headers(&mut self, answer: &Answer, cx: &mut Context<'_>) -> AnswerFlow {
        self.telemetry.own.start(cx.moment());
        let changes = self.cleaned(&answer.fields);
        cx.extend((!changes.is_empty()).then_some(Effect::ChangeAnswer(changes)));
        let flow = self.judged(answer, cx);
        if !matches!(flow, AnswerFlow::Pass | AnswerFlow::Read | AnswerFlow::Retry(_)) {
            self.telemetry.own.stop(cx.moment());
        }
        flow
    }

    /// The trailers of a backend's answer.
    pub fn on_answer_trailers(&self, trailers: &Fields, cx: &mut Context<'_>) {
        let changes = self.cleaned(trailers);
        cx.extend((!changes.is_empty()).then_some(Effect::ChangeTrailers(changes)));
    }

    fn cleaned(&self, fields: &Fields) -> Vec<Change> {
        let places = self.route().and_then(|route| {
            let member = route.model.pool.get(self.attempts.last()?)?;
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

    fn judged(&mut self, answer: &Answer, cx: &mut Context<'_>) -> AnswerFlow {
        self.attempts.answered(answer.status, cx.now());
        self.statusless = !outcome::is_status(answer.status, answer.switches);
        if self.statusless {
            return self.follow(Verdict::NO_STATUS, cx).into();
        }
        let Some(route) = self.route() else { return AnswerFlow::Pass };
        if answer.status < 400 {
            if route.model.headroom {
                self.see_remaining(&answer.remaining(), cx);
            }
            self.is_taken(cx);
            cx.extend(self.pass_unfollowed(answer.status));
            return self.good_so_far(answer, cx);
        }
        let (breaker, retry) = (&route.model.breaker, &route.model.retry);
        if outcome::needs_body(answer.status, retry) {
            if answer.has_body && answer.readable {
                return AnswerFlow::HoldBody;
            }
            return self.follow(Verdict::FINAL, cx).into();
        }
        let announced = answer.retry_after();
        let (wait, has_room) = (announced.wait(cx.moment()), announced.has_room());
        let verdict = Verdict::on_status(answer.status, wait, has_room, breaker, retry);
        let replaced = !verdict.elsewhere || self.gateway.failover.replaces_held_answers();
        if replaced && answer.has_body && answer.readable && self.may_refuse(answer.status) {
            self.verdict = Some(verdict);
            return AnswerFlow::HoldBody;
        }
        self.follow(verdict, cx).into()
    }

    /// The body of an answer that was held for it ([`AnswerFlow::HoldBody`]).
    pub fn on_answer_body(&mut self, body: &[u8], cx: &mut Context<'_>) -> Judged {
        self.telemetry.own.start(cx.moment());
        let by_status = self.verdict.take();
        if by_status.is_some() && self.asks_without(body, cx) {
            return self.dropped();
        }
        let mut verdict = by_status.unwrap_or_else(|| Verdict::on_not_found(body));
        verdict.elsewhere &= self.gateway.failover.replaces_held_answers();
        self.follow(verdict, cx)
    }

    /// Draws what follows from a verdict: for the circuit, for the operator, for the client.
    pub(super) fn follow(&mut self, verdict: Verdict, cx: &mut Context<'_>) -> Judged {
        let result = AttemptResult::of(verdict, self.attempts.status());
        self.learn(verdict, cx);
        self.note_failure(result, cx);
        if !verdict.elsewhere || !self.may_repeat(verdict) {
            // Of an answer that was lost before anybody saw it, only Envoy knows what follows.
            if result != AttemptResult::NoAnswer {
                self.tell_attempt(result, false, cx);
                self.settle_blame(true, cx);
            }
            return Judged::Keep;
        }
        // The backend that was named when this attempt started may have closed its doors since.
        let scope = self.retry_scope(self.last_has_failed(), cx);
        let next = self.claim_untried(scope, cx);
        let Some(sending) = &mut self.sending else { return Judged::Keep };
        let named = std::mem::replace(&mut sending.next, next);
        let Some(next) = next else {
            self.tell_attempt(result, false, cx);
            self.settle_blame(true, cx);
            return Judged::Keep;
        };
        if named != Some(next) {
            cx.extend(self.fail_over_to(next));
        }
        self.tell_attempt(result, true, cx);
        self.dropped()
    }

    /// Another answer takes this one's place.
    fn dropped(&mut self) -> Judged {
        self.attempts.drop_answer();
        Judged::Retry(self.retry())
    }
}
