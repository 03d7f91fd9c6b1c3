//! Upstream, answer: what a good status is worth, by the first bytes of what follows.
//!
//! A 200 may hold an error, the page of a proxy, or nothing at all, and nobody has seen it yet: each
//! is judged as what it is, and tried elsewhere like a status that says so. What its head calls it
//! decides little: a stream without a content type is a stream.
//!
//! White space comes first from servers that keep a connection alive while they work. It is held
//! with what follows, within the bounds that hold for streams (`first_event`).

use super::answer_head::Answer;
use super::attempts::Break;
use super::flow::{AnswerFlow, Judged};
use super::{Context, Exchange, RequestInfo};
use crate::config::{BreakerRule, RetryRule};
use crate::outcome::Verdict;
use crate::stream::{Start, StreamError};
use crate::time::Millis;
use crate::usage::{Place, Scan};

/// An answer that is held until its first bytes have shown what it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening {
    /// Its content type is that of a stream of events.
    says_events: bool,
    /// It can be read.
    readable: bool,
    /// What is there of it is white space.
    blank: bool,
    wanted: Wanted,
}

/// What a request's answer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// JSON, or a stream of events.
    Json,
    /// Something that is not empty.
    Something,
    /// Anything but an error, such as what was said in a recording of silence.
    Anything,
    /// Whatever it is: its status is a good one that says more than 200 does.
    Whatever,
}

impl Wanted {
    /// Returns `true` if an answer that begins so cannot be what was asked for.
    const fn refuses(self, start: Start) -> bool {
        match start {
            Start::Page => !matches!(self, Self::Whatever),
            Start::Blank => matches!(self, Self::Json | Self::Something),
            Start::Events | Start::Other => matches!(self, Self::Json),
            Start::Unclear | Start::Json | Start::Error(_) => false,
        }
    }
}

impl Exchange {
    /// An answer whose status is good: of most, more must be seen before it is.
    pub(super) fn good_so_far(&mut self, answer: &Answer, cx: &mut Context<'_>) -> AnswerFlow {
        let is_plain = answer.status == 200;
        if !matches!(answer.status, 200..300) || !(is_plain || answer.has_body) {
            return self.follow(Verdict::GOOD, cx).into();
        }
        let wanted = self.info.as_ref().and_then(RequestInfo::wanted);
        let wanted = wanted.map(|wanted| if is_plain { wanted } else { Wanted::Whatever });
        self.retry_after = answer.inner_retry_after(cx);
        if !answer.has_body {
            return match wanted {
                Some(Wanted::Json | Wanted::Something) => {
                    self.begins_badly_in_head(StreamError::Failed, cx).into()
                }
                _ => self.follow(Verdict::GOOD, cx).into(),
            };
        }
        let streams = answer.says_events && self.may_stream();
        if streams && answer.readable {
            return self.hold_stream(cx);
        }
        match wanted {
            Some(wanted) if !streams => {
                let Answer { says_events, readable, .. } = *answer;
                self.opening = Some(Opening { says_events, readable, blank: true, wanted });
                AnswerFlow::HoldOpening
            }
            _ => self.follow(Verdict::GOOD, cx).into(),
        }
    }

    /// Returns `true` if the request asks a model for an answer, rather than for anything else.
    pub(super) fn generates(&self) -> bool {
        let info = self.info.as_ref().filter(|info| info.has_body);
        info.is_some_and(|info| info.api.is_some())
    }

    /// Returns `true` if the answer may be a stream of events, as far as the request tells.
    fn may_stream(&self) -> bool {
        self.info.as_ref().is_none_or(|info| !info.plain)
    }

