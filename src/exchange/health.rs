//! What an answer says about its backend: for the circuit that all workers share, for the share of
//! failures, for the retry budget.

use super::{Context, Effect, Exchange};
use crate::breaker::store::{Change, Record};
use crate::breaker::{FailureKind, RequestMark};
use crate::observation::{AttemptResult, Observation};
use crate::outcome::Verdict;
use crate::pool::budget::Budget;
use crate::pool::headroom::Remaining;

/// Which members a further attempt may go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryScope {
    /// All of them: the retry budget has room for it.
    All,
    /// Those that have failed no request lately: the retry budget is spent.
    Healthy,
}

impl Exchange {
    /// Draws the consequences of how the last attempt ended.
    pub(super) fn learn(&mut self, verdict: Verdict, cx: &mut Context<'_>) {
        self.learn_of(verdict, true, cx);
    }

    /// `reached`: there was a connection.
    fn learn_of(&mut self, verdict: Verdict, reached: bool, cx: &mut Context<'_>) -> Option<()> {
        let member = self.attempts.last()?;
        let result = AttemptResult::of(verdict, self.attempts.status());
        let now = cx.now();
        let shows_that_it_works = verdict.good && self.shows_that_it_works();
        let sending = self.sending.as_mut()?;
        sending.failed = verdict.failed();
        if let Some(local) = cx.pools.get_mut(sending.model.position()) {
            local.sees(member, verdict, now);
        }
        sending.blame.see(verdict, result, reached);
        let (id, mark) = (sending.model, sending.mark);
        let answered = shows_that_it_works && sending.doubted.contains(&member);
        let probe = sending.probes.iter().position(|probe| *probe == member);
        if let Some(probe) = probe {
            sending.probes.swap_remove(probe);
        }
        let gateway = self.gateway.clone();
        let route = gateway.route(id)?;
        let counts = route.model.breaker.failure_ratio.is_some() && probe.is_none();
        if answered
            && probe.is_none()
            && let Some(record) = route.record(member, Change::Answered, cx.moment())
        {
            cx.record(record);
        }
        self.settle_blame(false, cx);
        if self.is_about_something_else(verdict, reached) {
            let back = probe.and_then(|_| route.record(member, Change::Released, cx.moment()));
            cx.extend(back.map(Effect::Record));
            return None;
        }
        let sending = self.sending.as_mut()?;
        let in_no_hurry = probe.is_none() && verdict.has_room();
        if probe.is_none() && verdict.failure.is_none() && !(counts && verdict.good) {
            return None;
        }
        // That no connection could be made is not the request's doing, whichever it was.
        let mark = if reached { mark } else { RequestMark::UNKNOWN };
        let (change, tally) = match verdict.failure {
            failure if probe.is_some() => (Change::Probed(failure, cx.draw()), None),
            // Of what is counted, the record is what follows should it be too much.
            None => {
                let tally = &mut cx.known_of(id, member)?.tally;
                let due = tally.good(&route.model.breaker, now)?;
                (Change::Failed(FailureKind::FailedTooOften(None), 0), Some(due))
            }
            Some(FailureKind::Failed(retry_after)) if counts => {
                let known = cx.known_of(id, member)?;
                if !known.counts(mark) {
                    return None;
                }
                let all = known.tally.failed();
                (Change::Failed(FailureKind::FailedTooOften(retry_after), cx.draw()), Some(all))
            }
            Some(failure) => (Change::Failed(failure, cx.draw()), None),
        };
        let record = route.record(member, change, cx.moment())?.of(mark);
        match tally {
            Some(tally) if verdict.is_vote() => {
                let failure = verdict.failure.filter(|_| record.rule.combines);
                if let Some(failure) = failure {
                    let change = Change::Failed(failure, cx.draw());
                    sending.blame.vote(Record { change, ..record.clone() }, cx);
                }
                sending.blame.count(Effect::Count { tally, record });
                self.settle_blame(false, cx);
            }
            Some(tally) => cx.push(Effect::Count { tally, record }),
            None if in_no_hurry => {
                sending.blame.count(Effect::Record(record));
                self.settle_blame(false, cx);
            }
            None => match record.change {
                Change::Failed(..) => sending.blame.vote(record, cx),
                change => {
                    // What a probe came to counts at once, and can be taken back as well.
                    if matches!(change, Change::Probed(..)) && verdict.is_vote() {
                        sending.blame.accuse(record.clone());
                    }
                    cx.record(record);
                }
            },
        }
        Some(())
    }

