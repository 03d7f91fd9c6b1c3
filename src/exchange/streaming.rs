//! Upstream, answer: a stream that is judged before its first content, and whose end is watched.
//!
//! Until its first content is there, nobody has seen anything of a stream: an error before it, or no
//! content at all, is tried elsewhere like a status that says so. From then on every part passes as
//! it comes; it is only read, to know whether the stream reached its end. Where it did not, the
//! client is told by an error event, because there is no other way left to tell it.

use super::attempts::Break;
use super::flow::{AnswerFlow, Judged, StreamFlow};
use super::{Context, Effect, Exchange};
use crate::outcome::Verdict;
use crate::stream::{Api, Cut, Ending, Piece, Start, StreamError, UsageChunkFilter};
use crate::usage::{InEvents, Place};

/// A stream that is read as it passes.
#[derive(Debug)]
pub(super) struct Streaming {
    ending: Ending,
    /// The tokens that it reports.
    usage: InEvents,
    /// What its client did not ask for, where there is such a thing.
    usage_chunk: Option<UsageChunkFilter>,
    /// Nobody has seen anything of it yet.
    held: bool,
    /// Bytes so far, while it is held.
    length: usize,
    /// As many are held at most.
    most: usize,
}

impl Exchange {
    /// Holds a stream until its first content is there.
    pub(super) fn hold_stream(&mut self, cx: &mut Context<'_>) -> AnswerFlow {
        let Some(route) = self.route() else { return AnswerFlow::Pass };
        let api = self.info.as_ref().and_then(|info| info.api);
        let rule = &route.model.first_event;
        let (time, most) = (rule.time, usize::try_from(rule.size).unwrap_or(usize::MAX));
        self.telemetry.streamed = true;
        let place = if api == Some(Api::Responses) { Place::Response } else { Place::Top };
        self.streaming = Some(Streaming {
            ending: Ending::new(api, most),
            usage: InEvents::new(place),
            usage_chunk: self.asked_for_it().then(UsageChunkFilter::default),
            held: true,
            length: 0,
            most,
        });
        // An error event may make it longer than its backend has announced.
        cx.push(Effect::RemoveAnswerHeader("content-length"));
        AnswerFlow::HoldStream(time)
    }

    /// More of a stream is there, after [`AnswerFlow::HoldStream`]: `size` bytes, of one that is held
    /// counted from its beginning. `bytes` reads from a byte on up to the last.
    pub fn on_stream_part(
        &mut self,
        size: usize,
        end: bool,
        bytes: &dyn Fn(usize) -> Vec<u8>,
        cx: &mut Context<'_>,
    ) -> StreamFlow {
        let Some(stream) = &mut self.streaming else { return StreamFlow::Pass };
        let front = if stream.held { stream.length } else { 0 };
        let part = if size > front { bytes(front) } else { Vec::new() };
        if stream.held {
            self.telemetry.own.start(cx.moment());
        }
        let fault = stream.read(&part, end);
        self.telemetry.usage = stream.usage.usage();
        self.telemetry.model = stream.usage.model().or_else(|| self.telemetry.model.take());
        if stream.held {
            stream.length = stream.length.saturating_add(part.len());
            let shown = fault.is_some() || stream.ending.has_content();
            let over = end || stream.ending.ended_empty();
            if !shown && !over && stream.length < stream.most {
                stream.went_out();
                self.telemetry.own.stop(cx.moment());
                return StreamFlow::Hold;
            }
            let broken = end && shown && stream.ending.is_missing();
            let none = || if shown || !over { None } else { stream.fault_of_none(&bytes(0)) };
            let fault = fault.or(broken.then_some(StreamError::Failed)).or_else(none);
            stream.held = false;
            let judged = match fault {
                Some(fault) => self.begins_badly(fault, cx),
                None => self.follow(Verdict::GOOD, cx),
            };
            if let Judged::Retry(how) = judged {
                return StreamFlow::Retry(how);
            }
        } else if let Some(fault) = fault {
            self.telemetry.broken |= fault != StreamError::Requests;
            self.attempts.ended_badly(Break::Error);
            self.note_error(STREAM_ERROR, cx);
            let verdict = self.verdict_on(fault, Verdict::on_stream_end);
            self.follow(verdict, cx);
            self.log_attempts(cx);
        }
        self.stream_passes(&part, front, end, cx)
    }

    /// What of a stream's part passes, and what is added to it at its end.
    fn stream_passes(
        &mut self,
        part: &[u8],
        front: usize,
        end: bool,
        cx: &mut Context<'_>,
    ) -> StreamFlow {
        let Some(stream) = &mut self.streaming else { return StreamFlow::Pass };
        let passes = stream.passes(part);
        let words = if end { stream.ending.error_event(Cut::Backend) } else { None };
        if words.is_some() {
            self.breaks(cx);
        }
        if end {
            self.log_usage(cx);
        }
        let (from, mut with) = match (passes, &words) {
            (None, None) => return StreamFlow::Pass,
            (None, Some(_)) => (front.saturating_add(part.len()), Vec::new()),
            (Some(with), _) => (front, with),
        };
        with.extend(words.unwrap_or_default());
        StreamFlow::Replace { from, with }
    }