    /// The first bytes that are there of an answer that was held for them
    /// ([`AnswerFlow::HoldOpening`]).
    pub fn on_opening(&mut self, bytes: &[u8], end: bool, cx: &mut Context<'_>) -> AnswerFlow {
        self.telemetry.own.start(cx.moment());
        let Some(mut opening) = self.opening.take() else { return AnswerFlow::Pass };
        let Opening { says_events, readable, wanted, .. } = opening;
        let start = Start::of(bytes, end);
        let most = self.route().map_or(0, |route| route.model.first_event.size);
        match start {
            Start::Blank | Start::Unclear if !end && within(bytes, most) => {
                opening.blank = start == Start::Blank;
                self.opening = Some(opening);
                self.telemetry.own.stop(cx.moment());
                AnswerFlow::HoldOpening
            }
            // White space of a compressed answer is none.
            _ if !readable && !bytes.is_empty() => self.follow(Verdict::GOOD, cx).into(),
            // A stream that the request had not asked for, or one that does not say so.
            Start::Events if says_events || self.may_stream() => self.hold_stream(cx),
            Start::Other if says_events => self.hold_stream(cx),
            Start::Error(fault) if wanted != Wanted::Whatever => {
                self.begins_badly(fault, cx).into()
            }
            // Space for as long as may be held is no answer yet, and no failure either.
            _ if (end || start != Start::Blank) && wanted.refuses(start) => {
                self.begins_badly(StreamError::Failed, cx).into()
            }
            _ => {
                let flow = self.follow(Verdict::GOOD, cx).into();
                if flow != AnswerFlow::Pass {
                    return flow;
                }
                let reads = self.read_on();
                self.on_answer_part(bytes, end, cx);
                if end { AnswerFlow::Pass } else { reads }
            }
        }
    }

    /// Returns `true` if the answer is held for its first bytes.
    pub(super) const fn opens(&self) -> bool {
        self.opening.is_some()
    }

    /// The opening was held for as long as it may be: what follows is the client's.
    pub(super) fn opening_expired(&mut self) {
        let Some(opening) = self.opening.take() else { return };
        // Tokens are read from the beginning of the JSON on, or not at all.
        if opening.blank {
            self.read_on();
        }
    }

    /// How long an answer is held once its first bytes are there.
    pub fn longest_hold(&self) -> Millis {
        self.route().map(|route| route.model.first_event.time).unwrap_or_default()
    }

    /// Has an answer read that reports its tokens once, as a whole.
    fn read_on(&mut self) -> AnswerFlow {
        let reports = self.info.as_ref().is_some_and(RequestInfo::reports);
        self.reading = reports.then(|| Scan::new(Place::Top));
        if reports { AnswerFlow::Read } else { AnswerFlow::Pass }
    }

    /// Nobody has seen anything yet of an answer that was held, and turns out to be none.
    pub(super) fn begins_badly(&mut self, fault: StreamError, cx: &mut Context<'_>) -> Judged {
        let fault_in_time = fault.with_retry_after(self.retry_after);
        let mut verdict = self.verdict_on(fault_in_time, Verdict::on_stream_start);
        verdict.elsewhere &= self.gateway.failover.replaces_held_answers();
        self.begins(fault, verdict, cx)
    }

    /// The same, where the head alone shows it.
    fn begins_badly_in_head(&mut self, fault: StreamError, cx: &mut Context<'_>) -> Judged {
        let verdict = self.verdict_on(fault, Verdict::on_stream_start);
        self.begins(fault, verdict, cx)
    }

    /// What follows from a fault, by the pool's rule.
    pub(super) fn verdict_on(
        &self,
        fault: StreamError,
        judge: impl Fn(StreamError, &BreakerRule, &RetryRule) -> Verdict,
    ) -> Verdict {
        let route = self.route();
        route.map_or(Verdict::FINAL, |route| judge(fault, &route.model.breaker, &route.model.retry))
    }

    fn begins(&mut self, fault: StreamError, verdict: Verdict, cx: &mut Context<'_>) -> Judged {
        self.attempts.ended_badly(Break::Error);
        let judged = self.follow(verdict, cx);
        self.throttled_inside =
            judged == Judged::Keep && matches!(fault, StreamError::Throttled(_));
        judged
    }
}

impl RequestInfo {
    /// What its answer is made of. `None`: its operation is not known, or it asks for something that
    /// exists, such as the content of a file.
    fn wanted(&self) -> Option<Wanted> {
        if !self.has_body || self.target.operation.path.is_empty() {
            return None;
        }
        match self.target.path().rsplit(|byte| *byte == b'/').next()? {
            b"transcriptions" | b"translations" => Some(Wanted::Anything),
            last if JSON.contains(&last) => Some(Wanted::Json),
            _ => Some(Wanted::Something),
        }
    }
}

fn within(bytes: &[u8], most: u64) -> bool {
    u64::try_from(bytes.len()).is_ok_and(|length| length < most)
}

/// The operations whose answers are JSON or streams of it, by how their paths end.
const JSON: [&[u8]; 9] = [
    b"completions",
    b"responses",
    b"embeddings",
    b"generations",
    b"edits",
    b"variations",
    b"moderations",
    b"messages",
    b"compact",
];
