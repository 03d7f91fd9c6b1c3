//! What is told of a request: each attempt when it is judged, and the request when it is over.
//!
//! # The gateway's own time
//!
//! Some of a request's time is spent in Envoy and in the filter without anybody outside being
//! waited for. It is measured between events, because nothing else can be seen from here:
//!
//! - from the head's arrival to the start of the first attempt, less the time in which the request
//!   was held until its body was there;
//! - from an answer that was judged bad to the start of the next attempt, the router's back-off
//!   included;
//! - from the last answer that was judged to its head's leaving.
//!
//! It is not all that the gateway costs: what happens before the filter sees a request and after it
//! has let go of it (sockets, TLS, the codecs), and the passing of bodies, are not in it. Nor is the
//! back-off after an attempt that nobody answered: when that began, only Envoy knows.

use super::{Context, Effect, Exchange};
use crate::breaker::FailureKind;
use crate::config::{ClientId, ModelId};
use crate::observation::{AttemptResult, Observation, Outcome};
use crate::outcome::Verdict;
use crate::reason::Reason;
use crate::reply::Reply;
use crate::time::{Micros, Millis, Timestamp};
use crate::usage::Usage;

/// What is kept of a request until it is over.
#[derive(Debug, Default)]
pub(super) struct Telemetry {
    pub(super) arrived: Timestamp,
    pub(super) client: Option<ClientId>,
    /// Why the gateway answered by itself.
    pub(super) reason: Option<Reason>,
    /// The last attempt that was told of, by its number, and what it came to.
    told: Option<(usize, AttemptResult)>,
    /// The attempt that is under way.
    under_way: Option<UnderWay>,
    left: Option<Left>,
    /// What the client got broke off, or went on with an error.
    pub(super) broken: bool,
    /// The gateway was stopped before it was over.
    pub(super) shut_down: bool,
    pub(super) streamed: bool,
    /// What the answer that goes to the client has used.
    pub(super) usage: Usage,
    /// What the answer that goes to the client says that its model is.
    pub(super) model: Option<String>,
    /// What the access log has been told of an error; empty: nothing.
    pub(super) error: String,
    /// What of it the access log has been told.
    pub(super) logged: Usage,
    /// The gateway's own time.
    pub(super) own: Stopwatch,
}

/// An attempt that has begun, and that is not over.
#[derive(Debug, Clone, Copy)]
struct UnderWay {
    model: ModelId,
    member: usize,
    started: Timestamp,
    /// When its answer was found to be good.
    good_since: Option<Timestamp>,
}

/// The head of an answer has left.
#[derive(Debug, Clone, Copy)]
struct Left {
    status: u16,
    at: Timestamp,
    /// Nobody will see its end, but it has one.
    whole: bool,
}

/// Adds up spans of time.
#[derive(Debug, Default)]
pub(super) struct Stopwatch {
    since: Option<Micros>,
    spent: Micros,
}

impl Telemetry {
    /// The head of an answer leaves; the rest of it follows.
    pub(super) const fn leaves(&mut self, status: u16, at: Timestamp) {
        self.left = Some(Left { status, at, whole: false });
    }

    /// Whether the head of an answer has left.
    pub(super) const fn has_left(&self) -> bool {
        self.left.is_some()
    }

    /// An answer of the gateway's own leaves instead, past every filter.
    pub(super) const fn is_replaced(&mut self, reply: &Reply, at: Timestamp) {
        self.left = Some(Left { status: reply.status, at, whole: true });
        self.reason = Some(reply.reason);
    }

    fn outcome(&self, complete: bool) -> Outcome {
        if self.shut_down {
            return Outcome::ShutDown;
        }
        let Some(Left { status, whole, .. }) = self.left else { return Outcome::ClientLeft };
        if self.broken {
            return Outcome::Broken;
        }
        if !complete && !whole {
            return Outcome::ClientLeft;
        }
        if let Some(reason) = self.reason {
            return match (status, reason) {
                (429, _) | (_, Reason::Exhausted) => Outcome::Exhausted,
                (_, Reason::BackendCredentialRefused) => Outcome::BackendRefused,
                (500.., _) | (_, Reason::PinnedBackendUnavailable) => Outcome::Unavailable,
                _ => Outcome::Rejected,
            };
        }
        match self.told {
            Some((_, AttemptResult::Throttled)) => Outcome::Exhausted,
            Some((_, AttemptResult::Refused)) => Outcome::BackendRefused,
            Some((_, AttemptResult::Ok)) if status < 500 => Outcome::Answered,
            Some((_, AttemptResult::ClientError)) => Outcome::ClientError,
            None if status < 500 => Outcome::Rejected,
            _ => Outcome::Unavailable,
        }
    }
}

