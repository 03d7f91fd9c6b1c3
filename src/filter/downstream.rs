//! In front of the router: a filter that sees each request once.

use std::rc::Rc;

use super::instance::Instance;
use super::requests::RequestHandle;
use super::{Action, Call, carry_out};
use crate::exchange::Exchange;
use crate::exchange::flow::{Passage, RequestFlow, ResponseFlow};
use crate::exchange::head::Head;
use crate::host::{Body, Map, StreamId};
use crate::reply::Reply;

/// One request in front of the router.
#[derive(Debug)]
pub struct Downstream {
    instance: Rc<Instance>,
    stream: StreamId,
    request: RequestHandle,
    /// What the request is held for.
    awaits: Awaits,
    /// The client's answer has passed, and the access log knows all.
    told: bool,
    /// The client's answer has passed to its end.
    complete: bool,
    /// Bytes of the body that are held.
    body: usize,
}

/// What a request is held for.
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

impl Downstream {
    /// A request that has not arrived yet.
    pub(super) fn new(instance: Rc<Instance>, stream: StreamId, call: &mut Call<'_>) -> Self {
        let request = call.worker.requests.open(instance.clone(), stream);
        let (awaits, told, complete, body) = (Awaits::Nothing, false, false, 0);
        Self { instance, stream, request, awaits, told, complete, body }
    }

    pub(super) fn on_request_headers(&mut self, end: bool, call: &mut Call<'_>) -> Action {
        if self.instance.gateway.failover.redirects() && self.comes_back(call) {
            call.on(self.request, Exchange::on_return);
            return Action::Continue;
        }
        let head = Head::new(call.host.headers(Map::Request), !end);
        let flow = call.on(self.request, |exchange, cx| exchange.on_request_headers(head, cx));
        self.act(flow, call)
    }

    pub(super) fn on_request_body(
        &mut self,
        size: usize,
        end: bool,
        call: &mut Call<'_>,
    ) -> Action {
        if end {
            call.receives(self.request, false);
        }
        if self.awaits == Awaits::Nothing {
            let passage = call.exchange(self.request).map(|e| e.on_bytes_passing(size));
            return call.pass(passage);
        }
        let crowded = self.holds(size, call);
        let passage = call.exchange(self.request).map(|e| e.on_bytes_held(size, crowded));
        if let Some(Passage::Reply(reply)) = passage {
            self.lets_go(call);
            self.awaits = Awaits::Nothing;
            return call.refuse(&reply);
        }
        let mut action = match self.awaits {
            Awaits::Beginning(length) if size >= length => self.begins(length, call),
            _ => Action::Pause,
        };
        if end && self.awaits != Awaits::Nothing {
            action = self.ended(call);
        }
        if self.awaits == Awaits::Nothing {
            self.lets_go(call);
        }
        action
    }

    /// A body that trailers follow never says that it has ended.
    pub(super) fn on_request_trailers(&mut self, call: &mut Call<'_>) -> Action {
        call.receives(self.request, false);
        call.on(self.request, |exchange, cx| exchange.on_request_trailers(cx));
        let action = self.ended(call);
        self.lets_go(call);
        action
    }

    pub(super) fn on_response_headers(&mut self, end: bool, call: &mut Call<'_>) -> Action {
        self.told = true;
        self.complete = end;
        let status = call.host.header(Map::Response, ":status").unwrap_or_default();
        let status = std::str::from_utf8(&status).ok().and_then(|text| text.parse().ok());
        let wants_region = self.instance.gateway.config.answer_headers.region;
        let region = wants_region.then(|| call.host.header(Map::Response, "x-ms-region")).flatten();
        let flow = call.on(self.request, |exchange, cx| {
            exchange.on_response_headers(status.unwrap_or_default(), region, cx)
        });
        match flow {
            Some(ResponseFlow::Replace(reply)) => {
                call.reply(&reply);
                Action::Pause
            }
            // The part follows at once.
            Some(ResponseFlow::AwaitPart) => Action::Pause,
            Some(ResponseFlow::Pass) | None => Action::Continue,
        }
    }

