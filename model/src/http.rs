//! Requests and answers as stories write them and read them.
//!
//! Everything is bytes: some stories are about bytes that are no text. Headers that a stage adds
//! by itself (a real Envoy adds `x-request-id` and more) are in the lists too; a story asks for
//! the ones that it means.

mod expect;

use std::time::Duration;

/// Headers or trailers, in their order; names in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, Vec<u8>)>);

impl Headers {
    /// The first value of this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_slice())
    }

    /// Every value of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_slice())
    }

    /// The first value of this name as text; where it is none, lossily.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// Replaces every value of this name by one.
    pub fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        match self.0.iter().position(|(own, _)| own == name) {
            Some(at) => {
                self.0[at].1 = value.into();
                let mut index = 0;
                self.0.retain(|(own, _)| {
                    index += 1;
                    index - 1 <= at || own != name
                });
            }
            None => self.add(name, value),
        }
    }

    /// Adds a value beside those that are there.
    pub fn add(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// Removes every value of this name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(own, _)| own != name);
    }
}

/// What a client sends.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: Vec<u8>,
    /// Its headers, without those that say how the body is sent.
    pub headers: Headers,
    /// The body; empty: none.
    pub body: Vec<u8>,
    /// Where the body is cut: every part is sent on its own.
    pub cuts: Vec<usize>,
    /// The length is not announced (`transfer-encoding: chunked`).
    pub streamed: bool,
    /// Trailers; with any, the length is not announced either.
    pub trailers: Headers,
}

impl Request {
    /// A request with a JSON body.
    pub fn post(path: impl Into<Vec<u8>>, body: impl Into<Vec<u8>>) -> Self {
        let request = Self { method: "POST".into(), ..Self::get(path) };
        Self { body: body.into(), ..request }.with("content-type", "application/json")
    }

    /// A request without a body.
    pub fn get(path: impl Into<Vec<u8>>) -> Self {
        Self { method: "GET".into(), path: path.into(), ..Self::default() }
    }

    /// The same with this header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.set(name, value);
        self
    }

    /// The same without this header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// The same without its body.
    #[must_use]
    pub fn without_body(mut self) -> Self {
        self.body.clear();
        self.without("content-type")
    }

    /// The same with its body sent in parts.
    #[must_use]
    pub fn cut_at(mut self, cuts: impl IntoIterator<Item = usize>) -> Self {
        self.cuts = cuts.into_iter().collect();
        self
    }

    /// The same without an announced length.
    #[must_use]
    pub fn streamed(mut self) -> Self {
        self.streamed = true;
        self
    }

    /// The same with a trailer after its body.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.trailers.add(name, value);
        self.streamed()
    }

    /// The body in the parts that it is sent in.
    pub fn parts(&self) -> Vec<Vec<u8>> {
        parts(&self.body, &self.cuts)
    }
}

/// What a backend answers, or what a client gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
    /// Where a backend cuts the body: every part is sent on its own.
    pub cuts: Vec<usize>,
    /// The connection was closed before the body's end.
    pub broken: bool,
    /// Trailers; with any, a backend does not announce the length.
    pub trailers: Headers,
}

impl Answer {
    /// The same as Envoy has it: its status stands in front of its headers.
    #[must_use]
    pub(crate) fn with_pseudo_header(mut self) -> Self {
        self.headers.0.insert(0, (":status".to_owned(), self.status.to_string().into_bytes()));
        self
    }

    /// An answer with a JSON body.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let answer = Self { status, body: body.into(), ..Self::default() };
        answer.with("content-type", "application/json")
    }

    /// A stream of events.
    pub fn events(body: impl Into<Vec<u8>>) -> Self {
        let answer = Self { status: 200, body: body.into(), ..Self::default() };
        answer.with("content-type", "text/event-stream; charset=utf-8")
    }

    /// The same with this header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.add(name, value);
        self
    }

    /// The same with its body sent in parts.
    #[must_use]
    pub fn cut_at(mut self, cuts: impl IntoIterator<Item = usize>) -> Self {
        self.cuts = cuts.into_iter().collect();
        self
    }

    /// The same with a trailer after its body.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.trailers.add(name, value);
        self
    }

    /// The body in the parts that it is sent in.
    pub fn parts(&self) -> Vec<Vec<u8>> {
        parts(&self.body, &self.cuts)
    }
}

/// What a backend does with a request.
#[derive(Debug, Clone)]
pub enum Reaction {
    /// It answers.
    Answer(Answer),
    /// It sends this much of a longer answer and closes the connection.
    Breaks(Answer),
    /// It sends this much of a longer answer and falls silent.
    Stalls(Answer),
    /// It takes so long, and then answers.
    Late(Answer, Duration),
    /// It reads the request and closes the connection.
    HangUp,
    /// The same, on a connection that has brought an answer before; or it ends the HTTP/2 stream there,
    /// without having processed it.
    Stale,
    /// It reads the request and never answers, until Envoy gives it up.
    Silence,
    /// The same, and Envoy has just given it up.
    GivenUp,
    /// It takes no connection.
    Unreachable,
}

impl From<Answer> for Reaction {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// What a backend received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: Vec<u8>,
    /// Its headers; the host stands under `host`.
    pub headers: Headers,
    /// The whole body.
    pub body: Vec<u8>,
    /// The trailers behind it.
    pub trailers: Headers,
}

/// What every backend answers while nothing else is scripted: which one it is, and which deployment
/// it was asked for, in the path or in the body.
pub fn healthy(backend: &str, received: &Received) -> Answer {
    let path = String::from_utf8_lossy(&received.path).into_owned();
    let in_path = path.split_once("/deployments/").and_then(|(_, rest)| rest.split('/').next());
    let body: serde_json::Value = serde_json::from_slice(&received.body).unwrap_or_default();
    let deployment = in_path.or(body["model"].as_str());
    let body = serde_json::json!({ "region": backend, "deployment": deployment });
    Answer::json(200, body.to_string()).with("x-ms-region", backend)
}

fn parts(body: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    let mut start = 0;
    for cut in cuts.iter().copied().chain([body.len()]).filter(|cut| *cut <= body.len()) {
        if cut > start {
            parts.push(body[start..cut].to_vec());
            start = cut;
        }
    }
    parts
}
