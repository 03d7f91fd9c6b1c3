//! What callbacks are given: headers that mean something, with any values, and configurations.

use std::sync::LazyLock;

use serde_json::Value;
use spillway_model::http::Headers;
use spillway_stories::story::read_config;

fn config(text: &str) -> Value {
    read_config(text, |backend| format!("http://{backend}.test"))
}

/// A request's headers.
pub(super) fn request_headers(path: u8, length: Option<&[u8]>, cookie: Option<&[u8]>) -> Headers {
    let mut headers = Headers::default();
    headers.add(":method", "POST");
    headers.add(":path", PATHS[usize::from(path) % PATHS.len()]);
    headers.add(":authority", "gateway.test");
    headers.add(":scheme", "http");
    headers.add("content-type", "application/json");
    for (name, value) in [("content-length", length), ("cookie", cookie)] {
        if let Some(value) = value {
            headers.add(name, possible(value));
        }
    }
    headers
}

/// An answer's.
pub(super) fn response_headers(status: u16, kind: u8, header: u8, value: &[u8]) -> Headers {
    let mut headers = Headers::default();
    headers.add(":status", status.to_string());
    headers.add("content-type", KINDS[usize::from(kind) % KINDS.len()]);
    headers.add(HEADERS[usize::from(header) % HEADERS.len()], possible(value));
    headers
}

/// Trailers of either.
pub(super) fn trailers(value: &[u8]) -> Headers {
    let mut headers = Headers::default();
    headers.add("x-trailer", possible(value));
    headers
}

/// The value without what no header can hold.
fn possible(value: &[u8]) -> Vec<u8> {
    value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)).collect()
}

const PATHS: [&str; 5] = [
    "/openai/deployments/gpt-4o/chat/completions?api-version=1",
    "/openai/deployments/counted/chat/completions",
    "/openai/deployments/gpt-4o/embeddings",
    "/openai/responses",
    "/?",
];

const KINDS: [&str; 4] = ["application/json", "text/event-stream", "audio/mpeg", ""];

const HEADERS: [&str; 6] = [
    "retry-after",
    "retry-after-ms",
    "x-ratelimit-remaining-tokens",
    "location",
    "content-encoding",
    "x-ms-region",
];

/// What the worker begins with. One backend is in no pool.
pub(super) static CONFIG: LazyLock<Value> = LazyLock::new(|| {
    config(
        "
backends:
  eastus: { url: '{eastus}', api_key: '${EASTUS_KEY}' }
  westus: { url: '{westus}', bearer_token: '${WESTUS_KEY}', deployments: { gpt-4o: other } }
  uksouth: { url: '{uksouth}' }
  sweden: { url: '{sweden}' }
models:
  gpt-4o:
    pool: [eastus, westus, { backend: uksouth, priority: 2 }]
    session_affinity: true
    headroom: true
  counted:
    pool: [eastus, westus]
    session_affinity: { mode: require }
    circuit_breaker: { failure_ratio: 50%, minimum_requests: 2 }
    retry: { budget: 0% }",
    )
});

/// Little may be held, and one model is gone.
pub(super) static SMALL: LazyLock<Value> = LazyLock::new(|| {
    config(
        "
max_request_body: 4096
max_held_bodies: 8192
backends:
  eastus: { url: '{eastus}', api_key: '${EASTUS_KEY}' }
  westus: { url: '{westus}', bearer_token: '${WESTUS_KEY}' }
  uksouth: { url: '{uksouth}' }
models:
  gpt-4o: { pool: [uksouth, eastus, westus], session_affinity: true }",
    )
});
