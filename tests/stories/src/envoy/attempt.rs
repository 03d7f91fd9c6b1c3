//! One attempt: the cluster's filter chain, the server behind it, and the way back.

use std::time::Duration;

use spillway::failover::Failover;

use super::backend::with_status;
use super::patience::Patience;
use super::router::RETRY;
use super::{Action, Callback, Envoy, Seat, Seats, Stream};
use crate::http::{Answer, Headers, Reaction};

/// How an attempt ended.
pub(super) enum End {
    /// With an answer that goes on to the client.
    Answer(Answer),
    /// With the beginning of one; the backend seat's context has yet to be closed.
    Broken(Answer, u32),
    /// With an answer that asks for another attempt, if there may be one.
    Retriable(Answer),
    /// Without an answer; the status that Envoy would give the client.
    Silence(u16),
}

/// A request as the router keeps it for further attempts.
pub(super) struct Kept {
    pub(super) headers: Headers,
    pub(super) parts: Vec<Vec<u8>>,
    pub(super) trailers: Option<Headers>,
    pub(super) patience: Patience,
}

impl<S: Seats> Envoy<S> {
    pub(super) fn attempt(&mut self, at: usize, kept: &mut Kept, stream: &mut Stream) -> End {
        let context = self.workers[self.worker].open(Seat::Backend);
        let body = self.send_upstream(context, at, kept, stream);
        let end = match stream.reply.take() {
            Some(reply) => End::Answer(Answer { headers: with_status(&reply), ..reply }),
            None => self.come_back(context, at, kept, body, stream),
        };
        if !matches!(end, End::Broken(..)) {
            self.workers[self.worker].close(context, stream);
        }
        stream.answer = None;
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
        let end = kept.parts.is_empty() && kept.trailers.is_none();
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
            let end = number + 1 == last && kept.trailers.is_none();
            stream.request_body = Some(part.clone());
            let callback = Callback::RequestBody { size: part.len(), end };
            let action = seats.on(context, callback, stream);
            if stream.reply.is_some() {
                break;
            }
            assert_eq!(action, Action::Continue, "the backend seat never holds a body");
            body.extend(stream.request_body.take().unwrap_or_default());
        }
        if kept.trailers.is_some() {
            stream.request_trailers = kept.trailers.take();
            seats.on(context, Callback::RequestTrailers, stream);
            kept.trailers = stream.request_trailers.take();
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
        stream.connected = backend.reachable;
        if !backend.reachable {
            return End::Silence(503);
        }
        match backend.receive(&kept.headers, body, kept.trailers.as_ref()) {
            Reaction::HangUp => End::Silence(503),
            Reaction::Silence => {
                self.pass_time(kept.patience.until_first_byte(self.clock.get()));
                End::Silence(504)
            }
            Reaction::Late(answer, late) => {
                let patience = kept.patience.until_first_byte(self.clock.get());
                self.pass_time(late.min(patience));
                if late >= patience {
                    return End::Silence(504);
                }
                self.hear(context, &answer, After::End, kept, stream)
            }
            Reaction::Answer(answer) => self.hear(context, &answer, After::End, kept, stream),
            Reaction::Breaks(answer) => self.hear(context, &answer, After::Break, kept, stream),
            Reaction::Stalls(answer) => self.hear(context, &answer, After::Silence, kept, stream),
        }
    }

    fn pass_time(&self, span: Duration) {
        self.clock.set(self.clock.get() + span);
    }

    /// The answer runs through the cluster's filters, back to the router.
    fn hear(
        &mut self,
        context: u32,
        answer: &Answer,
        after: After,
        kept: &Kept,
        stream: &mut Stream,
    ) -> End {
        let failover = self.failover;
        let seats = &mut self.workers[self.worker];
        let parts = answer.parts();
        let ends = after == After::End;
        stream.answer = Some(with_status(answer));
        stream.answer_resumed = false;
        let trailers = Some(&answer.trailers).filter(|trailers| ends && !trailers.0.is_empty());
        let ends_with_body = ends && trailers.is_none();
        let callback = Callback::AnswerHeaders { end: parts.is_empty() && ends_with_body };
        let mut held = seats.on(context, callback, stream) == Action::Pause;
        let was_held = held;
        let (mut passed, mut there) = (Vec::new(), Vec::new());
        for (number, part) in parts.iter().enumerate() {
            if !held && (is_retriable(stream) || is_followed(failover, stream)) {
                break;
            }
            there.extend_from_slice(part);
            let end = number + 1 == parts.len() && ends_with_body;
            let callback = Callback::AnswerBody { size: there.len(), end };
            stream.answer_body = Some(std::mem::take(&mut there));
            held = seats.on(context, callback, stream) == Action::Pause;
            there = stream.answer_body.take().unwrap_or_default();
            if !held {
                passed.append(&mut there);
            }
        }
        if let Some(trailers) = trailers
            && (held || !(is_retriable(stream) || is_followed(failover, stream)))
        {
            stream.answer_body = Some(std::mem::take(&mut there));
            stream.answer_trailers = Some(trailers.clone());
            held = seats.on(context, Callback::AnswerTrailers, stream) == Action::Pause;
            passed.extend(stream.answer_body.take().unwrap_or_default());
        }
        let trailers = stream.answer_trailers.take().unwrap_or_default();
        if held && after == After::Silence {
            // What no timer of the filter's lets go is held until the router gives it up. The timer
            // also fires for what has nothing to do with this stream.
            let mut patience = kept.patience.until_first_byte(self.clock.get());
            while held {
                let timer = seats.timer().unwrap_or(Duration::MAX);
                self.clock.set(self.clock.get() + timer.min(patience));
                if timer >= patience {
                    break;
                }
                patience -= timer;
                seats.tick(stream);
                held = !std::mem::take(&mut stream.answer_resumed);
            }
            if !held {
                passed.append(&mut there);
            }
        }
        assert!(!held || !ends, "the answer is held for ever");
        if held {
            return End::Silence(if after == After::Break { 503 } else { 504 });
        }
        let survives =
            !was_held || failover.replaces_held_answers() || !is_followed(failover, stream);
        assert!(survives, "Envoy does not survive the redirect of an answer that was held");
        let retriable = is_retriable(stream);
        let headers = stream.answer.take().unwrap_or_default();
        let cuts = answer.cuts.clone();
        let (status, body, broken) = (answer.status, passed, !ends);
        let heard = Answer { status, headers, body, cuts, broken, trailers };
        match after {
            _ if retriable => End::Retriable(heard),
            After::End => End::Answer(heard),
            After::Break => End::Broken(heard, context),
            After::Silence => {
                self.pass_time(kept.patience.until_next_byte(self.clock.get()));
                End::Broken(heard, context)
            }
        }
    }
}

fn is_followed(failover: Failover, stream: &Stream) -> bool {
    let Some(headers) = &stream.answer else { return false };
    let redirect = headers.text(":status").as_deref() == Some("307");
    failover.redirects() && redirect && headers.get("location").is_some()
}

/// What follows the bytes that a backend sends.
#[derive(Clone, Copy, PartialEq)]
enum After {
    End,
    Break,
    Silence,
}

fn is_retriable(stream: &Stream) -> bool {
    stream.answer.as_ref().is_some_and(|headers| headers.get(RETRY).is_some())
}
