//! The backend that every gateway stands before: instant, and always the same bytes.
//!
//! A simulated region would cost more CPU than the gateways that are measured. This one reads the
//! request, says what was prepared, and counts. Each port is a backend of its own, so that the
//! count of requests that reached a throttled one can be read from it.

mod answers;
mod throttle;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::net::TcpListener;

use crate::clock;
use crate::work::First;
use answers::Body;
pub(crate) use answers::{CHUNKS, MARK, PACE, SENT};
use throttle::Throttle;
pub(crate) use throttle::{ON_THEIR_WAY, Throttled};

/// A backend on a port of its own.
#[derive(Debug)]
pub(crate) struct Backend {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    asked: AtomicU64,
    throttle: Option<Throttle>,
}

impl Backend {
    /// Starts one on the runtime of the caller; it ends with that runtime.
    pub(crate) async fn start(says: First) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let throttle = match says {
            First::Serves => None,
            First::Throttles(milliseconds) => Some(Throttle::announcing(milliseconds)),
        };
        let shared = Arc::new(Shared { asked: AtomicU64::new(0), throttle });
        let state = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                _ = stream.set_nodelay(true);
                let state = state.clone();
                let service = service_fn(move |request| answer(request, state.clone()));
                tokio::spawn(async move {
                    let server = hyper::server::conn::http1::Builder::new();
                    // A gateway that hangs up is not the backend's concern.
                    _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { address, shared })
    }

    /// How many requests have reached it.
    pub(crate) fn asked(&self) -> u64 {
        self.shared.asked.load(Ordering::Relaxed)
    }

    /// What came while it was throttled since this was last asked; nothing of one that serves.
    pub(crate) fn throttled(&self) -> Option<Throttled> {
        self.shared.throttle.as_ref().map(Throttle::take)
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Body>, hyper::Error> {
    let responses = request.uri().path().ends_with("/responses");
    let body = request.into_body().collect().await?.to_bytes();
    shared.asked.fetch_add(1, Ordering::Relaxed);
    if let Some(throttle) = &shared.throttle {
        return Ok(answers::too_many(throttle.asked(clock::now())));
    }
    let says = |words: &[u8]| memmem::find(&body, words).is_some();
    Ok(match (responses, says(b"\"stream\":true")) {
        (false, true) => answers::stream(says(b"\"include_usage\":true")),
        (false, false) => answers::chat(),
        (true, _) => answers::response(),
    })
}
