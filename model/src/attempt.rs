//! One attempt: the cluster's filter chain, what its backend does, and the way back.

use std::time::Duration;

use spillway::failover_mode::FailoverMode;

use crate::http::{Answer, Headers, Reaction};
use crate::router::RETRY;
use crate::timeouts::Timeouts;
use crate::{Action, Callback, Cluster, Envoy, Passage, Runtime, Stream};

/// How an attempt ended.
pub(super) enum End {
    /// With an answer that goes on to the client.
    Answer(Answer),
    /// With the beginning of one; the upstream filter's stream has yet to be closed.
    Broken(Answer),
    /// With an answer that asks for another attempt, if there may be one.
    Retriable(Answer),
    /// Without an answer; the status that Envoy would give the client.
    Silence(u16),
}

/// A request as the router keeps it for further attempts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    pub(super) headers: Headers,
    pub(super) parts: Vec<Vec<u8>>,
    pub(super) trailers: Option<Headers>,
    pub(super) timeouts: Option<Timeouts>,
}

impl<R: Runtime> Envoy<R> {
    /// The request runs through the cluster's filters; what they leave of the body is returned.
    pub(super) fn send_upstream(
        &mut self,
        context: u32,
        cluster: &Cluster,
        passage: &mut Passage,
    ) -> Vec<u8> {
        let worker = &mut self.workers[passage.worker];
        let Passage { kept, stream, .. } = passage;
        stream.request = Some(std::mem::take(&mut kept.headers));
        let end = kept.parts.is_empty() && kept.trailers.is_none();
        let action = worker.on(context, Callback::RequestHeaders { end }, stream);
        if stream.reply.is_some() {
            kept.headers = stream.request.take().unwrap_or_default();
            return Vec::new();
        }
        assert_eq!(action, Action::Continue, "the upstream filter never holds a request");
        if let Some(headers) = &mut stream.request {
            cluster.inject_credential(headers);
        }
        let mut body = Vec::new();
        let last = kept.parts.len();
        for (number, part) in kept.parts.iter().enumerate() {
            let end = number + 1 == last && kept.trailers.is_none();
            stream.request_body = Some(part.clone());
            let callback = Callback::RequestBody { size: part.len(), end };
            let action = worker.on(context, callback, stream);
            if stream.reply.is_some() {
                break;
            }
            assert_eq!(action, Action::Continue, "the upstream filter never holds a body");
            body.extend(stream.request_body.take().unwrap_or_default());
        }
        if kept.trailers.is_some() {
            stream.request_trailers = kept.trailers.take();
            worker.on(context, Callback::RequestTrailers, stream);
            kept.trailers = stream.request_trailers.take();
        }
        kept.headers = stream.request.take().unwrap_or_default();
        body
    }

    /// What comes of the attempt, by what its backend does.
    pub(super) fn come_back(
        &mut self,
        context: u32,
        reaction: Reaction,
        passage: &mut Passage,
    ) -> End {
        passage.stream.connection = connection(&reaction, passage);
        match reaction {
            Reaction::Unreachable | Reaction::HangUp | Reaction::Stale => End::Silence(503),
            Reaction::GivenUp => End::Silence(504),
            Reaction::Silence => {
                self.pass_time(self.until_first_byte(passage));
                End::Silence(504)
            }
            Reaction::Late(answer, late) => {
                let limit = self.until_first_byte(passage);
                self.pass_time(late.min(limit));
                if late >= limit {
                    return End::Silence(504);
                }
                self.hear(context, &answer, After::End, passage)
            }
            Reaction::Answer(answer) => self.hear(context, &answer, After::End, passage),
            Reaction::Breaks(answer) => self.hear(context, &answer, After::Break, passage),
            Reaction::Stalls(answer) => self.hear(context, &answer, After::Silence, passage),
        }
    }

    fn until_first_byte(&self, passage: &Passage) -> Duration {
        let now = self.clock.get();
        passage.kept.timeouts.map_or(Duration::MAX, |timeouts| timeouts.until_first_byte(now))
    }

