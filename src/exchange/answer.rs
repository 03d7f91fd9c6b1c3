//! Backend seat, answer: whether it is the client's, or another backend is asked.

use super::event::Answer;
use super::{Effect, Exchange, World};
use crate::observation::Cause;
use crate::outcome::{self, Verdict};

impl Exchange {
    pub(super) fn answered(&mut self, answer: &Answer, world: &mut World<'_>) -> Vec<Effect> {
        self.trail.answered(answer.status, world.now());
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
        if !verdict.elsewhere {
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
