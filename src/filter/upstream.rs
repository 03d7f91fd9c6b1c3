//! Behind the router: a filter that sees each attempt.

use super::carry_out;
use super::requests::RequestHandle;
use super::{Action, Call};
use crate::exchange::Exchange;
use crate::exchange::answer_head::Answer;
use crate::exchange::flow::{AnswerFlow, Judged, StreamFlow};
use crate::exchange::repetition::SilentEnd;
use crate::host::{Body, Map, StreamId};
use crate::reply::Reply;

/// One attempt behind the router.
#[derive(Debug)]
pub struct Upstream {
    stream: StreamId,
    request: Option<RequestHandle>,
    /// Its request asks for another protocol.
    switches: bool,
    answer: State,
}

/// Where the answer is.
#[derive(Debug)]
enum State {
    /// It has not begun.
    Awaited,
    /// It passes.
    Passes,
    /// It passes, and is read.
    Reads,
    /// It is held until its body is there, of which so many bytes are.
    Held(usize),
    /// It is held until its first bytes are there, of which so many are; or for one part more, where
    /// these look whole.
    Opens(usize, Option<Vec<u8>>),
    /// It is a stream that is read as it comes; of what is held back, so many bytes are there.
    Streams(usize),
    /// It has ended.
    Ended,
}

impl Upstream {
    /// An attempt that has not started yet.
    pub(super) const fn new(stream: StreamId) -> Self {
        Self { stream, request: None, switches: false, answer: State::Awaited }
    }

    pub(super) fn on_request_headers(&mut self, call: &mut Call<'_>) -> Action {
        let handle = call.host.state(carry_out::REQUEST);
        let handle = handle.as_deref().and_then(RequestHandle::from_bytes);
        let known = handle.and_then(|handle| {
            let request = call.worker.requests.find(handle)?;
            request.upstream = Some(self.stream);
            Some((handle, request.exchange.may_switch()))
        });
        let Some((handle, may_switch)) = known else {
            call.reply(&Reply::filters_apart());
            return Action::Pause;
        };
        self.request = Some(handle);
        self.switches = may_switch && call.host.header(Map::Request, "upgrade").is_some();
        let passage = call.on(handle, Exchange::on_attempt);
        call.pass(passage)
    }

    pub(super) fn on_request_body(&self, size: usize, call: &mut Call<'_>) -> Action {
        let Some(request) = self.request else { return Action::Continue };
        let host = call.host;
        let passage = call.on(request, |exchange, cx| {
            exchange.on_bytes_upstream(size, &|place| host.body(Body::Request, place), cx)
        });
        call.pass(passage)
    }

    pub(super) fn on_response_headers(&mut self, end: bool, call: &mut Call<'_>) -> Action {
        let Some(request) = self.request else { return Action::Continue };
        // One host call for all of them: what must be cleaned is not known by its name.
        let answer = Answer::read(call.host.headers(Map::Response), !end, self.switches);
        self.remember_connection(call);
        let flow = call.on(request, |exchange, cx| exchange.on_answer_headers(&answer, cx));
        let action = self.follow(flow, call);
        if end && matches!(self.answer, State::Passes | State::Reads) {
            self.answer = State::Ended;
        }
        if !end {
            call.watch_silence(request, self.stream);
        }
        action
    }

    pub(super) fn on_response_body(
        &mut self,
        size: usize,
        end: bool,
        call: &mut Call<'_>,
    ) -> Action {
        if let Some(request) = self.request {
            call.hears(request, end);
        }
        match &mut self.answer {
            State::Streams(_) => return self.stream_part(size, end, call),
            State::Opens(..) => return self.opening(size, end, call),
            State::Reads => self.part(size, end, call),
            State::Held(there) if !end && size < MOST_ERROR_BYTES => {
                *there = size;
                return Action::Pause;
            }
            State::Held(_) => self.body_is_there(size, end, call),
            _ if end => self.answer = State::Ended,
            _ => {}
        }
        Action::Continue
    }

