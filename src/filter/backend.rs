//! The backend seat: an upstream HTTP filter that sees each attempt.

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::effects::{self, Next, carry_out};
use super::exchanges::{self, Ticket};
use super::host;
use crate::announced::Announcement;
use crate::exchange::event::Answer;
use crate::exchange::{Event, Passing};
use crate::pool::headroom::Remaining;
use crate::reply::Reply;

/// One attempt in the backend seat.
#[derive(Debug, Default)]
pub(super) struct Backend {
    ticket: Option<Ticket>,
    /// The answer is held until its body is there.
    holds_answer: bool,
    /// Bytes of the answer's body that are there.
    body: usize,
}

impl Backend {
    fn on(&mut self, event: Event<'_>) -> Option<Next> {
        let ticket = self.ticket?;
        Some(carry_out(ticket, exchanges::on(ticket, event)?))
    }

    fn body_is_there(&mut self) {
        self.holds_answer = false;
        let body = host::answer_body(self.body);
        self.on(Event::AnswerBody(&body));
    }
}

impl Context for Backend {}

impl HttpContext for Backend {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let ticket = host::take(effects::EXCHANGE);
        self.ticket = ticket.as_deref().and_then(Ticket::from_bytes);
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
            carry_out(ticket, exchanges::pass(ticket, Passing::ToBackend(size)));
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let status = host::answer_status();
        // Most answers are a success, and a success announces nothing: four host calls saved.
        let mut answer = Answer { status, ..Answer::default() };
        if status >= 400 {
            answer.announcement = Announcement {
                retry_after_ms: host::answer_header("retry-after-ms"),
                retry_after: host::answer_header("retry-after"),
                reset_requests: host::answer_header("x-ratelimit-reset-requests"),
                reset_tokens: host::answer_header("x-ratelimit-reset-tokens"),
            };
            answer.readable = !end_of_stream && host::answer_header("content-encoding").is_none();
        }
        let next = self.on(Event::Answered(answer));
        if next == Some(Next::AskRemaining) {
            self.on(Event::Remains(Remaining {
                tokens: host::answer_header("x-ratelimit-remaining-tokens"),
                requests: host::answer_header("x-ratelimit-remaining-requests"),
                token_limit: host::answer_header("x-ratelimit-limit-tokens"),
                request_limit: host::answer_header("x-ratelimit-limit-requests"),
            }));
        }
        self.holds_answer = next == Some(Next::HoldAnswer);
        if self.holds_answer { Action::Pause } else { Action::Continue }
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if self.holds_answer {
            self.body = size;
            if !end_of_stream && size < MOST_ERROR_BYTES {
                return Action::Pause;
            }
            self.body_is_there();
        }
        Action::Continue
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        if self.holds_answer {
            self.body_is_there();
        }
        Action::Continue
    }
}

/// No error that has to be read is longer.
const MOST_ERROR_BYTES: usize = 64 * 1024;