    /// Nothing comes for so long, or until the filter has had enough.
    fn silence(&mut self, mut left: Duration, passage: &mut Passage) {
        let worker = &mut self.workers[passage.worker];
        while !left.is_zero() && !passage.stream.response_ended {
            let timer = worker.timer().unwrap_or(Duration::MAX).min(left);
            assert!(timer < Duration::MAX, "the answer is silent for ever");
            self.clock.set(self.clock.get() + timer);
            left = left.saturating_sub(timer);
            if !left.is_zero() {
                worker.tick(&mut passage.stream);
            }
        }
    }

    fn pass_time(&self, span: Duration) {
        self.clock.set(self.clock.get() + span);
    }

    /// The answer runs through the cluster's filters, back to the router.
    fn hear(&mut self, context: u32, answer: &Answer, after: After, passage: &mut Passage) -> End {
        let failover = self.failover;
        let mut limit = self.until_first_byte(passage);
        let Passage { stream, worker, .. } = passage;
        let worker = &mut self.workers[*worker];
        let parts = answer.parts();
        let ends = after == After::End;
        stream.response = Some(answer.clone().with_pseudo_header().headers);
        stream.response_resumed = false;
        let trailers = Some(&answer.trailers).filter(|trailers| ends && !trailers.0.is_empty());
        let ends_with_body = ends && trailers.is_none();
        let callback = Callback::ResponseHeaders { end: parts.is_empty() && ends_with_body };
        let mut held = worker.on(context, callback, stream) == Action::Pause;
        let was_held = held;
        let (mut passed, mut there) = (Vec::new(), Vec::new());
        for (number, part) in parts.iter().enumerate() {
            if !held && (is_retriable(stream) || is_followed(failover, stream)) {
                break;
            }
            there.extend_from_slice(part);
            let end = number + 1 == parts.len() && ends_with_body;
            let callback = Callback::ResponseBody { size: there.len(), end };
            stream.response_body = Some(std::mem::take(&mut there));
            held = worker.on(context, callback, stream) == Action::Pause;
            there = stream.response_body.take().unwrap_or_default();
            if !held {
                passed.append(&mut there);
            }
        }
        if let Some(trailers) = trailers
            && (held || !(is_retriable(stream) || is_followed(failover, stream)))
        {
            // What has passed cannot be changed any more.
            stream.response_body = held.then(|| std::mem::take(&mut there));
            stream.response_trailers = Some(trailers.clone());
            held = worker.on(context, Callback::ResponseTrailers, stream) == Action::Pause;
            passed.extend(stream.response_body.take().unwrap_or_default());
        }
        let trailers = stream.response_trailers.take().unwrap_or_default();
        if held && after == After::Silence {
            // What no timer of the filter's lets go is held until the router gives it up. The timer
            // also fires for what has nothing to do with this stream.
            while held {
                let timer = worker.timer().unwrap_or(Duration::MAX);
                self.clock.set(self.clock.get() + timer.min(limit));
                if timer >= limit {
                    break;
                }
                limit -= timer;
                worker.tick(stream);
                held = !std::mem::take(&mut stream.response_resumed);
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
        let headers = stream.response.take().unwrap_or_default();
        passage.resumed = ends && std::mem::take(&mut stream.response_resumed);
        let (status, body, broken, cuts) = (answer.status, passed, !ends, answer.cuts.clone());
        let heard = Answer { status, headers, body, cuts, broken, trailers };
        match after {
            _ if retriable => End::Retriable(heard),
            After::End => End::Answer(heard),
            After::Break => End::Broken(heard),
            After::Silence => {
                let now = self.clock.get();
                let until = passage.kept.timeouts.map(|timeouts| timeouts.until_next_byte(now));
                self.silence(until.unwrap_or_default(), passage);
                End::Broken(heard)
            }
        }
    }
}

/// This side's address: one connection to each cluster is used again and again, and of those that
/// break each is another.
fn connection(reaction: &Reaction, passage: &Passage) -> Option<Vec<u8>> {
    let port = match reaction {
        Reaction::Unreachable => return None,
        Reaction::HangUp => passage.attempts,
        _ => 40_000,
    };
    Some(format!("127.0.0.1:{port}").into_bytes())
}

fn is_followed(failover: FailoverMode, stream: &Stream) -> bool {
    let Some(headers) = &stream.response else { return false };
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
    stream.response.as_ref().is_some_and(|headers| headers.get(RETRY).is_some())
}