    /// A body that trailers follow never says that it has ended.
    pub(super) fn on_response_trailers(&mut self, call: &mut Call<'_>) -> Action {
        let Some(request) = self.request else { return Action::Continue };
        call.hears(request, true);
        let trailers = call.host.headers(Map::ResponseTrailers);
        call.on(request, |exchange, cx| exchange.on_answer_trailers(&trailers, cx));
        match std::mem::replace(&mut self.answer, State::Ended) {
            State::Held(there) => self.body_is_there(there, true, call),
            State::Opens(there, seen) if call.is_held(request) => {
                let bytes = seen.unwrap_or_else(|| call.host.body(Body::Response, 0..there));
                let flow = call.on(request, |exchange, cx| exchange.on_opening(&bytes, true, cx));
                match flow {
                    Some(AnswerFlow::Retry(how)) => call.retry(&how),
                    Some(AnswerFlow::HoldStream(_)) => self.stream_ends(there, call),
                    _ => {}
                }
            }
            State::Streams(there) => self.stream_ends(there, call),
            State::Reads | State::Opens(..) => {
                call.on(request, |exchange, cx| exchange.on_answer_part(&[], true, cx));
            }
            State::Awaited | State::Passes | State::Ended => {}
        }
        Action::Continue
    }

    /// The attempt is over, however that came.
    pub(super) fn on_done(&mut self, call: &mut Call<'_>) {
        // Where it is the client that has left, the exchange is closed already.
        let Some(request) = self.request else { return };
        let held = match std::mem::replace(&mut self.answer, State::Ended) {
            State::Awaited => {
                let end = Self::silent_end(request, call);
                call.on(request, |exchange, cx| exchange.on_no_answer(end, cx));
                return;
            }
            State::Ended => return,
            State::Held(_) => true,
            State::Opens(..) | State::Streams(_) => call.is_held(request),
            State::Passes | State::Reads => false,
        };
        if let Some(known) = call.worker.requests.find(request) {
            known.upstream = None;
            if known.ended == Some(self.stream) {
                return;
            }
        }
        call.on(request, |exchange, cx| {
            if held {
                exchange.on_held_answer_lost(cx);
            }
            exchange.on_upstream_reset(held, cx);
        });
    }

    /// The connection has brought an answer: what is lost on it later may not be its backend's failure.
    fn remember_connection(&self, call: &mut Call<'_>) {
        let asked = self.request.and_then(|request| call.exchange(request)?.asked());
        if let (Some(backend), Some(address)) = (asked, call.host.connection()) {
            call.worker.connections.answered(backend, &address);
        }
    }

    /// How an attempt ended that nobody answered.
    fn silent_end(request: RequestHandle, call: &mut Call<'_>) -> SilentEnd {
        let address = call.host.connection();
        let asked = call.exchange(request).and_then(|exchange| exchange.asked());
        let reused = asked.zip(address.as_deref()).is_some_and(|(backend, address)| {
            call.worker.connections.has_answered(backend, address)
        });
        SilentEnd { connected: address.is_some(), reused }
    }

    /// What follows for an answer of which more may come.
    fn follow(&mut self, flow: Option<AnswerFlow>, call: &mut Call<'_>) -> Action {
        self.answer = match flow {
            Some(AnswerFlow::HoldBody) => State::Held(0),
            Some(AnswerFlow::HoldOpening) => State::Opens(0, None),
            Some(AnswerFlow::HoldStream(time)) => {
                if let Some(request) = self.request {
                    call.hold_stream(request, self.stream, time);
                }
                State::Streams(0)
            }
            Some(AnswerFlow::Retry(how)) => {
                call.retry(&how);
                State::Passes
            }
            Some(AnswerFlow::Read) => State::Reads,
            Some(AnswerFlow::Pass) | None => State::Passes,
        };
        match self.answer {
            State::Held(_) | State::Opens(..) | State::Streams(_) => Action::Pause,
            _ => Action::Continue,
        }
    }

    fn body_is_there(&mut self, size: usize, end: bool, call: &mut Call<'_>) {
        self.answer = if end { State::Ended } else { State::Passes };
        let body = call.host.body(Body::Response, 0..size);
        let Some(request) = self.request else { return };
        let judged = call.on(request, |exchange, cx| exchange.on_answer_body(&body, cx));
        if let Some(Judged::Retry(how)) = judged {
            call.retry(&how);
        }
    }

