//! Backend seat, answer: a stream whose first event is judged, and whose end is watched.
//!
//! Until its first event has been judged, nobody has seen anything of a stream: an error there, or
//! no event at all, is tried elsewhere like a status that says so. From then on every part passes
//! as it comes; it is only read, to know whether the stream reached its end. Where it did not, the
//! client is told by an error event, because there is no other way left to tell it.

use super::effect::Note;
use super::event::Answer;
use super::trail::Fate;
use super::{Arrival, Effect, Exchange, World};
use crate::outcome::Verdict;
use crate::stream::{Api, Ending, Fault, Hidden, Piece};
use crate::usage::{InEvents, Place, Scan};

/// A stream that is read as it passes.
#[derive(Debug)]
pub(super) struct Streaming {
    ending: Ending,
    /// The tokens that it reports.
    usage: InEvents,
    /// What its client did not ask for, where there is such a thing.
    hidden: Option<Hidden>,
    /// Nobody has seen anything of it yet.
    held: bool,
    /// Bytes so far, while it is held.
    length: usize,
    /// As many are held at most.
    most: usize,
}

impl Exchange {
    /// An answer whose status is good: of a stream, more must be seen before it is.
    pub(super) fn good_so_far(&mut self, answer: &Answer, world: &mut World<'_>) -> Vec<Effect> {
        let arrival = self.arrival.as_ref().filter(|_| answer.status == 200);
        let api = arrival.and_then(|arrival| arrival.api);
        let generates = answer.status == 200 && self.generates();
        if generates && !answer.has_body {
            self.trail.ended_badly(Fate::Error);
            return self.follow(Verdict::on_stream_start(Fault::Failed), world);
        }
        if generates && !answer.streams {
            return vec![Effect::HoldOpening];
        }
        if !(answer.streams && answer.has_body && answer.readable && answer.status == 200) {
            let mut effects = self.follow(Verdict::GOOD, world);
            if answer.has_body && !answer.streams && answer.status == 200 {
                effects.extend(self.reads());
            }
            return effects;
        }
        let Some(route) = self.route() else { return Vec::new() };
        let rule = &route.model.first_event;
        let (time, most) = (rule.time, usize::try_from(rule.size).unwrap_or(usize::MAX));
        self.account.streamed = true;
        let place = if api == Some(Api::Responses) { Place::Response } else { Place::Top };
        self.streaming = Some(Streaming {
            ending: Ending::new(api, most),
            usage: InEvents::new(place),
            hidden: self.asked_for_it().then(Hidden::default),
            held: true,
            length: 0,
            most,
        });
        // An error event may make it longer than its backend has announced.
        vec![Effect::RemoveAnswerHeader("content-length"), Effect::HoldStream(time)]
    }

    /// Whether the request asks a model for an answer, rather than for anything else.
    pub(super) fn generates(&self) -> bool {
        let arrival = self.arrival.as_ref().filter(|arrival| arrival.has_body);
        arrival.is_some_and(|arrival| arrival.api.is_some())
    }

    /// What is no stream, although it may have been asked for, is at least JSON.
    pub(super) fn opening(
        &mut self,
        bytes: &[u8],
        end: bool,
        readable: bool,
        world: &mut World<'_>,
    ) -> Vec<Effect> {
        match bytes.trim_ascii_start().first() {
            None if !end && bytes.len() < MOST_SPACE => vec![Effect::HoldOn],
            Some(b'{') => {
                let mut effects = self.follow(Verdict::GOOD, world);
                let reads = self.reads();
                effects.extend(self.answer_part(bytes, end));
                effects.extend(reads.filter(|_| !end));
                effects
            }
            _ if !readable => self.follow(Verdict::GOOD, world),
            _ => self.begins_badly(Fault::Failed, world),
        }
    }

    /// The answer that was held until its first bytes were there turns out to be a stream.
    pub(super) fn opens_stream(&mut self, world: &mut World<'_>) -> Vec<Effect> {
        let streams = Answer {
            status: 200,
            streams: true,
            has_body: true,
            readable: true,
            ..Answer::default()
        };
        self.good_so_far(&streams, world)
    }

    pub(super) fn stream_part(
        &mut self,
        bytes: &[u8],
        end: bool,
        world: &mut World<'_>,
    ) -> Vec<Effect> {
        let Some(stream) = &mut self.streaming else { return Vec::new() };
        let fault = stream.read(bytes, end);
        self.account.usage = stream.usage.usage();
        let mut effects = Vec::new();
        let front = if stream.held { stream.length } else { 0 };
        if stream.held {
            stream.length = stream.length.saturating_add(bytes.len());
            if !stream.ending.has_begun() && !end && stream.length < stream.most {
                stream.went_out();
                return vec![Effect::HoldOn];
            }
            stream.held = false;
            let broken = end && stream.ending.is_missing();
            effects = match fault.or(broken.then_some(Fault::Failed)) {
                Some(fault) => self.begins_badly(fault, world),
                None => self.follow(Verdict::GOOD, world),
            };
            if self.trail.last_was_dropped() {
                return effects;
            }
        } else if let Some(fault) = fault {
            self.account.broken |= fault != Fault::Requests;
            self.trail.ended_badly(Fate::Error);
            effects = self.follow(Verdict::on_stream_end(fault), world);
            effects.push(self.note_attempts());
        }
        let Some(stream) = &mut self.streaming else { return effects };
        let passes = stream.passes(bytes);
        let words = if end { stream.ending.error_event() } else { None };
        if words.is_some() {
            effects.extend(self.breaks(world));
        }
        effects.extend(match (passes, words) {
            (None, words) => words.map(Effect::Append),
            (Some(mut with), words) => {
                with.extend(words.unwrap_or_default());
                Some(Effect::ReplacePart { from: front, with })
            }
        });
        if end {
            effects.extend(self.note_usage());
        }
        effects
    }

