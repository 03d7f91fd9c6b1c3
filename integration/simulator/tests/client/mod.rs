//! A small HTTP client: one connection per request, nothing retried, nothing hidden.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of tests, outside of a test function"
)]

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use spillway_simulator::Region;
use tokio::net::TcpStream;

pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

pub(crate) const KEY: &str = "key-of-the-region";
pub(crate) const MODEL: &str = "gpt-4o-mini";

/// An answer whose body may have broken off.
pub(crate) struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub broken: Option<Error>,
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The JSON of each event but `[DONE]`.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.text()
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .filter(|data| *data != "[DONE]")
            .map(|data| serde_json::from_str(data).unwrap())
            .collect()
    }
}

/// A request with the right key.
pub(crate) fn request(method: Method, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(format!("http://simulator{path}"))
        .header("api-key", KEY)
        .header("host", "simulator")
        .body(Full::new(body.into()))
        .unwrap()
}

pub(crate) fn chat(extra: Value) -> Request<Full<Bytes>> {
    chat_with(MODEL, extra)
}

pub(crate) fn chat_with(deployment: &str, extra: Value) -> Request<Full<Bytes>> {
    let mut body = json!({ "messages": [{ "role": "user", "content": "Hello?" }] });
    for (name, value) in extra.as_object().unwrap() {
        body[name] = value.clone();
    }
    let path = format!("/openai/deployments/{deployment}/chat/completions?api-version=2024-10-21");
    request(Method::POST, &path, body.to_string())
}

pub(crate) fn response(body: Value) -> Request<Full<Bytes>> {
    request(Method::POST, "/openai/v1/responses", body.to_string())
}

/// Sends over HTTP/1.1.
pub(crate) async fn send(
    region: &Region,
    mut request: Request<Full<Bytes>>,
) -> Result<Reply, Error> {
    let path = request.uri().path_and_query().unwrap().to_string();
    *request.uri_mut() = path.parse()?;
    let stream = TcpStream::connect(region.addr()).await?;
    let (mut sender, connection) =
        http1::Builder::new().max_headers(2_000).handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    reply(sender.send_request(request).await?).await
}

/// Sends over HTTP/2, known beforehand.
pub(crate) async fn send_h2(
    region: &Region,
    request: Request<Full<Bytes>>,
) -> Result<Reply, Error> {
    let stream = TcpStream::connect(region.addr()).await?;
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    reply(sender.send_request(request).await?).await
}

async fn reply(response: hyper::Response<hyper::body::Incoming>) -> Result<Reply, Error> {
    let (head, mut incoming) = response.into_parts();
    let mut body = Vec::new();
    let mut broken = None;
    while let Some(frame) = incoming.frame().await {
        match frame {
            Ok(frame) => body.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new())),
            Err(error) => {
                broken = Some(error.into());
                break;
            }
        }
    }
    Ok(Reply { status: head.status, headers: head.headers, body: body.into(), broken })
}
