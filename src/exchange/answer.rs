//! Backend seat, answer: whether it is the client's, or another backend is asked.

use super::event::Answer;
use super::{Effect, Exchange, World};
use crate::breaker::board::Record;
use crate::outcome::{self, Verdict};

impl Exchange {
    pub(super) fn answered(&mut self, answer: &Answer, world: &mut World<'_>) -> Vec<Effect> {
        self.trail.answered(answer.status, world.now);
        if answer.status < 400 {
            return Vec::new();
        }
        let Some(route) = self.route() else { return Vec::new() };
        let (breaker, retry) = (&route.model.breaker, &route.model.retry);
        if outcome::needs_body(answer.status, retry) {
            return if answer.readable { vec![Effect::HoldAnswer] } else { Vec::new() };
        }
        let announced = answer.announcement.wait(world.now);
        let verdict = Verdict::on_status(answer.status, announced, breaker, retry);
        self.follow(verdict, world)
    }

    pub(super) fn answer_body(&mut self, body: &[u8], world: &mut World<'_>) -> Vec<Effect> {
        self.follow(Verdict::on_not_found(body), world)
    }

    fn follow(&mut self, verdict: Verdict, world: &mut World<'_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        effects.extend(self.blame(verdict, world));
        if !verdict.elsewhere {
            return effects;
        }
        // The backend that was named when this attempt started may have closed its doors since.
        let next = self.untried(world);
        let Some(sending) = &mut self.sending else { return effects };
        let named = std::mem::replace(&mut sending.next, next);
        let Some(next) = next else { return effects };
        if named != Some(next) {
            effects.extend(self.fail_over_to(next));
        }
        self.trail.drop_answer();
        effects.push(Effect::MarkRetry);
        effects
    }

    fn blame(&self, verdict: Verdict, world: &mut World<'_>) -> Option<Effect> {
        let circuit = self.circuit(self.trail.last()?)?;
        let record =
            Record { circuit, blame: verdict.blame?, rule: self.route()?.model.breaker.clone() };
        world.record(&record);
        Some(Effect::Record(record))
    }
}