    /// More of an answer whose tokens are read, after [`Effect::ReadOn`].
    pub(super) fn answer_part(&mut self, bytes: &[u8], end: bool) -> Vec<Effect> {
        let Some(scan) = &mut self.reading else { return Vec::new() };
        scan.push(bytes);
        self.account.usage = scan.usage();
        if !end {
            return Vec::new();
        }
        self.reading = None;
        self.note_usage()
    }

    /// Has an answer read that reports its tokens once, as a whole.
    fn reads(&mut self) -> Option<Effect> {
        let reports = self.arrival.as_ref().is_some_and(Arrival::reports);
        self.reading = reports.then(|| Scan::new(Place::Top));
        reports.then_some(Effect::ReadOn)
    }

    /// Whether the stream reports its usage because the gateway asked for it.
    fn asked_for_it(&self) -> bool {
        self.arrival.as_ref().is_some_and(|arrival| arrival.asked)
    }

    /// What is still to come is not waited for: it is good as far as anybody knows.
    pub(super) fn held_long_enough(&mut self, world: &mut World<'_>) -> Vec<Effect> {
        if let Some(stream) = &mut self.streaming {
            stream.held = false;
            stream.went_out();
        }
        self.follow(Verdict::GOOD, world)
    }

    /// The connection to the backend was lost, or a time-out ended the attempt. Of attempts
    /// without any answer the next attempt tells; of answers that were dropped there is nothing to
    /// tell.
    pub(super) fn broken_off(&mut self, held: bool, world: &mut World<'_>) -> Vec<Effect> {
        if !self.trail.has_answer() || self.trail.last_was_dropped() {
            return Vec::new();
        }
        if held {
            // What nobody has seen is no answer; Envoy tries again by itself.
            self.trail.lose_answer();
            return self.follow(Verdict::on_stream_end(Fault::Failed), world);
        }
        let mut effects = self.breaks(world);
        let words = self.streaming.as_mut().and_then(Streaming::last_words);
        effects.extend(words.map(Effect::LastWords));
        effects
    }

    /// Whether a stream is held back.
    pub(super) fn is_held(&self) -> bool {
        self.streaming.as_ref().is_some_and(|stream| stream.held)
    }

    /// Whether the answer that leaves is a stream, of which something is there.
    pub(super) fn has_first_part(&self) -> bool {
        self.streaming.as_ref().is_some_and(|stream| !stream.held && stream.length > 0)
    }

    /// Nobody has seen anything yet of an answer that was held, and turns out to be none.
    fn begins_badly(&mut self, fault: Fault, world: &mut World<'_>) -> Vec<Effect> {
        self.trail.ended_badly(Fate::Error);
        let mut verdict = Verdict::on_stream_start(fault);
        verdict.elsewhere &= self.gateway.failover.replaces_held_answers();
        self.follow(verdict, world)
    }

    fn breaks(&mut self, world: &mut World<'_>) -> Vec<Effect> {
        // What was an error already, by its status or its events, does not fail twice.
        if !self.trail.ended_badly(Fate::Broken) {
            return Vec::new();
        }
        self.account.broken = true;
        let mut effects = self.follow(Verdict::on_stream_end(Fault::Failed), world);
        effects.push(self.note_attempts());
        effects
    }

    /// The access log's line is written when all is over, so the end is in it too.
    fn note_attempts(&self) -> Effect {
        Effect::Note(Note::Attempts, self.attempts_text())
    }
}

impl Streaming {
    /// Reads on; tells the first fault that shows.
    fn read(&mut self, bytes: &[u8], end: bool) -> Option<Fault> {
        let (usage, hidden) = (&mut self.usage, &mut self.hidden);
        let mut hear = |piece: &Piece<'_>| {
            usage.hear(piece);
            if let Some(hidden) = hidden {
                hidden.hear(piece);
            }
        };
        let fault = self.ending.push(bytes, &mut hear);
        if end { fault.or_else(|| self.ending.finish(&mut hear)) } else { fault }
    }

    /// What passes instead of the bytes that were read last; `None`: they do.
    fn passes(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.hidden.as_mut()?.pass(bytes, self.ending.begun())
    }

    /// What was read goes out as it is: it may be in Envoy's buffer already.
    fn went_out(&mut self) {
        let inside = self.ending.begun().is_some();
        if let Some(hidden) = &mut self.hidden {
            hidden.went_out(inside);
        }
    }

    /// What its client gets when nothing more comes: what has waited to be known, and the error.
    fn last_words(&mut self) -> Option<Vec<u8>> {
        let words = self.ending.error_event()?;
        let mut rest = self.hidden.as_mut().map(Hidden::rest).unwrap_or_default();
        rest.extend(words);
        Some(rest)
    }
}

/// No answer begins with as much space.
const MOST_SPACE: usize = 1024;