    pub(super) const fn on_response_body(&mut self, end: bool) -> Action {
        self.complete |= end;
        Action::Continue
    }

    pub(super) const fn on_response_trailers(&mut self) -> Action {
        self.complete = true;
        Action::Continue
    }

    /// Of a request whose client has left before any answer, the log would know nothing.
    pub(super) fn on_log(&mut self, call: &mut Call<'_>) {
        let Some(exchange) = call.exchange(self.request) else { return };
        if exchange.comes_back() {
            return;
        }
        if !self.told {
            let attempts = exchange.attempts_text();
            call.host.set_state(carry_out::ATTEMPTS, attempts.as_bytes());
        }
        call.host.set_state(carry_out::DIGEST, self.instance.about.digest.as_bytes());
        let complete = self.complete;
        call.on(self.request, |exchange, cx| exchange.on_end(complete, cx));
    }

    pub(super) fn on_delete(&mut self, call: &mut Call<'_>) {
        self.lets_go(call);
        call.worker.requests.close(self.request);
    }

    /// Whether this is a request that Envoy brings back; then its exchange is taken over.
    fn comes_back(&mut self, call: &mut Call<'_>) -> bool {
        let found = call.host.state(carry_out::REQUEST);
        let found = found.as_deref().and_then(RequestHandle::from_bytes);
        let Some(redirected) = call.worker.requests.take_redirected() else { return false };
        if found == Some(redirected) {
            call.worker.requests.close(std::mem::replace(&mut self.request, redirected));
            if let Some(request) = call.worker.requests.find(redirected) {
                request.downstream = self.stream;
            }
            return true;
        }
        call.on(redirected, |exchange, cx| exchange.on_end(false, cx));
        call.worker.requests.forget(redirected);
        false
    }

    fn act(&mut self, flow: Option<RequestFlow>, call: &Call<'_>) -> Action {
        self.awaits = match flow {
            Some(RequestFlow::Continue) => return Action::Continue,
            Some(RequestFlow::Reply(reply)) => return call.refuse(&reply),
            Some(RequestFlow::AwaitBody) => Awaits::Body,
            Some(RequestFlow::AwaitBeginning(length)) => Awaits::Beginning(length),
            Some(RequestFlow::AwaitEnd) => Awaits::End,
            None => return call.refuse(&Reply::filters_apart()),
        };
        Action::Pause
    }

    /// The request is complete: body or trailers have ended it.
    fn ended(&mut self, call: &mut Call<'_>) -> Action {
        match std::mem::take(&mut self.awaits) {
            Awaits::Nothing | Awaits::End => Action::Continue,
            Awaits::Body | Awaits::Beginning(_) => {
                let body = call.host.body(Body::Request, 0..self.body);
                let flow =
                    call.on(self.request, |exchange, cx| exchange.on_request_body(&body, cx));
                self.act(flow, call)
            }
        }
    }

    /// As much of the body is there as was awaited.
    fn begins(&mut self, length: usize, call: &mut Call<'_>) -> Action {
        self.awaits = Awaits::Nothing;
        let bytes = call.host.body(Body::Request, 0..length);
        let there = self.body;
        let flow =
            call.on(self.request, |exchange, cx| exchange.on_body_beginning(&bytes, there, cx));
        self.act(flow, call)
    }

    /// So many bytes of the body are held. Returns whether that is too much, with all others that are.
    fn holds(&mut self, size: usize, call: &mut Call<'_>) -> bool {
        let before = std::mem::replace(&mut self.body, size);
        call.hold_body(before, size, &self.instance)
    }

    /// None of the body is held any more.
    fn lets_go(&mut self, call: &mut Call<'_>) {
        if self.body > 0 {
            self.holds(0, call);
        }
    }
}
