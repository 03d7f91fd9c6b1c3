//! The backend that every gateway stands before: instant, and always the same bytes.
//!
//! A simulated region would cost more CPU than the gateways that are measured. This one reads the
//! request, says what was prepared, and counts. Each port is a backend of its own, so that the
//! count of requests that reached a throttled one can be read from it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::channel::Channel;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::net::TcpListener;

use crate::clock;

/// A backend on a port of its own.
#[derive(Debug)]
pub(crate) struct Backend {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    asked: Arc<AtomicU64>,
}

impl Backend {
    /// Starts one on the runtime of the caller; it ends with that runtime.
    pub(crate) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let asked = Arc::new(AtomicU64::new(0));
        let counter = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                _ = stream.set_nodelay(true);
                let counter = counter.clone();
                let service = service_fn(move |request| answer(request, counter.clone()));
                tokio::spawn(async move {
                    let server = hyper::server::conn::http1::Builder::new();
                    // A gateway that hangs up is not the backend's concern.
                    _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { address, asked })
    }

    /// How many requests have reached it.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

type Body = BoxBody<Bytes, Infallible>;

async fn answer(
    request: Request<Incoming>,
    asked: Arc<AtomicU64>,
) -> Result<Response<Body>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    asked.fetch_add(1, Ordering::Relaxed);
    let says = |words: &[u8]| memmem::find(&body, words).is_some();
    Ok(if says(b"\"stream\":true") { stream(says(b"\"include_usage\":true")) } else { json(CHAT) })
}

fn json(text: &'static str) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())).boxed());
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    response
}

/// [`CHUNKS`] chunks, one each [`PACE`]: each says when it was sent.
fn stream(with_usage: bool) -> Response<Body> {
    let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
    tokio::spawn(async move {
        let mut pace = tokio::time::interval(PACE);
        for _ in 0..CHUNKS {
            pace.tick().await;
            if sender.send_data(chunk(with_usage)).await.is_err() {
                return;
            }
        }
        let usage = if with_usage { USAGE_CHUNK } else { "" };
        _ = sender.send_data(Bytes::from(format!("{usage}data: [DONE]\n\n"))).await;
    });
    let mut response = Response::new(body.boxed());
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("text/event-stream"));
    response
}

fn chunk(with_usage: bool) -> Bytes {
    let usage = if with_usage { ",\"usage\":null" } else { "" };
    Bytes::from(format!(
        "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1750000000,\
         \"model\":\"gpt-4o\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{SENT}{}\"}},\
         \"logprobs\":null,\"finish_reason\":null}}]{usage}}}\n\n",
        clock::now().as_nanos()
    ))
}

/// Chunks of a stream, without its end.
pub(crate) const CHUNKS: usize = 500;

/// Between two chunks: a fast model's pace for each of a gateway's streams.
const PACE: Duration = Duration::from_millis(2);

/// Stands before the time at which a chunk was sent, in nanoseconds of [`clock::now`].
pub(crate) const SENT: &str = "sent at ";

/// Stands in every answer, whatever a gateway makes of the rest.
pub(crate) const MARK: &str = "Paris, on the Seine";

const CHAT: &str = concat!(
    r#"{"id":"chatcmpl-bench","object":"chat.completion","created":1750000000,"#,
    r#""model":"gpt-4o-2024-11-20","system_fingerprint":"fp_b705f0c291","choices":[{"index":0,"#,
    r#""message":{"role":"assistant","content":"The capital of France is Paris, on the Seine.","#,
    r#""refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"#,
    r#""usage":{"prompt_tokens":214,"completion_tokens":11,"total_tokens":225,"#,
    r#""prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"#,
    r#""completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"#,
    r#""accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}"#
);

const USAGE_CHUNK: &str = concat!(
    r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1750000000,"#,
    r#""model":"gpt-4o","choices":[],"usage":{"prompt_tokens":214,"completion_tokens":500,"#,
    r#""total_tokens":714}}"#,
    "\n\n"
);
