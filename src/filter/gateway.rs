//! The gateway seat: a downstream HTTP filter that sees each request once.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::effects::{self, Next, carry_out};
use super::exchanges::{self, Desk, Ticket};
use super::host;
use crate::exchange::event::Head;
use crate::exchange::{Event, Passing};

/// One request in the gateway seat.
#[derive(Debug)]
pub(super) struct Gateway {
    desk: Rc<Desk>,
    ticket: Ticket,
    /// The request is held until its body is there, to be read.
    awaits_body: bool,
    /// The client's answer has passed, and the access log knows all.
    told: bool,
    /// Bytes of the body that are there.
    body: usize,
}

impl Gateway {
    pub(super) fn new(desk: Rc<Desk>, context: u32) -> Self {
        let ticket = exchanges::open(&desk, context);
        Self { desk, ticket, awaits_body: false, told: false, body: 0 }
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
                self.awaits_body = true;
                Action::Pause
            }
            Next::AskBody => {
                let content_type = host::request_header("content-type");
                let next = self.on(Event::BodyAhead { content_type });
                self.act(next)
            }
            // The rest is about answers, and the backend seat's.
            _ => Action::Continue,
        }
    }

    /// The request is complete: body or trailers have ended it.
    fn ended(&mut self) -> Action {
        if !std::mem::take(&mut self.awaits_body) {
            return Action::Continue;
        }
        let body = host::request_body(self.body);
        let next = self.on(Event::Body(&body));
        self.act(next)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
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
        let head = Head {
            path: host::request_header(":path").unwrap_or_default(),
            api_key: host::request_header("api-key"),
            authorization: host::request_header("authorization"),
            cookie: self
                .desk
                .gateway
                .wants_cookie()
                .then(|| host::request_header("cookie"))
                .flatten(),
            has_body: !end_of_stream,
            content_length: (!end_of_stream)
                .then(|| host::request_header("content-length"))
                .flatten(),
        };
        let next = self.on(Event::Arrived(head));
        self.act(next)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if !self.awaits_body {
            let effect = exchanges::pass(self.ticket, Passing::FromClient(size));
            return self.act(carry_out(self.ticket, effect));
        }
        self.body = size;
        if let Some(effect) = exchanges::pass(self.ticket, Passing::Held(size)) {
            self.awaits_body = false;
            return self.act(carry_out(self.ticket, [effect]));
        }
        if end_of_stream { self.ended() } else { Action::Pause }
    }

    /// A body that trailers follow never says that it has ended.
    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.ended()
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        self.told = true;
        let status = host::answer_status();
        let wants_region = self.desk.gateway.config.answer_headers.region;
        let region = wants_region.then(|| host::answer_header("x-ms-region")).flatten();
        let next = self.on(Event::Leaving { status, region });
        self.act(next)
    }

    /// Of a request whose client has left before any answer, the log would know nothing.
    fn on_log(&mut self) {
        if !self.told
            && let Some(attempts) = exchanges::attempts_text(self.ticket)
        {
            host::put(effects::ATTEMPTS, attempts.as_bytes());
        }
        self.on(Event::Ended);
    }
}
