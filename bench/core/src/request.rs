//! A request that is played through the filters as Envoy calls them, on the host in memory.
//!
//! The worker has served before: its metrics are defined, as those of a worker are that has run for
//! a second. What Envoy itself would do is done beforehand, or not at all: headers and parts of bodies
//! are made with the request, and handed over when it is their turn.

use std::collections::BTreeMap;
use std::rc::Rc;

use spillway::breaker::store::{self, BreakerStore};
use spillway::config::Id;
use spillway::exchange::effect::{LogField, RETRY};
use spillway::filter::{Action, Call, Filter, Worker};
use spillway::gateway::Gateway;
use spillway::host::{Body, StreamId};
use spillway_model::http::Headers;
use spillway_model::{Draw, Memory, Place, Plugins, Shared, Stream};

use crate::given::{self, ANSWER, NOW, body, secret};

/// One request at a worker of a gateway.
pub struct Request {
    host: Memory,
    worker: Worker,
    plugins: Plugins,
    downstream: Filter,
    headers: Headers,
    body: Vec<u8>,
    answers: Answers,
    /// The parts of a stream that answers it.
    parts: Vec<Vec<u8>>,
    streams: u32,
}

/// What backends answer, made ready.
#[derive(Clone)]
struct Answers {
    good: Headers,
    body: Vec<u8>,
    streamed: Headers,
    throttled: Headers,
}

impl Request {
    /// A chat request of 1 KB that has not arrived yet, and the circuits that it finds.
    pub fn of(gateway: &Rc<Gateway>, store: &BreakerStore) -> Self {
        let shared = Shared::default();
        shared.borrow_mut().draw = Draw::always(500);
        let host = Memory::new(given::clock(), shared.clone(), BTreeMap::new());
        let mut worker = Worker::new(&host);
        let mut call = Call { worker: &mut worker, host: &host };
        let plugins = Plugins::serving(gateway, &mut call);
        let first = StreamId(1);
        let downstream = plugins.filter(Place::Downstream, first, &mut call).expect("configured");
        let (body, parts, answers) = (body(1000, true), Vec::new(), Answers::new());
        let headers = asking(CHAT, body.len());
        let mut request =
            Self { host, worker, plugins, downstream, headers, body, answers, parts, streams: 1 };
        for _ in 0..SERVED_BEFORE {
            request.serves_one_before();
            shared.borrow_mut().set(store::KEY, &BreakerStore::default().encode(NOW), 0);
        }
        shared.borrow_mut().set(store::KEY, &store.encode(NOW), 0);
        request
    }

    /// The same, for a stream and of this length, whose body alone names the model; as the SDKs write
    /// it, the model comes last.
    #[must_use]
    pub fn by_its_body(mut self, length: usize) -> Self {
        self.body = body(length, false);
        self.headers = asking("/openai/v1/chat/completions", self.body.len());
        self
    }

    /// The same for embeddings, of a model that the path names: it waits for nothing.
    #[must_use]
    pub fn for_embeddings(mut self) -> Self {
        let path = "/openai/deployments/gpt-4o/embeddings?api-version=2024-10-21";
        self.headers.set(":path", path);
        self
    }

    /// The same from a client that has been here before: its cookie names this member.
    #[must_use]
    pub fn pinned_to(mut self, member: usize) -> Self {
        let gateway = self.worker.newest().expect("configured").gateway();
        let tag = gateway
            .route(Id::at(0))
            .and_then(|route| route.tags.issue(member, b""))
            .expect("a tag");
        self.headers.set("cookie", format!("theme=dark; Spillway-Affinity={tag}"));
        self
    }

    /// The same, answered by a stream of this many words.
    #[must_use]
    pub fn streamed(mut self, words: usize) -> Self {
        self.parts = given::stream(words);
        self
    }

    /// It arrives, and its first attempt starts: its second backend is known too.
    pub fn arrives_and_starts(&mut self) -> Filter {
        self.arrives();
        self.starts()
    }

    /// It arrives and its body is there. It has its backend.
    pub fn asks(&mut self) {
        self.arrives();
        let size = self.body.len();
        self.host.stream().request_body = Some(std::mem::take(&mut self.body));
        let action = self.downstream(|filter, call| filter.on_request_body(size, true, call));
        assert_eq!(action, Action::Continue, "it goes on");
    }

    /// The first backend answers, and the client has it all.
    pub fn is_answered(&mut self) {
        let mut attempt = self.attempts();
        let Answers { good, body, .. } = &mut self.answers;
        let (headers, body) = (std::mem::take(good), std::mem::take(body));
        self.answers_with(headers, &mut attempt);
        self.host.stream().response_body = Some(body);
        let action = self.response_body(true, &mut attempt);
        assert_eq!(action, Action::Continue, "it passes");
        self.ends(attempt);
        self.is_over();
    }

    /// The backend is at its limit, and says for how long.
    pub fn is_throttled(&mut self) {
        let mut attempt = self.attempts();
        let headers = std::mem::take(&mut self.answers.throttled);
        self.answers_with(headers, &mut attempt);
        let marked =
            self.host.stream().response.as_ref().is_some_and(|all| all.get(RETRY).is_some());
        assert!(marked, "another backend is asked");
        self.ends(attempt);
    }

