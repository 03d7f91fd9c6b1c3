//! Each time-out has a name in the configuration, and an error of its own.

use std::net::SocketAddr;

use spillway_integration::{Call, Gateway, key_of, region, story};
use spillway_simulator::{Fault, Stall};
use tokio::net::{TcpSocket, TcpStream};

/// An address that takes connections and never accepts them: its queue is full.
struct Full {
    at: SocketAddr,
    _listener: tokio::net::TcpListener,
    _queue: Vec<TcpStream>,
}

impl Full {
    async fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        let listener = socket.listen(1).expect("a listener");
        let at = listener.local_addr().expect("an address");
        let mut queue = Vec::new();
        // The last one is not taken any more.
        while let Ok(stream) = tokio::time::timeout(SOON, TcpStream::connect(at)).await {
            queue.push(stream.expect("a connection"));
        }
        Self { at, _listener: listener, _queue: queue }
    }
}

#[tokio::test]
async fn each_time_out_answers_with_its_own_error() {
    let eastus = region("eastus").await;
    eastus.script(Fault::stall(Stall::BeforeHeaders).forever());
    let full = Full::new().await;
    let config = format!(
        "
backends:
  eastus: {{ url: '{}', api_key: '${{KEY}}' }}
  full: {{ url: 'http://{}' }}
circuit_breaker: {{ failures: 1000 }}
timeouts: {{ connect: 300ms, stream_idle: 900ms }}
models:
  connect: {{ pool: [full] }}
  first-byte: {{ pool: [eastus], timeouts: {{ first_byte: 300ms }} }}
  per-try: {{ pool: [eastus], timeouts: {{ per_try: 300ms }} }}
  stream-idle: {{ pool: [eastus] }}
  request: {{ pool: [eastus], timeouts: {{ request: 300ms }} }}
",
        eastus.url(),
        full.at
    );
    let key = ("KEY".to_owned(), key_of("eastus"));
    let gateway = Gateway::of(config, vec![key]).start().await;
    for (model, status, code) in [
        ("connect", 503, "connect_timeout"),
        ("first-byte", 504, "first_byte_timeout"),
        ("per-try", 504, "per_try_timeout"),
        ("stream-idle", 504, "stream_idle_timeout"),
        ("request", 504, "request_timeout"),
    ] {
        let answer = gateway.send(&Call::chat(model)).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, error["code"].as_str()), (status, Some(code)), "{model}");
        let setting = model.replace('-', "_");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(&format!("`timeouts.{setting}`")), "{message}");
        assert_eq!(answer.header("content-type"), "application/json");
    }
}

#[tokio::test]
async fn a_connection_that_takes_too_long_fails_over() {
    let westus = region("westus").await;
    let full = Full::new().await;
    let config = format!(
        "
backends:
  full: {{ url: 'http://{}', connect_timeout: 300ms }}
  westus: {{ url: '{}', api_key: '${{KEY}}' }}
models: {{ m: {{ pool: [{{ backend: full }}, {{ backend: westus, priority: 2 }}] }} }}
",
        full.at,
        westus.url()
    );
    let key = ("KEY".to_owned(), key_of("westus"));
    let gateway = Gateway::of(config, vec![key]).start().await;
    for attempts in ["2", "2", "2", "1"] {
        let answer = gateway.send(&Call::chat("m")).await.ok();
        assert_eq!((answer.backend(), answer.header("x-spillway-attempts")), ("westus", attempts));
    }
    assert_eq!(story([&westus]), [4]);
}

const SOON: std::time::Duration = std::time::Duration::from_millis(200);
