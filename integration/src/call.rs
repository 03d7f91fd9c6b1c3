//! One request and its answer, over HTTP/1.1 or HTTP/2.
//!
//! A [`Client`] keeps its connection, as SDKs do; requests of one client that follow each other
//! therefore meet the same worker.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// A request, before it is sent.
#[derive(Debug, Clone)]
pub struct Call {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

/// Sends requests to one gateway.
#[derive(Debug, Clone)]
pub struct Client {
    to: SocketAddr,
    inner: legacy::Client<HttpConnector, Full<Bytes>>,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Call {
    /// The labs' chat, with the deployment in the path and no `model` in the body.
    pub fn chat(deployment: &str) -> Self {
        let path = format!("/openai/deployments/{deployment}/chat/completions?{API_VERSION}");
        Self::post(&path, &messages())
    }

    /// The same as an event stream.
    pub fn streamed_chat(deployment: &str) -> Self {
        let path = format!("/openai/deployments/{deployment}/chat/completions?{API_VERSION}");
        let mut body = messages();
        body["stream"] = json!(true);
        Self::post(&path, &body)
    }

    /// A chat that names its model in the body, on Azure's v1 surface.
    pub fn v1_chat(model: &str) -> Self {
        let mut body = messages();
        body["model"] = json!(model);
        Self::post("/openai/v1/chat/completions", &body)
    }

    /// A Responses request.
    pub fn response(model: &str) -> Self {
        let body = json!({ "model": model, "input": "Explain photosynthesis in simple terms" });
        Self::post(&format!("/openai/responses?{API_VERSION}"), &body)
    }

    /// The same as an event stream.
    pub fn streamed_response(model: &str) -> Self {
        let body = json!({ "model": model, "input": "Explain photosynthesis", "stream": true });
        Self::post(&format!("/openai/responses?{API_VERSION}"), &body)
    }

    /// `POST path` with this JSON.
    pub fn post(path: &str, body: &Value) -> Self {
        Self::post_bytes(path, "application/json", body.to_string())
    }

    /// `POST path` with these bytes.
    pub fn post_bytes(path: &str, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { method: Method::POST, body: body.into(), ..Self::get(path) }
            .header("content-type", content_type)
    }

    /// `GET path`.
    pub fn get(path: &str) -> Self {
        let path = path.to_owned();
        Self { method: Method::GET, path, headers: Vec::new(), body: Bytes::new() }
    }

    /// The same from another end user, so that it is not the same request again: what a circuit
    /// hears of a request it hears once.
    ///
    /// # Panics
    ///
    /// If its body is no JSON object.
    #[must_use]
    pub fn another(&self) -> Self {
        static USERS: AtomicUsize = AtomicUsize::new(0);
        let mut body: Value = serde_json::from_slice(&self.body).expect("a body of JSON");
        body["user"] = json!(format!("user-{}", USERS.fetch_add(1, Ordering::Relaxed)));
        Self { body: body.to_string().into(), ..self.clone() }
    }

    /// The same with one header more; its value may be any bytes that HTTP allows.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        self.headers.push((name, HeaderValue::from_bytes(value.as_ref()).expect("a value")));
        self
    }

    /// The same below another path.
    #[must_use]
    pub fn below(self, prefix: &str) -> Self {
        Self { path: format!("{prefix}{}", self.path), ..self }
    }

    /// The same with this at the end of its query, which it has.
    #[must_use]
    pub fn with_query(self, pair: &str) -> Self {
        Self { path: format!("{}&{pair}", self.path), ..self }
    }

    /// The same by another method.
    #[must_use]
    pub fn by(self, method: &str) -> Self {
        Self { method: method.parse().expect("a method"), ..self }
    }

    /// The bytes of the body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The path with its query.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl Client {
    /// Speaks HTTP/1.1 on one connection that is kept.
    pub fn at(to: SocketAddr) -> Self {
        Self::new(to, false)
    }

    /// Speaks HTTP/2 without TLS.
    pub fn http2_at(to: SocketAddr) -> Self {
        Self::new(to, true)
    }

    fn new(to: SocketAddr, http2: bool) -> Self {
        let inner = legacy::Client::builder(TokioExecutor::new())
            .http2_only(http2)
            .http2_max_header_list_size(1 << 20)
            .http1_max_headers(1000)
            .pool_max_idle_per_host(1)
            // A request must not be repeated behind the test's back.
            .retry_canceled_requests(false)
            .build_http();
        Self { to, inner }
    }

    /// Sends a request and reads the whole answer; fails the test where none comes.
    pub async fn send(&self, call: &Call) -> Answer {
        match self.try_send(call).await {
            Ok(answer) => answer,
            Err(error) => panic!("{} {} got no answer: {error}", call.method, call.path),
        }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// What went wrong, in one line.
    pub async fn try_send(&self, call: &Call) -> Result<Answer, String> {
        let (head, body) = self.open(call).await?.into_parts();
        let body = body.collect().await.map_err(|error| format!("in the body: {error:?}"))?;
        let status = head.status.as_u16();
        Ok(Answer { status, headers: head.headers, body: body.to_bytes() })
    }

    /// Sends a request and reads the answer's head; the body is left to the caller.
    ///
    /// # Errors
    /// What went wrong, in one line.
    pub async fn open(&self, call: &Call) -> Result<Response<Incoming>, String> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("http://{}{}", self.to, call.path));
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(call.body.clone())).map_err(|e| e.to_string())?;
        self.inner.request(request).await.map_err(|error| format!("{error:?}"))
    }
}

impl Answer {
    /// A header as text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The backend that answered, as the gateway says.
    pub fn backend(&self) -> &str {
        self.header("x-spillway-backend")
    }

    /// The answer itself, if it is a success; fails the test otherwise.
    #[must_use]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.text());
        self
    }
}

fn messages() -> Value {
    json!({ "messages": [
        { "role": "system", "content": "You are a sarcastic, unhelpful assistant." },
        { "role": "user", "content": "Can you tell me the time, please?" },
    ]})
}

const API_VERSION: &str = "api-version=2025-03-01-preview";