    /// More of an answer whose tokens are read, after [`AnswerFlow::Read`].
    pub fn on_answer_part(&mut self, bytes: &[u8], end: bool, cx: &mut Context<'_>) {
        let Some(scan) = &mut self.reading else { return };
        scan.push(bytes);
        self.telemetry.usage = scan.usage();
        self.telemetry.model = scan.model().or_else(|| self.telemetry.model.take());
        if end {
            self.reading = None;
            self.log_usage(cx);
        }
    }

    /// Whether the stream reports its usage because the gateway asked for it.
    fn asked_for_it(&self) -> bool {
        self.info.as_ref().is_some_and(|info| info.asked) && self.left_out().is_none()
    }

    /// The answer was held for as long as it may be. What is still to come is not waited for: it is good
    /// as far as anybody knows.
    pub fn on_hold_expired(&mut self, cx: &mut Context<'_>) {
        self.telemetry.own.start(cx.moment());
        if let Some(stream) = &mut self.streaming {
            stream.held = false;
            stream.went_out();
        }
        self.opening_expired();
        self.follow(Verdict::GOOD, cx);
    }

    /// The attempt is over although its answer was not: the connection to the backend was lost, or a
    /// time-out ended it. `held`: nobody has seen anything of the answer. Of attempts without any
    /// answer the next attempt tells; of answers that were dropped there is nothing to tell.
    pub fn on_upstream_reset(&mut self, held: bool, cx: &mut Context<'_>) {
        if !self.attempts.has_answer() || self.attempts.last_was_dropped() {
            return;
        }
        if held {
            // What nobody has seen is no answer; Envoy tries again by itself.
            self.attempts.lose_answer();
            self.follow(Verdict::BROKEN_OFF, cx);
            return;
        }
        self.breaks(cx);
        let words = self.streaming.as_mut().and_then(|stream| stream.last_words(Cut::Backend));
        cx.extend(words.map(Effect::LastWords));
    }

    /// Whether an answer is held back.
    pub fn is_held(&self) -> bool {
        self.opens() || self.streaming.as_ref().is_some_and(|stream| stream.held)
    }

    /// Whether the answer that leaves is a stream, of which something is there.
    pub(super) fn has_first_part(&self) -> bool {
        self.streaming.as_ref().is_some_and(|stream| !stream.held && stream.length > 0)
    }

    fn breaks(&mut self, cx: &mut Context<'_>) {
        // What was an error already, by its status or its events, does not fail twice.
        if !self.attempts.ended_badly(Break::TooEarly) {
            return;
        }
        self.telemetry.broken = true;
        self.note_error(STREAM_INTERRUPTED, cx);
        self.follow(Verdict::BROKEN_OFF, cx);
        self.log_attempts(cx);
    }
}

/// What the code of the error is that ends such a stream.
const STREAM_INTERRUPTED: &str = "stream_interrupted";

/// One of its events was an error.
const STREAM_ERROR: &str = "stream_error";

impl Streaming {
    /// Returns the fault of a stream that is over, or says so, and has brought no content. `bytes`:
    /// all of it.
    fn fault_of_none(&self, bytes: &[u8]) -> Option<StreamError> {
        match Start::of(bytes, true) {
            // No stream at all, although its content type says so.
            Start::Json if !self.ending.has_begun() => None,
            Start::Error(fault) => Some(fault),
            Start::Blank | Start::Page => Some(StreamError::Failed),
            _ if self.ending.is_missing() || self.ending.ended_empty() => Some(StreamError::Failed),
            _ => None,
        }
    }

    /// Reads on; tells the first fault that shows.
    fn read(&mut self, bytes: &[u8], end: bool) -> Option<StreamError> {
        let (usage, usage_chunk) = (&mut self.usage, &mut self.usage_chunk);
        let mut hear = |piece: &Piece<'_>| {
            usage.hear(piece);
            if let Some(usage_chunk) = usage_chunk {
                usage_chunk.hear(piece);
            }
        };
        let fault = self.ending.push(bytes, &mut hear);
        if end { fault.or_else(|| self.ending.finish(&mut hear)) } else { fault }
    }

    /// What passes instead of the bytes that were read last; `None`: they do.
    fn passes(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.usage_chunk.as_mut()?.pass(bytes, self.ending.begun())
    }

    /// What was read goes out as it is: it may be in Envoy's buffer already.
    fn went_out(&mut self) {
        let inside = self.ending.begun().is_some();
        if let Some(usage_chunk) = &mut self.usage_chunk {
            usage_chunk.went_out(inside);
        }
    }

    /// What its client gets when nothing more comes: what has waited to be known, and the error.
    pub(super) fn last_words(&mut self, cut: Cut) -> Option<Vec<u8>> {
        let words = self.ending.error_event(cut)?;
        let mut rest = self.usage_chunk.as_mut().map(UsageChunkFilter::rest).unwrap_or_default();
        rest.extend(words);
        Some(rest)
    }
}
