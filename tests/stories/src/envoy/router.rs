//! A request's way: the gateway seat, the router with its retries, and the way back.

use super::attempt::{End, Kept};
use super::backend::with_status;
use super::{Action, Callback, Envoy, Seat, Seats, Stream};
use crate::http::{Answer, Headers, Request};

/// What the router has for the client.
struct Routed {
    answer: Answer,
    /// The backend seat's stream whose backend was lost in the middle of the answer.
    lost: Option<u32>,
    /// The request's next run, where the router follows the answer.
    again: Option<Run>,
}

impl Routed {
    const fn with(answer: Answer) -> Self {
        Self { answer, lost: None, again: None }
    }
}

impl<S: Seats> Envoy<S> {
    /// Takes a client's request to its answer.
    pub(super) fn serve(&mut self, request: &Request) -> Answer {
        let mut stream = Stream::default();
        let mut run = Run::first(request);
        let most = self.backends.len();
        for _ in 0..most {
            let writer = self.workers[self.worker].open(Seat::Writer);
            let gateway = self.workers[self.worker].open(Seat::Gateway);
            self.gateway_seat(gateway, &mut run, &mut stream);
            let mut routed = match stream.reply.take() {
                Some(reply) => Routed::with(Answer { headers: with_status(&reply), ..reply }),
                None => self.route(&run, &mut stream),
            };
            if routed.again.is_none() {
                let seats = (gateway, writer);
                routed.answer = self.leave(seats, routed.answer, routed.lost, &mut stream);
            }
            self.workers[self.worker].on(gateway, Callback::Log, &mut stream);
            self.workers[self.worker].close(gateway, &mut stream);
            self.workers[self.worker].close(writer, &mut stream);
            let Some(again) = routed.again else {
                self.notes = stream.filter_state.into_iter().collect();
                return routed.answer;
            };
            run = again;
            stream = stream.redirected();
        }
        panic!("a request comes back more often than there are backends");
    }

    /// The listener's filters. The request goes on, or there is a reply.
    fn gateway_seat(&mut self, gateway: u32, run: &mut Run, stream: &mut Stream) {
        let seats = &mut self.workers[self.worker];
        stream.request = Some(run.headers.clone());
        let end = run.parts.is_empty() && !run.has_trailers();
        let mut held = seats.on(gateway, Callback::RequestHeaders { end }, stream) == Action::Pause;
        let (mut there, mut changed) = (Vec::new(), None);
        for (number, part) in run.parts.iter().enumerate() {
            if stream.reply.is_some() {
                return;
            }
            there = if held { [there, part.clone()].concat() } else { part.clone() };
            if held && there.len() as u64 > self.most {
                stream.reply = Some(too_long());
                return;
            }
            stream.request_body = Some(there.clone());
            let end = number + 1 == run.parts.len() && !run.has_trailers();
            let callback = Callback::RequestBody { size: there.len(), end };
            let was_held = held;
            held = seats.on(gateway, callback, stream) == Action::Pause;
            let left = stream.request_body.take().unwrap_or_default();
            if left != there {
                assert!(was_held && end && !held, "only a body that was held is changed");
                changed = Some(left);
            }
        }
        if run.has_trailers() && stream.reply.is_none() {
            stream.request_body = Some(there.clone());
            stream.request_trailers = run.trailers.take();
            let was_held = held;
            held = seats.on(gateway, Callback::RequestTrailers, stream) == Action::Pause;
            run.trailers = stream.request_trailers.take();
            let left = stream.request_body.take().unwrap_or_default();
            if left != there {
                assert!(was_held, "only a body that was held is changed");
                changed = Some(left);
            }
        }
        // What was held goes on as a whole.
        if let Some(body) = changed {
            run.parts = vec![body];
        }
        assert!(!held || stream.reply.is_some(), "the request is held for ever");
    }

    /// The last attempt's answer, and the request's next run where the router follows it.
    fn route(&mut self, run: &Run, stream: &mut Stream) -> Routed {
        // The first choice of a cluster was made before any filter ran, in an empty state.
        assert!(stream.route_cleared, "the route was not chosen again");
        let mut headers = stream.request.take().unwrap_or_default();
        let number = |text: Option<String>| text.and_then(|text| text.parse().ok());
        let retries: u64 = number(headers.text(MAX_RETRIES)).expect("the retries are limited");
        let patience = self.patience.begin(&mut headers, self.clock.get());
        for name in [&[MAX_RETRIES][..], &REMOVED].concat() {
            headers.remove(name);
        }
        if self.failover.redirects() {
            assert_eq!(retries, 0, "a retry would stay at the same backend");
        } else {
            headers.remove(FORWARDED_PROTO);
        }
        let mut kept = Kept {
            headers,
            parts: run.parts.iter().filter(|part| !part.is_empty()).cloned().collect(),
            trailers: run.trailers.clone(),
            patience,
        };
        let mut left = retries;
        loop {
            let name = stream.cluster().expect("a cluster is named");
            let at = self.backends.iter().position(|backend| backend.name == name);
            let at = at.unwrap_or_else(|| panic!("no cluster is called {name}"));
            match self.attempt(at, &mut kept, stream) {
                End::Retriable(_) | End::Silence(_) if left > 0 && !self.is_over(&kept) => {
                    left -= 1;
                }
                End::Answer(answer) | End::Retriable(answer) => {
                    let again = self.follow(&answer, &kept.headers, run);
                    return Routed { again, ..Routed::with(answer) };
                }
                End::Broken(answer, context) => {
                    return Routed { lost: Some(context), ..Routed::with(answer) };
                }
                End::Silence(status) => return Routed::with(local_reply(status)),
            }
        }
    }

