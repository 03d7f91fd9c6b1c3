//! The backend seat: an upstream HTTP filter that sees each attempt.

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::effects::{self, Next, carry_out};
use super::exchanges::{self, Ticket};
use super::holds::Hold;
use super::host;
use crate::exchange::event::Answer;
use crate::exchange::{Event, Passing};
use crate::reply::Reply;
use crate::stream;

/// One attempt in the backend seat.
#[derive(Debug)]
pub(super) struct Backend {
    context: u32,
    ticket: Option<Ticket>,
    /// Its request asks for another protocol.
    switches: bool,
    answer: State,
}

/// Where the answer stands.
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
    /// It is held until its first bytes are there; or for one part more, where these look whole.
    Opens(Option<Vec<u8>>),
    /// It is a stream that is read as it comes.
    Streams {
        /// Whether it is held back.
        hold: Hold,
        /// Bytes that are there and have been read, while it is held back.
        read: usize,
    },
    /// It has ended.
    Ended,
}

impl Backend {
    pub(super) const fn new(context: u32) -> Self {
        Self { context, ticket: None, switches: false, answer: State::Awaited }
    }

    fn on(&mut self, event: Event<'_>) -> Option<Next> {
        let ticket = self.ticket?;
        Some(carry_out(ticket, exchanges::on(ticket, event)?))
    }

    fn body_is_there(&mut self, size: usize, end: bool) {
        self.answer = if end { State::Ended } else { State::Passes };
        let body = host::answer_body(0, size);
        self.on(Event::AnswerBody(&body));
    }

    /// The first bytes of an answer are there.
    fn opening(&mut self, size: usize, end: bool) -> Action {
        let State::Opens(seen) = &mut self.answer else { return Action::Continue };
        let seen = seen.take();
        let held_before = seen.is_some();
        let bytes = seen.filter(|seen| seen.len() == size);
        let bytes = bytes.unwrap_or_else(|| host::answer_body(0, size));
        // Most answers are there whole at once, and Envoy tells of their end in a part of its own.
        // Passed together, they cost the seats in front of this one half as much.
        if !end && !held_before && looks_whole(&bytes) {
            self.answer = State::Opens(Some(bytes));
            return Action::Pause;
        }
        let odd = !bytes.trim_ascii_start().is_empty() && !is_object(&bytes);
        // Asked only where it matters.
        let readable = !odd || host::answer_header("content-encoding").is_none();
        if odd && readable && !self.may_stream() && answer_streams() {
            return self.opens_stream(size, end);
        }
        self.answer = match self.on(Event::Opening { bytes: &bytes, end, readable }) {
            Some(Next::HoldOn) => return Action::Pause,
            _ if end => State::Ended,
            Some(Next::ReadOn) => State::Reads,
            _ => State::Passes,
        };
        Action::Continue
    }

    /// A stream that nobody has asked for: that it is one was not looked for in its head.
    fn opens_stream(&mut self, size: usize, end: bool) -> Action {
        self.answer = match (self.on(Event::OpensStream), self.ticket) {
            (Some(Next::HoldStream(time)), Some(ticket)) => {
                State::Streams { hold: Hold::start(self.context, ticket, time), read: 0 }
            }
            _ => State::Passes,
        };
        self.stream_part(size, end)
    }

    /// Whether the answer may be a stream, as far as the request tells.
    fn may_stream(&self) -> bool {
        self.ticket.is_none_or(exchanges::may_stream)
    }

    /// More of an answer that is read is there.
    fn part(&mut self, size: usize, end: bool) {
        if end {
            self.answer = State::Ended;
        }
        let bytes = if size == 0 { Vec::new() } else { host::answer_body(0, size) };
        self.on(Event::AnswerPart { bytes: &bytes, end });
    }

    /// More of a stream is there: of one that is held back, `size` counts from its beginning.
    fn stream_part(&mut self, size: usize, end: bool) -> Action {
        let State::Streams { hold, read } = &mut self.answer else { return Action::Continue };
        let start = if hold.is_on() { *read } else { 0 };
        let hold = hold.clone();
        *read = size;
        let part = host::answer_body(start, size.saturating_sub(start));
        if end {
            self.answer = State::Ended;
        }
        match self.on(Event::StreamPart { bytes: &part, end }) {
            Some(Next::HoldOn) => return Action::Pause,
            Some(Next::Append(bytes)) => host::append_to_answer(size, &bytes),
            Some(Next::ReplacePart(from, bytes)) => host::replace_answer(from, size, &bytes),
            _ => {}
        }
        hold.release();
        Action::Continue
    }
}