impl Stopwatch {
    pub(super) const fn start(&mut self, moment: Micros) {
        if self.since.is_none() {
            self.since = Some(moment);
        }
    }

    pub(super) const fn stop(&mut self, moment: Micros) {
        if let Some(since) = self.since.take() {
            let span = moment.0.saturating_sub(since.0);
            self.spent = Micros(self.spent.0.saturating_add(span));
        }
    }
}

impl Exchange {
    /// Tells that an attempt begins, and that the one before is over.
    pub(super) fn tell_begun(&mut self, model: ModelId, member: usize, cx: &mut Context<'_>) {
        self.tell_over(false, cx);
        let started = cx.now();
        self.telemetry.under_way = Some(UnderWay { model, member, started, good_since: None });
        cx.push(Effect::Tell(Observation::Begun { model, member }));
    }

    /// Tells that the attempt which is under way is over. `complete`: with its answer's end.
    fn tell_over(&mut self, complete: bool, cx: &mut Context<'_>) {
        let Some(attempt) = self.telemetry.under_way.take() else { return };
        let now = cx.now();
        let pace = attempt.good_since.filter(|_| complete && self.streaming.is_some());
        let pace = pace.and_then(|since| self.telemetry.usage.pace(now.since(since)));
        cx.push(Effect::Tell(Observation::Over {
            model: attempt.model,
            member: attempt.member,
            took: now.since(attempt.started),
            pace,
        }));
    }

    /// Tells of the last attempt, if that has not been done.
    pub(super) fn tell_attempt(
        &mut self,
        result: AttemptResult,
        fails_over: bool,
        cx: &mut Context<'_>,
    ) -> Option<()> {
        let number = self.attempts.len();
        if number == 0 || self.telemetry.told.is_some_and(|(told, _)| told == number) {
            return None;
        }
        self.telemetry.told = Some((number, result));
        let sending = self.sending.as_ref()?;
        let member = self.attempts.last()?;
        let status = self.attempts.status();
        cx.push(Effect::Tell(Observation::Attempt {
            model: sending.model,
            member,
            status,
            result,
            fails_over,
            pinned: sending.pin == Some(member),
            streamed: self.streaming.is_some(),
            waited: self.waited(cx),
        }));
        if let Some(attempt) = &mut self.telemetry.under_way {
            attempt.good_since = (result == AttemptResult::Ok).then(|| cx.now());
        }
        if fails_over {
            self.tell_over(false, cx);
        }
        Some(())
    }

    /// From the last attempt's start until now, or until it was seen that no answer would come.
    fn waited(&self, cx: &Context<'_>) -> Millis {
        let silence = self.attempts.took().filter(|_| !self.attempts.has_answer());
        let started = self.attempts.started().unwrap_or_else(|| cx.now());
        silence.unwrap_or_else(|| cx.now().since(started))
    }

    /// Tells of the last attempt if it has ended and nobody has told of it: it had no answer.
    pub(super) fn tell_silence(&mut self, fails_over: bool, cx: &mut Context<'_>) {
        if self.attempts.unanswered().is_none() {
            self.tell_attempt(AttemptResult::NoAnswer, fails_over, cx);
        }
    }

    /// Tells of the request, which is over.
    pub(super) fn tell_request(&mut self, complete: bool, cx: &mut Context<'_>) {
        let now = cx.now();
        let result = match self.attempts.unanswered() {
            Some(_) => AttemptResult::Abandoned,
            None if self.telemetry.left.is_none() && self.attempts.has_answer() => {
                AttemptResult::Abandoned
            }
            None => AttemptResult::NoAnswer,
        };
        self.tell_attempt(result, false, cx);
        self.tell_over(complete, cx);
        self.log_end(self.telemetry.outcome(complete), cx);
        self.log_usage(cx);
        let all = &self.telemetry;
        cx.push(Effect::Tell(Observation::Request {
            model: self.sending.as_ref().map(|sending| sending.model).or(self.wanted),
            client: all.client,
            member: self.attempts.last(),
            status: all.left.map(|left| left.status),
            outcome: all.outcome(complete),
            reason: all.reason,
            attempts: self.attempts.len(),
            first_byte: all.left.map(|left| left.at.since(all.arrived)),
            total: now.since(all.arrived),
            own: all.own.spent,
            streamed: all.streamed,
            generates: self.generates(),
            worked_for: matches!(all.told, Some((_, AttemptResult::Ok | AttemptResult::Abandoned))),
            usage: all.usage,
        }));
    }
}

