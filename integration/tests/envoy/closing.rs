//! Servers that close their connections as real ones do, each alone in its pool: what is lost on the way
//! is sent again, and no client notices.

use std::path::Path;
use std::time::Duration;

use spillway_integration::{Authority, Call, Gateway, Nginx, time_passes};
use tokio::task::JoinSet;

const REQUESTS: usize = 1000;

/// Between two requests of a client, around what the server waits before it closes.
const PAUSES: [u64; 5] = [480, 495, 500, 505, 520];

/// A gateway before one backend.
async fn before(backend: &str) -> Gateway {
    let config = format!(
        "backends: {{ only: {{ {backend}, api_key: '${{KEY}}' }} }}\n\
         models: {{ gpt-4o-mini: {{ pool: [only] }} }}\n"
    );
    Gateway::of(config, vec![("KEY".to_owned(), "key-of-only".to_owned())]).start().await
}

/// All clients send all of their requests, and each is answered by the first and only attempt that
/// counts.
async fn everyone_is_answered(gateway: &Gateway, clients: usize, pauses: &'static [u64]) {
    let each = REQUESTS / clients;
    let mut sending = JoinSet::new();
    for number in 0..clients {
        let client = gateway.client();
        sending.spawn(async move {
            for round in 0..each {
                let answer = client.send(&Call::chat("gpt-4o-mini").another()).await;
                assert_eq!(answer.status, 200, "{}", answer.text());
                if let Some(pause) = pauses.get((number + round) % pauses.len().max(1)) {
                    time_passes(Duration::from_millis(*pause)).await;
                }
            }
        });
    }
    sending.join_all().await;
    let metrics = gateway.metrics().await;
    assert_eq!(metrics.sum("spillway_breaker_openings_total", &[]), 0.0);
    assert_eq!(metrics.sum("spillway_failovers_total", &[]), 0.0);
}

/// What Envoy has counted of the backend.
async fn counted(gateway: &Gateway, what: &str) -> u64 {
    let stats = gateway.admin(&format!("/stats?filter=^cluster.only.{what}$")).await;
    stats.trim().rsplit_once(": ").and_then(|(_, number)| number.parse().ok()).expect("a number")
}

#[tokio::test]
async fn a_server_that_closes_idle_connections_after_half_a_second_loses_no_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let nginx = Nginx::start(folder.path(), IDLE).await;
    let gateway = before(&format!("url: 'http://{}'", nginx.at)).await;
    everyone_is_answered(&gateway, 40, &PAUSES).await;
    let connections = counted(&gateway, "upstream_cx_total").await;
    assert!(connections > 40, "{connections} connections: some were closed");
}

#[tokio::test]
async fn an_http2_server_that_says_goaway_after_ten_requests_loses_none() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().expect("a folder");
    let certificate = authority.certificate("localhost");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    };
    let (chain, key) =
        (write("chain.pem", &certificate.certificates_pem), write("key.pem", &certificate.key_pem));
    let text = |path: &Path| path.to_str().expect("text").to_owned();
    let http = GOES_AWAY.replace("CHAIN", &text(&chain)).replace("KEY", &text(&key));
    let nginx = Nginx::start(folder.path(), &http).await;
    let (port, ca) = (nginx.at.port(), authority.ca_file());
    let url = format!("url: 'https://localhost:{port}', ca_file: '{}'", ca.display());
    let gateway = before(&url).await;
    // As many at once as one connection takes: whoever is refused is taken by the next.
    everyone_is_answered(&gateway, 8, &[]).await;
    assert!(counted(&gateway, "upstream_rq_retry").await > 0, "some streams were refused");
}

/// An answer that is a chat's as far as it matters here.
const IDLE: &str = r#"
    keepalive_timeout 500ms;
    keepalive_requests 1000000;
    server {
        listen LISTEN;
        default_type application/json;
        location / { return 200 '{"object":"chat.completion","choices":[]}'; }
    }
"#;

const GOES_AWAY: &str = r#"
    keepalive_requests 10;
    server {
        listen LISTEN ssl http2;
        ssl_certificate CHAIN;
        ssl_certificate_key KEY;
        default_type application/json;
        location / { return 200 '{"object":"chat.completion","choices":[]}'; }
    }
"#;
