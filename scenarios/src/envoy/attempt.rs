//! One attempt: the cluster's filter chain, the server behind it, and the way back.

use std::time::Duration;

use spillway::failover::Failover;

use super::backend::with_status;
use super::router::RETRY;
use super::{Action, Callback, Envoy, Seat, Seats, Stream};
use crate::http::{Answer, Headers, Reaction};

/// How an attempt ended.
pub(super) enum End {
    /// With an answer that goes on to the client.
    Answer(Answer),
    /// With an answer that asks for another attempt, if there may be one.
    Retriable(Answer),
    /// Without an answer; the status that Envoy would give the client.
    Silence(u16),
}

/// A request as the router keeps it for further attempts.
pub(super) struct Kept {
    pub(super) headers: Headers,
    pub(super) parts: Vec<Vec<u8>>,
    pub(super) has_trailers: bool,
    pub(super) timeout: Option<Duration>,
}

impl<S: Seats> Envoy<S> {
    pub(super) fn attempt(&mut self, at: usize, kept: &mut Kept, stream: &mut Stream) -> End {
        let context = self.workers[self.worker].open(Seat::Backend);
        let body = self.send_upstream(context, at, kept, stream);
        let end = match stream.reply.take() {
            Some(reply) => End::Answer(Answer { headers: with_status(&reply), ..reply }),
            None => self.come_back(context, at, kept, body, stream),
        };
        self.workers[self.worker].close(context);
        end
    }

    /// The request runs through the cluster's filters; what they leave of the body is returned.
    fn send_upstream(
        &mut self,
        context: u32,
        at: usize,
        kept: &mut Kept,
        stream: &mut Stream,
    ) -> Vec<u8> {
        let seats = &mut self.workers[self.worker];
        let headers = std::mem::take(&mut kept.headers);
        stream.request = Some(headers);
        let end = kept.parts.is_empty() && !kept.has_trailers;
        let action = seats.on(context, Callback::RequestHeaders { end }, stream);
        if stream.reply.is_some() {
            kept.headers = stream.request.take().unwrap_or_default();
            return Vec::new();
        }
        assert_eq!(action, Action::Continue, "the backend seat never holds a request");
        if let Some(headers) = &mut stream.request {
            self.backends[at].inject_credential(headers);
        }
        let mut body = Vec::new();
        let last = kept.parts.len();
        for (number, part) in kept.parts.iter().enumerate() {
            let end = number + 1 == last && !kept.has_trailers;
            stream.request_body = Some(part.clone());
            let callback = Callback::RequestBody { size: part.len(), end };
            assert_eq!(seats.on(context, callback, stream), Action::Continue);
            body.extend(stream.request_body.take().unwrap_or_default());
        }
        if kept.has_trailers {
            seats.on(context, Callback::RequestTrailers, stream);
        }
        kept.headers = stream.request.take().unwrap_or_default();
        body
    }

    fn come_back(
        &mut self,
        context: u32,
        at: usize,
        kept: &Kept,
        body: Vec<u8>,
        stream: &mut Stream,
    ) -> End {
        let backend = &mut self.backends[at];
        if !backend.reachable {
            return End::Silence(503);
        }
        match backend.receive(&kept.headers, body) {
            Reaction::HangUp => End::Silence(503),
            Reaction::Silence => {
                let timeout = kept.timeout.expect("an attempt without a time limit never ends");
                self.clock.set(self.clock.get() + timeout);
                End::Silence(504)
            }
            Reaction::Answer(answer) => self.hear(context, &answer, stream),
        }
    }

    /// The answer runs through the cluster's filters, back to the router.
    fn hear(&mut self, context: u32, answer: &Answer, stream: &mut Stream) -> End {
        let failover = self.failover;
        let seats = &mut self.workers[self.worker];
        let parts = answer.parts();
        stream.answer = Some(with_status(answer));
        let callback = Callback::AnswerHeaders { end: parts.is_empty() };
        let mut held = seats.on(context, callback, stream) == Action::Pause;
        let was_held = held;
        let mut body = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            if !held && (is_retriable(stream) || is_followed(failover, stream)) {
                break;
            }
            body.extend_from_slice(part);
            let there = if held { body.clone() } else { part.clone() };
            let callback =
                Callback::AnswerBody { size: there.len(), end: number + 1 == parts.len() };
            stream.answer_body = Some(there);
            held = seats.on(context, callback, stream) == Action::Pause;
            stream.answer_body = None;
        }
        assert!(!held, "the answer is held for ever");
        let survives =
            !was_held || failover.replaces_held_answers() || !is_followed(failover, stream);
        assert!(survives, "Envoy does not survive the redirect of an answer that was held");
        let retriable = is_retriable(stream);
        let headers = stream.answer.take().unwrap_or_default();
        let heard = Answer { status: answer.status, headers, body, cuts: answer.cuts.clone() };
        if retriable { End::Retriable(heard) } else { End::Answer(heard) }
    }
}

fn is_followed(failover: Failover, stream: &Stream) -> bool {
    let Some(headers) = &stream.answer else { return false };
    let redirect = headers.text(":status").as_deref() == Some("307");
    failover.redirects() && redirect && headers.get("location").is_some()
}

fn is_retriable(stream: &Stream) -> bool {
    stream.answer.as_ref().is_some_and(|headers| headers.get(RETRY).is_some())
}