impl AttemptResult {
    /// What an answer with this status, judged so, came to.
    pub(super) const fn of(verdict: Verdict, status: Option<u16>) -> Self {
        match (status, verdict.failure) {
            (None, _) => Self::NoAnswer,
            (Some(429), _) | (_, Some(FailureKind::Throttled(_))) => Self::Throttled,
            (_, Some(FailureKind::Refused)) => Self::Refused,
            (Some(..400), Some(_)) => Self::BadStart,
            (Some(500..), _) | (_, Some(_)) => Self::ServerError,
            (_, None) if verdict.good => Self::Ok,
            (_, None) => Self::ClientError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn a_stopwatch_adds_up_what_is_between_start_and_stop() {
        let mut watch = Stopwatch::default();
        watch.stop(Micros(5));
        watch.start(Micros(10));
        watch.start(Micros(15));
        watch.stop(Micros(30));
        watch.stop(Micros(90));
        watch.start(Micros(100));
        watch.stop(Micros(40));
        assert_eq!(watch.spent, Micros(20), "a clock that jumps back takes nothing away");
    }

    #[test]
    fn causes_follow_what_the_backend_said() {
        let failed = Verdict::NO_ANSWER;
        assert_eq!(AttemptResult::of(failed, None), AttemptResult::NoAnswer);
        assert_eq!(AttemptResult::of(failed, Some(200)), AttemptResult::BadStart);
        assert_eq!(AttemptResult::of(failed, Some(503)), AttemptResult::ServerError);
        assert_eq!(
            AttemptResult::of(failed, Some(429)),
            AttemptResult::Throttled,
            "however the pool counts it"
        );
        assert_eq!(AttemptResult::of(failed, Some(408)), AttemptResult::ServerError);
        assert_eq!(AttemptResult::of(Verdict::FINAL, Some(501)), AttemptResult::ServerError);
        assert_eq!(AttemptResult::of(Verdict::FINAL, Some(400)), AttemptResult::ClientError);
        assert_eq!(AttemptResult::of(Verdict::GOOD, Some(200)), AttemptResult::Ok);
    }

    #[test]
    fn the_outcome_is_what_the_client_has_seen() {
        let telemetry = |status, result, reason| Telemetry {
            told: Some((1, result)),
            reason,
            left: Some(Left { status, at: Timestamp(1), whole: false }),
            ..Telemetry::default()
        };
        let ends = |telemetry: &Telemetry| telemetry.outcome(true);
        assert_eq!(ends(&telemetry(200, AttemptResult::Ok, None)), Outcome::Answered);
        assert_eq!(telemetry(200, AttemptResult::Ok, None).outcome(false), Outcome::ClientLeft);
        assert_eq!(ends(&telemetry(504, AttemptResult::Ok, None)), Outcome::Unavailable);
        assert_eq!(ends(&telemetry(429, AttemptResult::Throttled, None)), Outcome::Exhausted);
        assert_eq!(ends(&telemetry(401, AttemptResult::Refused, None)), Outcome::BackendRefused);
        assert_eq!(
            ends(&telemetry(503, AttemptResult::Ok, Some(Reason::Exhausted))),
            Outcome::Exhausted
        );
        assert_eq!(
            ends(&telemetry(503, AttemptResult::NoAnswer, Some(Reason::Unavailable))),
            Outcome::Unavailable
        );
        let refused = Some(Reason::BackendCredentialRefused);
        assert_eq!(
            ends(&telemetry(401, AttemptResult::ClientError, refused)),
            Outcome::BackendRefused
        );
        assert_eq!(
            ends(&telemetry(413, AttemptResult::Ok, Some(Reason::RequestTooLarge))),
            Outcome::Rejected
        );
        assert_eq!(ends(&Telemetry::default()), Outcome::ClientLeft);
        let broken = Telemetry { broken: true, ..telemetry(200, AttemptResult::Ok, None) };
        assert_eq!(broken.outcome(false), Outcome::Broken);
    }
}
