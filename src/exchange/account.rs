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

use super::event::Event;
use super::{Effect, Exchange, World};
use crate::breaker::Blame;
use crate::config::ClientId;
use crate::observation::{Cause, Observation, Outcome};
use crate::outcome::Verdict;
use crate::reply::{BACKEND_CREDENTIAL_REFUSED, Reply};
use crate::time::{Micros, Timestamp};
use crate::usage::Usage;

/// What is kept of a request until it is over.
#[derive(Debug, Default)]
pub(super) struct Account {
    arrived: Timestamp,
    pub(super) client: Option<ClientId>,
    /// Why the gateway answered by itself.
    pub(super) reason: Option<&'static str>,
    /// The last attempt that was told of, by its number, and what it came to.
    told: Option<(usize, Cause)>,
    left: Option<Left>,
    /// What the client got broke off, or went on with an error.
    pub(super) broken: bool,
    pub(super) streamed: bool,
    /// What the answer that goes to the client has used.
    pub(super) usage: Usage,
    /// What of it the access log has been told.
    pub(super) noted: Usage,
    own: Stopwatch,
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
struct Stopwatch {
    since: Option<Micros>,
    spent: Micros,
}

impl Account {
    /// The head of an answer leaves; the rest of it follows.
    pub(super) const fn leaves(&mut self, status: u16, at: Timestamp) {
        self.left = Some(Left { status, at, whole: false });
    }

    /// An answer of the gateway's own leaves instead, past every filter.
    pub(super) const fn is_replaced(&mut self, reply: &Reply, at: Timestamp) {
        self.left = Some(Left { status: reply.status, at, whole: true });
        self.reason = Some(reply.reason);
    }

    fn outcome(&self, complete: bool) -> Outcome {
        let Some(Left { status, whole, .. }) = self.left else { return Outcome::ClientLeft };
        if self.broken {
            return Outcome::Broken;
        }
        if !complete && !whole {
            return Outcome::ClientLeft;
        }
        if let Some(reason) = self.reason {
            return match (status, reason) {
                (429, _) | (_, "exhausted") => Outcome::Exhausted,
                (_, BACKEND_CREDENTIAL_REFUSED) => Outcome::BackendRefused,
                (500.., _) | (_, "pinned_backend_unavailable") => Outcome::Unavailable,
                _ => Outcome::Rejected,
            };
        }
        match self.told {
            Some((_, Cause::Throttled)) => Outcome::Exhausted,
            Some((_, Cause::Refused)) => Outcome::BackendRefused,
            Some((_, Cause::Ok)) if status < 500 => Outcome::Answered,
            Some((_, Cause::ClientError)) => Outcome::ClientError,
            None if status < 500 => Outcome::Rejected,
            _ => Outcome::Unavailable,
        }
    }
}

impl Stopwatch {
    const fn start(&mut self, moment: Micros) {
        if self.since.is_none() {
            self.since = Some(moment);
        }
    }

    const fn stop(&mut self, moment: Micros) {
        if let Some(since) = self.since.take() {
            let span = moment.0.saturating_sub(since.0);
            self.spent = Micros(self.spent.0.saturating_add(span));
        }
    }
}

impl Exchange {
    /// Before an event: whether from now on the gateway is what takes time.
    pub(super) fn clock(&mut self, event: &Event<'_>, world: &World<'_>) {
        let held = self.is_held();
        let own = &mut self.account.own;
        match event {
            Event::Arrived(_) => {
                self.account.arrived = world.now();
                own.start(world.moment());
            }
            Event::Body(_)
            | Event::Redirected
            | Event::Answered(_)
            | Event::AnswerBody(_)
            | Event::Opening { .. }
            | Event::HeldLongEnough => own.start(world.moment()),
            Event::StreamPart { .. } if held => own.start(world.moment()),
            Event::AttemptStarts | Event::Leaving { .. } | Event::Ended { .. } => {
                own.stop(world.moment());
            }
            _ => {}
        }
    }

    /// After an event: whether somebody else is waited for.
    pub(super) fn clock_off(&mut self, effects: &[Effect], world: &World<'_>) {
        let waits = |effect: &Effect| {
            matches!(
                effect,
                Effect::AwaitBody
                    | Effect::AwaitEnd
                    | Effect::HoldAnswer
                    | Effect::HoldOpening
                    | Effect::HoldStream(_)
                    | Effect::HoldOn
            )
        };
        if effects.iter().any(waits) {
            self.account.own.stop(world.moment());
        }
    }

