//! A request's run through all filters: the client's own, or that of a redirect.

use crate::http::{Headers, Request};

/// A request on its way through all filters: the client's, or that of a redirect.
#[derive(Debug, Clone, Default)]
pub(crate) struct Run {
    pub(super) headers: Headers,
    pub(super) parts: Vec<Vec<u8>>,
    pub(super) trailers: Option<Headers>,
}

impl Run {
    pub(super) const fn has_trailers(&self) -> bool {
        self.trailers.is_some()
    }

    pub(super) fn first(request: &Request) -> Self {
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