impl Context for Backend {
    /// Called when the attempt is over, however that came.
    fn on_done(&mut self) -> bool {
        let held = match &self.answer {
            State::Streams { hold, .. } => hold.release(),
            State::Held(_) | State::Opens(_) => true,
            _ => false,
        };
        // Where it is the client that has left, the exchange is closed already.
        if let (State::Awaited, Some(ticket)) = (&self.answer, self.ticket) {
            let connected = host::is_connected_upstream();
            carry_out(ticket, exchanges::pass(ticket, Passing::Unanswered { connected }));
        }
        if !matches!(self.answer, State::Awaited | State::Ended) {
            self.answer = State::Ended;
            self.on(Event::BrokenOff { held });
        }
        true
    }
}

impl HttpContext for Backend {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let ticket = host::take(effects::EXCHANGE);
        self.ticket = ticket.as_deref().and_then(Ticket::from_bytes);
        let may_switch = self.ticket.is_some_and(exchanges::may_switch);
        self.switches = may_switch && host::request_header("upgrade").is_some();
        match self.on(Event::AttemptStarts) {
            Some(Next::Replied) => return Action::Pause,
            Some(_) => return Action::Continue,
            None => {}
        }
        host::reply(&Reply::seats_apart());
        Action::Pause
    }

    fn on_http_request_body(&mut self, size: usize, _: bool) -> Action {
        if let Some(ticket) = self.ticket {
            let effects = exchanges::pass(ticket, Passing::ToBackend(size));
            if carry_out(ticket, effects) == Next::Replied {
                return Action::Pause;
            }
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        // One host call for all of them: what must be cleaned is not known by its name.
        let fields = host::answer_headers();
        let answer = Answer::read(fields, !end_of_stream, self.may_stream(), self.switches);
        let next = self.on(Event::Answered(answer));
        self.answer = match (next, self.ticket) {
            (Some(Next::HoldAnswer), _) => State::Held(0),
            (Some(Next::HoldOpening), _) => State::Opens(None),
            (Some(Next::HoldStream(time)), Some(ticket)) => {
                State::Streams { hold: Hold::start(self.context, ticket, time), read: 0 }
            }
            _ if end_of_stream => State::Ended,
            (Some(Next::ReadOn), _) => State::Reads,
            _ => State::Passes,
        };
        match self.answer {
            State::Held(_) | State::Opens(_) | State::Streams { .. } => Action::Pause,
            _ => Action::Continue,
        }
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        match &mut self.answer {
            State::Streams { .. } => return self.stream_part(size, end_of_stream),
            State::Opens(_) => return self.opening(size, end_of_stream),
            State::Reads => self.part(size, end_of_stream),
            State::Held(there) if !end_of_stream && size < MOST_ERROR_BYTES => {
                *there = size;
                return Action::Pause;
            }
            State::Held(_) => self.body_is_there(size, end_of_stream),
            _ if end_of_stream => self.answer = State::Ended,
            _ => {}
        }
        Action::Continue
    }

    /// A body that trailers follow never says that it has ended.
    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.on(Event::AnswerTrailers(host::answer_trailers()));
        match &mut self.answer {
            State::Held(there) => {
                let there = *there;
                self.body_is_there(there, true);
            }
            State::Streams { hold, .. } => {
                hold.release();
                self.answer = State::Ended;
                self.on(Event::StreamPart { bytes: &[], end: true });
            }
            State::Opens(seen) => {
                let bytes = seen.take().unwrap_or_default();
                self.answer = State::Ended;
                self.on(Event::Opening { bytes: &bytes, end: true, readable: true });
            }
            _ => self.answer = State::Ended,
        }
        Action::Continue
    }
}

fn answer_streams() -> bool {
    host::answer_header("content-type").is_some_and(|kind| stream::is_event_stream(&kind))
}

fn is_object(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().first() == Some(&b'{')
}

/// Whether this may be the whole of an answer.
fn looks_whole(bytes: &[u8]) -> bool {
    is_object(bytes) && bytes.trim_ascii_end().last() == Some(&b'}')
}

/// No error that has to be read is longer.
const MOST_ERROR_BYTES: usize = 64 * 1024;
