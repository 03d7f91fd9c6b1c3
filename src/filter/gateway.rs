//! The gateway seat: a downstream HTTP filter that sees each request once.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::effects::{self, Next, carry_out};
use super::exchanges::{self, Desk, Ticket};
use super::host;
use crate::exchange::Event;
use crate::exchange::event::Head;

/// One request in the gateway seat.
#[derive(Debug)]
pub(super) struct Gateway {
    desk: Rc<Desk>,
    ticket: Ticket,
    /// The request is held until its body is there.
    awaits_body: bool,
    /// The client's answer has passed, so that the access log knows all.
    told: bool,
    /// Bytes of the body that are there.
    body: usize,
}

impl Gateway {
    pub(super) fn new(desk: Rc<Desk>) -> Self {
        let ticket = exchanges::open(&desk);
        Self { desk, ticket, awaits_body: false, told: false, body: 0 }
    }

    fn on(&mut self, event: Event<'_>) -> Next {
        let effects = exchanges::on(self.ticket, event).unwrap_or_default();
        carry_out(self.ticket, effects)
    }

    fn act(&mut self, next: Next) -> Action {
        match next {
            Next::GoOn | Next::HoldAnswer => Action::Continue,
            Next::Replied => Action::Pause,
            Next::AwaitBody => {
                self.awaits_body = true;
                Action::Pause
            }
            Next::AskBody => {
                let content_type = host::request_header("content-type");
                let content_length = host::request_header("content-length");
                let next = self.on(Event::BodyAhead { content_type, content_length });
                self.act(next)
            }
        }
    }

    fn body_is_there(&mut self) -> Action {
        self.awaits_body = false;
        let body = host::request_body(self.body);
        let next = self.on(Event::Body(&body));
        self.act(next)
    }
}

impl Context for Gateway {}

impl HttpContext for Gateway {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
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
        };
        let next = self.on(Event::Arrived(head));
        self.act(next)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if !self.awaits_body {
            return Action::Continue;
        }
        self.body = size;
        if end_of_stream { self.body_is_there() } else { Action::Pause }
    }

    /// A body that trailers follow never says that it has ended.
    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        if self.awaits_body { self.body_is_there() } else { Action::Continue }
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        self.told = true;
        let status = host::answer_status();
        let wants_region = self.desk.gateway.config.answer_headers.region;
        let region = wants_region.then(|| host::answer_header("x-ms-region")).flatten();
        self.on(Event::Leaving { status, region });
        Action::Continue
    }

    fn on_log(&mut self) {
        let story = exchanges::close(self.ticket);
        if let Some(story) = story.filter(|_| !self.told) {
            host::put(effects::ATTEMPTS, story.as_bytes());
        }
    }
}