    /// The first bytes of an answer are there.
    fn opening(&mut self, size: usize, end: bool, call: &mut Call<'_>) -> Action {
        let Some(request) = self.request else { return Action::Continue };
        if !call.is_held(request) {
            // The timer has let it go.
            self.answer = State::Reads;
            self.part(size, end, call);
            return Action::Continue;
        }
        let State::Opens(there, seen) = &mut self.answer else { return Action::Continue };
        let is_first = *there == 0;
        *there = size;
        let seen = seen.take();
        let held_before = seen.is_some();
        let bytes = seen.filter(|seen| seen.len() == size);
        let bytes = bytes.unwrap_or_else(|| call.host.body(Body::Response, 0..size));
        // Most answers are there whole at once, and Envoy tells of their end in a part of its own.
        // Passed together, they cost the filters in front of this one half as much.
        if !end && !held_before && looks_whole(&bytes) {
            self.answer = State::Opens(size, Some(bytes));
            return Action::Pause;
        }
        let flow = call.on(request, |exchange, cx| exchange.on_opening(&bytes, end, cx));
        if flow == Some(AnswerFlow::HoldOpening) {
            if is_first || held_before {
                let time = call.exchange(request).map(|exchange| exchange.longest_hold());
                call.hold_stream(request, self.stream, time.unwrap_or_default());
            }
            return Action::Pause;
        }
        let action = self.follow(flow, call);
        if matches!(self.answer, State::Streams(_)) {
            return self.stream_part(size, end, call);
        }
        if end {
            self.answer = State::Ended;
        }
        action
    }

    /// More of an answer that is read is there.
    fn part(&mut self, size: usize, end: bool, call: &mut Call<'_>) {
        if end {
            self.answer = State::Ended;
        }
        let Some(request) = self.request else { return };
        let bytes = if size == 0 { Vec::new() } else { call.host.body(Body::Response, 0..size) };
        call.on(request, |exchange, cx| exchange.on_answer_part(&bytes, end, cx));
    }

    /// More of a stream is there: of one that is held back, `size` counts from its beginning.
    fn stream_part(&mut self, size: usize, end: bool, call: &mut Call<'_>) -> Action {
        if end {
            self.answer = State::Ended;
        }
        match self.read_stream(size, end, call) {
            StreamFlow::Hold => {
                self.answer = State::Streams(size);
                return Action::Pause;
            }
            StreamFlow::Pass => {}
            StreamFlow::Replace { from, with } => {
                call.host.replace_body(Body::Response, from..size, &with);
            }
            StreamFlow::Retry(how) => call.retry(&how),
        }
        Action::Continue
    }

    /// A stream ends with its trailers. Of one that was held, `held` bytes are there that may still be
    /// changed; behind one that has passed, the last-words filter alone can add something.
    fn stream_ends(&mut self, held: usize, call: &mut Call<'_>) {
        let Some(request) = self.request else { return };
        let Some(known) = call.worker.requests.find(request) else { return };
        let (was_held, downstream) = (known.exchange.is_held(), known.downstream);
        // What has passed is not there any more.
        let there = if was_held { held } else { 0 };
        match self.read_stream(there, true, call) {
            StreamFlow::Retry(how) => call.retry(&how),
            StreamFlow::Hold | StreamFlow::Pass => {}
            StreamFlow::Replace { from, with } if was_held => {
                call.host.replace_body(Body::Response, from..there, &with);
            }
            StreamFlow::Replace { with, .. } => call.say_last_words(downstream, &with),
        }
    }

    fn read_stream(&self, size: usize, end: bool, call: &mut Call<'_>) -> StreamFlow {
        let Some(request) = self.request else { return StreamFlow::Pass };
        let host = call.host;
        let flow = call.on(request, |exchange, cx| {
            let bytes = |from| host.body(Body::Response, from..size);
            exchange.on_stream_part(size, end, &bytes, cx)
        });
        flow.unwrap_or(StreamFlow::Pass)
    }
}

/// Whether this may be the whole of an answer.
fn looks_whole(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().first() == Some(&b'{') && bytes.trim_ascii_end().last() == Some(&b'}')
}

/// No error that has to be read is longer.
const MOST_ERROR_BYTES: usize = 64 * 1024;