    /// The client has left while it waited for the beginning of an answer. Where it has waited for longer
    /// than the pool's rule allows, that is the backend's failure: whoever set it has said so.
    fn learn_of_leaving(&mut self, cx: &mut Context<'_>) -> Option<()> {
        let after = self.route()?.model.breaker.abandoned_after?;
        let started = self.attempts.started()?;
        let waits = self.attempts.unanswered().is_some() || self.is_held();
        let left = waits && !self.telemetry.has_left() && !self.telemetry.shut_down;
        if left && cx.now().since(started) >= after {
            self.sending.as_mut()?.blame.becomes_certain();
            self.learn_of(Verdict::NO_ANSWER, true, cx);
        }
        Some(())
    }

    /// An attempt that ends without an answer is only seen when the next one starts, or when Envoy
    /// answers by itself.
    pub(super) fn learn_of_silence(&mut self, cx: &mut Context<'_>) {
        if self.attempts.unanswered().is_some() && !self.telemetry.shut_down {
            self.attempts.failed(cx.now());
            let reached = self.sending.as_ref().is_some_and(|sending| sending.perhaps_done);
            self.learn_of(Verdict::NO_ANSWER, reached, cx);
        }
    }

    /// Returns which members a further attempt may go to, by the retry budget. Only what follows a failure
    /// spends it.
    pub(super) fn retry_scope(&self, after_failure: bool, cx: &Context<'_>) -> RetryScope {
        let Some(sending) = self.sending.as_ref().filter(|_| after_failure) else {
            return RetryScope::All;
        };
        let budget = cx.pools.get(sending.model.position()).map(|local| &local.budget);
        let percent = self.route().map(|route| route.model.retry.budget);
        let each = sending.allowed.saturating_sub(1);
        let within = |(budget, percent): (&Budget, u32)| budget.allows(percent, each, cx.now());
        if budget.zip(percent).is_none_or(within) { RetryScope::All } else { RetryScope::Healthy }
    }

    /// Returns the members that are out of this scope.
    pub(super) fn out_of_scope(&self, scope: RetryScope, cx: &Context<'_>) -> Vec<usize> {
        match (&self.sending, scope) {
            (Some(sending), RetryScope::Healthy) => cx.failing(sending.model),
            _ => Vec::new(),
        }
    }

    /// Whether the last attempt has failed, so that another one is a load twice borne.
    pub(super) fn last_has_failed(&self) -> bool {
        self.sending.as_ref().is_some_and(|sending| sending.failed)
    }

    /// What a backend says is left of its limits.
    pub(super) fn see_remaining(&self, remaining: &Remaining, cx: &mut Context<'_>) {
        let (Some(sending), Some(member)) = (&self.sending, self.attempts.last()) else { return };
        let (model, now) = (sending.model, cx.now());
        let known = cx.known_of(model, member);
        let share = known.and_then(|known| known.headroom.see(remaining, now));
        let tell = |share| Effect::Tell(Observation::Headroom { model, member, share });
        cx.extend(share.map(tell));
    }

    /// The request is over, however it ended: what it has claimed and not used goes back, and it counts
    /// no more as under way. `complete`: the client's answer has passed to its end.
    pub fn on_end(&mut self, complete: bool, cx: &mut Context<'_>) {
        let (now, at) = (cx.now(), cx.moment());
        self.telemetry.own.stop(at);
        self.learn_of_leaving(cx);
        self.settle_blame(true, cx);
        self.tell_request(complete, cx);
        let Some(sending) = &mut self.sending else { return };
        let (id, probes) = (sending.model, std::mem::take(&mut sending.probes));
        if let Some(local) = cx.pools.get_mut(id.position()) {
            local.budget.end(now);
        }
        let Some(route) = self.gateway.route(id) else { return };
        let back = |member| Some(Effect::Record(route.record(member, Change::Released, at)?));
        cx.extend(probes.into_iter().filter_map(back));
    }
}