    /// The backend begins a stream.
    pub fn begins_to_stream(&mut self) -> Filter {
        let mut attempt = self.attempts();
        let headers = std::mem::take(&mut self.answers.streamed);
        let action = self.answers_with(headers, &mut attempt);
        assert_eq!(action, Action::Pause, "it is held until its first event is there");
        attempt
    }

    /// All parts of the stream pass.
    pub fn streams(&mut self, attempt: &mut Filter) {
        let parts = std::mem::take(&mut self.parts);
        let last = parts.len();
        for (at, part) in parts.into_iter().enumerate() {
            self.host.stream().response_body = Some(part);
            let action = self.response_body(at + 1 == last, attempt);
            assert_eq!(action, Action::Continue, "every part is an event");
        }
    }

    /// An attempt is over.
    pub fn ends(&mut self, mut attempt: Filter) {
        let mut call = Call { worker: &mut self.worker, host: &self.host };
        attempt.on_done(&mut call);
        attempt.on_delete(&mut call);
    }

    /// The answer leaves, and that was it.
    pub fn is_over(&mut self) {
        let size = self.there(Body::Response);
        self.downstream(|filter, call| filter.on_response_headers(false, call));
        self.downstream(|filter, call| filter.on_response_body(size, true, call));
        self.downstream(Filter::on_log);
        self.downstream(Filter::on_delete);
    }

    /// The tokens that the access log has, so that a benchmark can check that they were
    /// read.
    pub fn tokens(&self) -> Option<u64> {
        let stream = self.host.stream();
        let text = stream.filter_state.get(LogField::CompletionTokens.property())?;
        std::str::from_utf8(text).ok()?.parse().ok()
    }

    /// Another request, with its own headers and answers, has been and gone, over two backends.
    fn serves_one_before(&mut self) {
        let (headers, body) = (self.headers.clone(), self.body.clone());
        let answers = self.answers.clone();
        self.asks();
        self.is_throttled();
        self.is_answered();
        *self.host.stream() = Stream::default();
        self.streams += 1;
        let id = StreamId(self.streams);
        let mut call = Call { worker: &mut self.worker, host: &self.host };
        let next = self.plugins.filter(Place::Downstream, id, &mut call);
        self.downstream = next.expect("configured");
        (self.headers, self.body, self.answers) = (headers, body, answers);
    }

    fn arrives(&mut self) {
        self.host.stream().request = Some(std::mem::take(&mut self.headers));
        self.downstream(|filter, call| filter.on_request_headers(false, call));
        assert_eq!(self.host.stream().reply, None, "it is not refused");
    }

    /// An attempt starts: the request's headers pass.
    fn starts(&mut self) -> Filter {
        self.streams += 1;
        let id = StreamId(self.streams);
        let mut call = Call { worker: &mut self.worker, host: &self.host };
        let mut attempt = self.plugins.filter(Place::Upstream, id, &mut call).expect("configured");
        let action = attempt.on_request_headers(false, &mut call);
        assert_eq!(action, Action::Continue, "it goes on");
        attempt
    }

    /// The same, and the request's body passes.
    fn attempts(&mut self) -> Filter {
        let mut attempt = self.starts();
        let size = self.there(Body::Request);
        let mut call = Call { worker: &mut self.worker, host: &self.host };
        attempt.on_request_body(size, true, &mut call);
        attempt
    }

    fn answers_with(&mut self, headers: Headers, attempt: &mut Filter) -> Action {
        self.host.stream().response = Some(headers);
        let mut call = Call { worker: &mut self.worker, host: &self.host };
        attempt.on_response_headers(false, &mut call)
    }

    fn response_body(&mut self, end: bool, attempt: &mut Filter) -> Action {
        let size = self.there(Body::Response);
        let mut call = Call { worker: &mut self.worker, host: &self.host };
        attempt.on_response_body(size, end, &mut call)
    }

    fn downstream<R>(&mut self, on: impl FnOnce(&mut Filter, &mut Call<'_>) -> R) -> R {
        on(&mut self.downstream, &mut Call { worker: &mut self.worker, host: &self.host })
    }

    /// How much of a body is there.
    fn there(&self, body: Body) -> usize {
        self.host.stream().body(body).map_or(0, <[u8]>::len)
    }
}

impl Answers {
    fn new() -> Self {
        let answer = |status: u16, kind: &str| {
            let mut headers = Headers::default();
            headers.add(":status", status.to_string());
            headers.add("content-type", kind);
            headers
        };
        let mut throttled = answer(429, "application/json");
        throttled.add("retry-after", "20");
        Self {
            good: answer(200, "application/json"),
            body: ANSWER.to_vec(),
            streamed: answer(200, "text/event-stream; charset=utf-8"),
            throttled,
        }
    }
}

/// The headers of a request, as Envoy hands them on.
fn asking(path: &str, length: usize) -> Headers {
    let mut headers = Headers::default();
    headers.add(":method", "POST");
    headers.add(":path", path);
    headers.add(":authority", "gateway.test");
    headers.add(":scheme", "http");
    headers.add("content-type", "application/json");
    headers.add("content-length", length.to_string());
    headers.add("api-key", secret("KEY_2").unwrap_or_default());
    headers
}

/// Enough for each member of a small pool to have failed and answered: each has metrics of its own.
const SERVED_BEFORE: usize = 6;

const CHAT: &str = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21";
