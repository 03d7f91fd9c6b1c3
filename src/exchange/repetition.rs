//! What may be done twice.
//!
//! A chat that is sent to a second backend, although the first may have answered it too, costs tokens.
//! A file, a job or a thread that is made twice is there twice. The table of operations says which is
//! which ([`crate::operation::Operation::repeats`]). An operation that must not be done twice goes to
//! another backend only where it is plain that the first has not done it: the connection was never
//! there, or the answer refuses the request.
//!
//! # Lost on a connection that was closing
//!
//! A server closes what has been idle for some seconds, and a request that is on its way then is lost.
//! So does an HTTP/2 server that ends a stream which it has not begun to process. That is no failure of
//! the server: the request is sent to it again, at most [`MOST_REPETITIONS`] times, and nothing is
//! counted. What is lost on a new connection is a failure, also where that was a repetition. Envoy
//! does not tell its filters why an attempt ended; what has taken as long as a time-out was one.

use super::{Context, Exchange};
use crate::outcome::Verdict;
use crate::reply::{Lost, Reply};
use crate::time::Millis;

/// As many attempts Envoy may make after the first, where so many backends may be asked.
pub const fn most_retries(allowed: usize) -> usize {
    allowed.saturating_mul(1 + MOST_REPETITIONS).saturating_sub(1)
}

/// As often an Envoy that redirects may bring a request back: each backend may be asked once more, for
/// what it has answered (`added.rs`).
pub const fn most_redirects(backends: usize) -> usize {
    backends.saturating_mul(2).saturating_sub(1)
}

/// The other way round: as many backends may be asked where Envoy may make so many attempts after the
/// first.
pub const fn allowed_by(retries: usize) -> usize {
    // An Envoy that redirects makes none.
    if retries == 0 { 1 } else { retries.saturating_add(1) / (1 + MOST_REPETITIONS) }
}

/// How an attempt ended that nobody answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SilentEnd {
    /// There was a connection, so that the backend may have got the request.
    pub connected: bool,
    /// The connection had brought an answer before.
    pub reused: bool,
}

impl Exchange {
    /// Whether another backend may be asked after this verdict.
    pub(super) fn may_repeat(&self, verdict: Verdict) -> bool {
        !verdict.failed() || self.repeats()
    }

    /// The attempt is over without an answer.
    pub fn on_no_answer(&mut self, end: SilentEnd, cx: &mut Context<'_>) {
        let why = self.lost_now(end.connected, cx);
        let repeats = why == Lost::Connection && end.reused && self.may_be_repeated();
        let Some(sending) = &mut self.sending else { return };
        sending.perhaps_done = end.connected;
        sending.lost = Some(why);
        if repeats {
            self.repeat(cx);
        }
    }

    /// An answer is lost that has begun, and that nobody has seen.
    pub fn on_held_answer_lost(&mut self, cx: &Context<'_>) {
        let why = self.lost_now(true, cx);
        if let Some(sending) = &mut self.sending {
            sending.lost = Some(why);
        }
    }

    /// Whether the attempt, which was lost by nobody's fault, may be made once more.
    fn may_be_repeated(&self) -> bool {
        self.repeats()
            && !self.gateway.failover.redirects()
            && self.attempts.unanswered().is_some()
            && self.may_repeat_once_more()
    }

    /// Whether the backend that was asked last may be asked once more, for whatever reason.
    pub(super) fn may_repeat_once_more(&self) -> bool {
        self.attempts.repeated() < MOST_REPETITIONS
    }

    /// Has Envoy, which tries again now, ask the same backend. Who was named for a failover stays so.
    pub(super) fn repeat(&mut self, cx: &mut Context<'_>) -> Option<()> {
        let member = self.attempts.last()?;
        self.attempts.failed(cx.now());
        self.attempts.repeat();
        let sending = self.sending.as_mut()?;
        sending.perhaps_done = false;
        sending.failed = false;
        sending.second = sending.next.replace(member);
        let next = self.fail_over_to(member);
        cx.extend(next);
        Some(())
    }

    /// Why the last attempt had no answer.
    pub(super) fn lost(&self) -> Lost {
        let why = self.sending.as_ref().and_then(|sending| sending.lost);
        why.unwrap_or(Lost::Connection)
    }

    /// Why the last attempt ends now without an answer. Envoy does not say it here, but time does: what
    /// is lost before any time-out can have passed is lost with its connection.
    fn lost_now(&self, connected: bool, cx: &Context<'_>) -> Lost {
        let started = self.attempts.started().unwrap_or_default();
        let took = (cx.now() + SLACK).since(started);
        if !connected {
            let backend = self.asked().and_then(|id| id.of(&self.gateway.config.backends));
            let late = backend.is_some_and(|backend| took >= backend.connect_timeout);
            return if late { Lost::ConnectTimeout } else { Lost::Unreachable };
        }
        let Some(route) = self.route() else { return Lost::Connection };
        let times = &route.model.timeouts;
        let limits = [
            times.per_try.map(|limit| (limit, Lost::PerTry)),
            Some((times.first_byte, Lost::FirstByte)),
            Some((times.stream_idle, Lost::Idle)),
        ];
        let soonest = limits.into_iter().flatten().min_by_key(|(limit, _)| *limit);
        soonest.filter(|(limit, _)| took >= *limit).map_or(Lost::Connection, |(_, why)| why)
    }

    /// Envoy tries again by itself where no answer came. It must not, where the backend may have done
    /// what must not be done twice.
    pub(super) fn must_not_repeat(&mut self) -> Option<Reply> {
        let reply = self.outcome_unknown();
        self.sending.as_mut()?.perhaps_done = false;
        reply
    }

    /// What a client is told whose request may have been done, and must not be done twice.
    pub(super) fn outcome_unknown(&self) -> Option<Reply> {
        let perhaps_done = self.sending.as_ref().is_some_and(|sending| sending.perhaps_done);
        (perhaps_done && !self.repeats()).then(Reply::outcome_unknown)
    }

    /// Whether it may be done twice.
    pub(super) fn repeats(&self) -> bool {
        self.info.as_ref().is_none_or(|info| info.target.operation.repeats)
    }
}

/// How often a request is repeated at one backend. Idle connections often end together, so that the
/// next one may be closing as well.
const MOST_REPETITIONS: usize = 2;

/// Envoy's timers and its clock are not quite of one mind.
const SLACK: Millis = Millis(5);