    /// Tells of the last attempt, if that has not been done.
    pub(super) fn tell_attempt(&mut self, cause: Cause, fails_over: bool) -> Option<Effect> {
        let number = self.trail.len();
        if number == 0 || self.account.told.is_some_and(|(told, _)| told == number) {
            return None;
        }
        self.account.told = Some((number, cause));
        let sending = self.sending.as_ref()?;
        let member = self.trail.last()?;
        Some(Effect::Tell(Observation::Attempt {
            model: sending.model,
            member,
            status: self.trail.status(),
            cause,
            fails_over,
            pinned: sending.pin == Some(member),
            took: self.trail.took().unwrap_or_default(),
        }))
    }

    /// Tells of the last attempt if it has ended and nobody has told of it: it had no answer.
    pub(super) fn tell_silence(&mut self, fails_over: bool) -> Option<Effect> {
        if self.trail.unanswered().is_some() {
            return None;
        }
        self.tell_attempt(Cause::NoAnswer, fails_over)
    }

    /// Tells of the request, which is over.
    pub(super) fn tell_request(&mut self, complete: bool, now: Timestamp) -> Vec<Effect> {
        let cause = match self.trail.unanswered() {
            Some(_) => Cause::Abandoned,
            None if self.account.left.is_none() && self.trail.has_answer() => Cause::Abandoned,
            None => Cause::NoAnswer,
        };
        let mut effects: Vec<Effect> = self.tell_attempt(cause, false).into_iter().collect();
        effects.extend(self.notes(self.account.outcome(complete)));
        effects.extend(self.note_usage());
        let account = &self.account;
        effects.push(Effect::Tell(Observation::Request {
            model: self.sending.as_ref().map(|sending| sending.model).or(self.wanted),
            client: account.client,
            member: self.trail.last(),
            status: account.left.map(|left| left.status),
            outcome: account.outcome(complete),
            reason: account.reason,
            attempts: self.trail.len(),
            first_byte: account.left.map(|left| left.at.since(account.arrived)),
            total: now.since(account.arrived),
            own: account.own.spent,
            streamed: account.streamed,
            generates: self.generates(),
            usage: account.usage,
        }));
        effects
    }
}

impl Cause {
    /// What an answer with this status, judged so, came to.
    pub(super) const fn of(verdict: Verdict, status: Option<u16>) -> Self {
        match (status, verdict.blame) {
            (None, _) => Self::NoAnswer,
            (Some(429), _) | (_, Some(Blame::Throttled(_))) => Self::Throttled,
            (_, Some(Blame::Refused)) => Self::Refused,
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
        assert_eq!(Cause::of(failed, None), Cause::NoAnswer);
        assert_eq!(Cause::of(failed, Some(200)), Cause::BadStart);
        assert_eq!(Cause::of(failed, Some(503)), Cause::ServerError);
        assert_eq!(Cause::of(failed, Some(429)), Cause::Throttled, "however the pool counts it");
        assert_eq!(Cause::of(failed, Some(408)), Cause::ServerError);
        assert_eq!(Cause::of(Verdict::FINAL, Some(501)), Cause::ServerError);
        assert_eq!(Cause::of(Verdict::FINAL, Some(400)), Cause::ClientError);
        assert_eq!(Cause::of(Verdict::GOOD, Some(200)), Cause::Ok);
    }

    #[test]
    fn the_outcome_is_what_the_client_has_seen() {
        let account = |status, cause, reason| Account {
            told: Some((1, cause)),
            reason,
            left: Some(Left { status, at: Timestamp(1), whole: false }),
            ..Account::default()
        };
        let ends = |account: &Account| account.outcome(true);
        assert_eq!(ends(&account(200, Cause::Ok, None)), Outcome::Answered);
        assert_eq!(account(200, Cause::Ok, None).outcome(false), Outcome::ClientLeft);
        assert_eq!(ends(&account(504, Cause::Ok, None)), Outcome::Unavailable);
        assert_eq!(ends(&account(429, Cause::Throttled, None)), Outcome::Exhausted);
        assert_eq!(ends(&account(401, Cause::Refused, None)), Outcome::BackendRefused);
        assert_eq!(ends(&account(503, Cause::Ok, Some("exhausted"))), Outcome::Exhausted);
        assert_eq!(ends(&account(503, Cause::NoAnswer, Some("unavailable"))), Outcome::Unavailable);
        let refused = Some(BACKEND_CREDENTIAL_REFUSED);
        assert_eq!(ends(&account(401, Cause::ClientError, refused)), Outcome::BackendRefused);
        assert_eq!(ends(&account(413, Cause::Ok, Some("request_too_large"))), Outcome::Rejected);
        assert_eq!(ends(&Account::default()), Outcome::ClientLeft);
        let broken = Account { broken: true, ..account(200, Cause::Ok, None) };
        assert_eq!(broken.outcome(false), Outcome::Broken);
    }
}
