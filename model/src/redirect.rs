//! Internal redirect: the router drops an answer and runs the request through all filters again.

use crate::http::{Answer, Headers};
use crate::run::Run;
use crate::{Envoy, Runtime, Stream};

/// The one status that the route follows (`redirect_response_codes`).
const FOLLOWED: &str = "307";

impl<R: Runtime> Envoy<R> {
    /// The next run, where the router follows this answer: it does not ask who gave it.
    pub(super) fn follow(&self, answer: &Answer, asked: &Headers, run: &Run) -> Option<Run> {
        if !self.failover.redirects() || answer.headers.text(":status")? != FOLLOWED {
            return None;
        }
        let location = answer.headers.text("location")?;
        let (scheme, rest) = location.split_once("://").expect("an absolute location");
        let (host, path) = rest.split_at(rest.find('/').expect("a path"));
        assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{location:?} is no URL");
        let mut headers = asked.clone();
        let text = |name| asked.text(name).unwrap_or_default();
        let last = format!("http://{}{}", text(":authority"), text(":path"));
        headers.set("x-envoy-original-url", last);
        headers.set(":scheme", scheme.as_bytes());
        headers.set(":authority", host.as_bytes());
        headers.set(":path", path.as_bytes());
        // The body comes in one piece, and trailers are lost.
        let body = run.parts.concat();
        let parts = if body.is_empty() { vec![] } else { vec![body] };
        Some(Run { headers, parts, trailers: None })
    }
}

impl Stream {
    /// What is left for the next run: what was declared to last as long as the request.
    pub(super) fn redirected(self) -> Self {
        let Self { mut filter_state, lasting, .. } = self;
        filter_state.retain(|name, _| lasting.contains(name));
        Self { filter_state, lasting, ..Self::default() }
    }
}