    /// Whether the deadline of the request has passed.
    fn is_over(&self, kept: &Kept) -> bool {
        kept.patience.deadline.is_some_and(|deadline| self.clock.get() >= deadline)
    }

    /// The answer's way through the listener's filters to the client. `lost`: the backend seat's
    /// context, whose backend has broken off the answer.
    fn leave(
        &mut self,
        (gateway, writer): (u32, u32),
        answer: Answer,
        lost: Option<u32>,
        stream: &mut Stream,
    ) -> Answer {
        let seats = &mut self.workers[self.worker];
        stream.request = None;
        let Answer { mut headers, body, cuts, broken, trailers, .. } = answer;
        headers.remove(RETRY);
        stream.answer = Some(headers);
        let ends_with_body = !broken && trailers.0.is_empty();
        let end = body.is_empty() && ends_with_body;
        let action = seats.on(gateway, Callback::AnswerHeaders { end }, stream);
        if let Some(reply) = stream.reply.take() {
            // It goes to the client as it is, past every filter.
            return reply;
        }
        let paired = action == Action::Pause;
        assert!(!paired || !body.is_empty(), "the gateway seat holds an answer for ever");
        let mut headers = stream.answer.take().unwrap_or_default();
        let mut passed = Vec::new();
        let answer = Answer { body, cuts, ..Answer::default() };
        let parts = answer.parts();
        for (number, part) in parts.iter().enumerate() {
            let callback = Callback::AnswerBody {
                size: part.len(),
                end: number + 1 == parts.len() && ends_with_body,
            };
            stream.answer_body = Some(part.clone());
            assert_eq!(seats.on(gateway, callback, stream), Action::Continue);
            assert_eq!(seats.on(writer, callback, stream), Action::Continue);
            passed.extend(stream.answer_body.take().unwrap_or_default());
        }
        if !trailers.0.is_empty() {
            stream.answer_trailers = Some(trailers);
            seats.on(gateway, Callback::AnswerTrailers, stream);
        }
        let trailers = stream.answer_trailers.take().unwrap_or_default();
        if let Some(context) = lost {
            seats.close(context, stream);
            if std::mem::take(&mut stream.answer_resumed) && paired {
                stream.answer_body = Some(Vec::new());
                seats.on(writer, Callback::AnswerBody { size: 0, end: false }, stream);
                passed.extend(stream.answer_body.take().unwrap_or_default());
            }
        }
        let status = headers.text(":status").and_then(|text| text.parse().ok()).expect("a status");
        headers.remove(":status");
        Answer { status, headers, body: passed, cuts: Vec::new(), broken, trailers }
    }
}

/// A request on its way through all filters: the client's, or that of a redirect.
pub(super) struct Run {
    pub(super) headers: Headers,
    pub(super) parts: Vec<Vec<u8>>,
    pub(super) trailers: Option<Headers>,
}

impl Run {
    pub(super) const fn has_trailers(&self) -> bool {
        self.trailers.is_some()
    }

    fn first(request: &Request) -> Self {
        let trailers = Some(request.trailers.clone()).filter(|trailers| !trailers.0.is_empty());
        let mut parts = request.parts();
        if request.streamed && trailers.is_none() && !parts.is_empty() {
            // The end of a body of unannounced length comes on its own, with nothing in it.
            parts.push(Vec::new());
        }
        Self { headers: arriving(request), parts, trailers }
    }
}

/// A request's headers as Envoy's connection manager hands them on: what only Envoy may say to
/// itself is removed, and what it adds is added.
fn arriving(request: &Request) -> Headers {
    let mut headers = Headers::default();
    headers.set(":method", request.method.as_bytes());
    headers.set(":path", request.path.clone());
    headers.set(":authority", "gateway.test");
    headers.set(":scheme", "http");
    let own = request.headers.0.iter().filter(|(name, _)| !name.starts_with("x-envoy-"));
    headers.0.extend(own.cloned());
    headers.set("x-forwarded-proto", "http");
    headers.set("x-request-id", "a-request-id");
    if request.streamed {
        headers.set("transfer-encoding", "chunked");
    } else if !request.body.is_empty() {
        headers.set("content-length", request.body.len().to_string());
    }
    headers
}

/// Envoy's own answer to a body that is longer than it may hold.
fn too_long() -> Answer {
    Answer::json(413, r#"{"error":{"message":"Envoy's","code":"request_too_large"}}"#)
}

/// Envoy's own answer where no backend gave one; its text is configured elsewhere.
fn local_reply(status: u16) -> Answer {
    let body = r#"{"error":{"message":"Envoy's","type":"server_error","code":"local_reply"}}"#;
    let reply = Answer::json(status, body);
    Answer { headers: with_status(&reply), ..reply }
}

/// The header of an answer that asks for another attempt.
pub(super) const RETRY: &str = "x-spillway-retry";
const MAX_RETRIES: &str = "x-envoy-max-retries";

/// What the route removes from requests (`request_headers_to_remove`).
const REMOVED: [&str; 3] = ["x-envoy-original-url", "x-forwarded-for", RETRY];

/// Also removed, unless the request may come back: it would find no route.
const FORWARDED_PROTO: &str = "x-forwarded-proto";
