//! The gateway seat: a downstream HTTP filter that sees each request once.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::effects::{self, Next, carry_out};
use super::exchanges::{self, Desk, Ticket};
use super::{bodies, host};
use crate::exchange::head::Head;
use crate::exchange::{Event, Passing};

/// One request in the gateway seat.
#[derive(Debug)]
pub(super) struct Gateway {
    desk: Rc<Desk>,
    context: u32,
    ticket: Ticket,
    /// What the request is held for.
    awaits: Awaits,
    /// The client's answer has passed, and the access log knows all.
    told: bool,
    /// The client's answer has passed to its end.
    complete: bool,
    /// Bytes of the body that are there.
    body: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Awaits {
    /// It goes on.
    #[default]
    Nothing,
    /// So many bytes of its body, or all of a shorter one.
    Beginning(usize),
    /// Its body, to be read.
    Body,
    /// Its end.
    End,
}

impl Gateway {
    pub(super) fn new(desk: Rc<Desk>, context: u32) -> Self {
        let ticket = exchanges::open(&desk, context);
        Self {
            desk,
            context,
            ticket,
            awaits: Awaits::Nothing,
            told: false,
            complete: false,
            body: 0,
        }
    }

    /// Whether this is a request that Envoy brings back; then its exchange is taken over.
    fn comes_back(&mut self) -> bool {
        let found = host::take(effects::EXCHANGE);
        let found = found.as_deref().and_then(Ticket::from_bytes);
        let Some(redirected) = exchanges::take_redirected() else { return false };
        if found == Some(redirected) {
            exchanges::close(std::mem::replace(&mut self.ticket, redirected));
            exchanges::take_over(redirected, self.context);
            return true;
        }
        let effects =
            exchanges::on(redirected, Event::Ended { complete: false }).unwrap_or_default();
        carry_out(redirected, effects);
        exchanges::forget(redirected);
        false
    }

    fn on(&mut self, event: Event<'_>) -> Next {
        let effects = exchanges::on(self.ticket, event).unwrap_or_default();
        carry_out(self.ticket, effects)
    }

    fn act(&mut self, next: Next) -> Action {
        match next {
            // The part follows at once.
            Next::Replied | Next::AwaitPart => Action::Pause,
            Next::AwaitBody => {
                self.awaits = Awaits::Body;
                Action::Pause
            }
            Next::AwaitBeginning(length) => {
                self.awaits = Awaits::Beginning(length);
                Action::Pause
            }
            Next::AwaitEnd => {
                self.awaits = Awaits::End;
                Action::Pause
            }
            // The rest is about answers, and the backend seat's.
            _ => Action::Continue,
        }
    }

    /// The request is complete: body or trailers have ended it.
    fn ended(&mut self) -> Action {
        match std::mem::take(&mut self.awaits) {
            Awaits::Nothing | Awaits::End => Action::Continue,
            Awaits::Body | Awaits::Beginning(_) => {
                let body = host::request_body(0..self.body);
                let next = self.on(Event::Body(&body));
                self.act(next)
            }
        }
    }

    /// So many bytes of the body are held. Whether that is too much, with all others that are.
    fn holds(&mut self, size: usize) -> bool {
        let before = std::mem::replace(&mut self.body, size);
        bodies::held(before, size, &self.desk.meters, &self.desk.gateway)
    }

    /// None of the body is held any more.
    fn lets_go(&mut self) {
        if self.body > 0 {
            self.holds(0);
        }
    }

    /// As much of the body is there as was awaited.
    fn begins(&mut self, length: usize) -> Action {
        self.awaits = Awaits::Nothing;
        let bytes = host::request_body(0..length);
        let next = self.on(Event::BodyBegins { bytes: &bytes, there: self.body });
        self.act(next)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.lets_go();
        exchanges::close(self.ticket);
    }
}

impl Context for Gateway {}

impl HttpContext for Gateway {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        #[cfg(feature = "traps")]
        if host::request_header("x-spillway-trap").is_some() {
            std::process::abort();
        }
        let redirects = self.desk.gateway.failover.redirects();
        if redirects && self.comes_back() {
            let next = self.on(Event::Redirected);
            return self.act(next);
        }
        let head = Head::new(host::request_headers(), !end_of_stream);
        let next = self.on(Event::Arrived(head));
        self.act(next)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if end_of_stream {
            exchanges::received(self.ticket);
        }
        if self.awaits == Awaits::Nothing {
            let effects = exchanges::pass(self.ticket, Passing::FromClient(size));
            return self.act(carry_out(self.ticket, effects));
        }
        let too_much = self.holds(size);
        let passing = if too_much { Passing::TooMuch } else { Passing::Held(size) };
        let effects = exchanges::pass(self.ticket, passing);
        if !effects.is_empty() {
            self.lets_go();
            self.awaits = Awaits::Nothing;
            return self.act(carry_out(self.ticket, effects));
        }
        let action = match self.awaits {
            Awaits::Beginning(length) if size >= length => self.begins(length),
            _ => Action::Pause,
        };
        let action =
            if end_of_stream && self.awaits != Awaits::Nothing { self.ended() } else { action };
        if self.awaits == Awaits::Nothing {
            self.lets_go();
        }
        action
    }

    /// A body that trailers follow never says that it has ended.
    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        exchanges::received(self.ticket);
        carry_out(self.ticket, exchanges::pass(self.ticket, Passing::Trailers));
        let action = self.ended();
        self.lets_go();
        action
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        self.told = true;
        self.complete = end_of_stream;
        let status = host::answer_status();
        let wants_region = self.desk.gateway.config.answer_headers.region;
        let region = wants_region.then(|| host::answer_header("x-ms-region")).flatten();
        let next = self.on(Event::Leaving { status, region });
        self.act(next)
    }

    fn on_http_response_body(&mut self, _: usize, end_of_stream: bool) -> Action {
        self.complete |= end_of_stream;
        Action::Continue
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.complete = true;
        Action::Continue
    }

    /// Of a request whose client has left before any answer, the log would know nothing.
    fn on_log(&mut self) {
        if exchanges::comes_back(self.ticket) {
            return;
        }
        if !self.told
            && let Some(attempts) = exchanges::attempts_text(self.ticket)
        {
            host::put(effects::ATTEMPTS, attempts.as_bytes());
        }
        self.on(Event::Ended { complete: self.complete });
    }
}
