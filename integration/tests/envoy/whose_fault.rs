//! Connections and time-outs: what ends in time, and what is nobody's failure.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use spillway_integration::{Call, Gateway, key_of, region, story};
use spillway_simulator::{Fault, Stall};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Takes connections, and reads nothing from them.
async fn frozen() -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("an option");
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
    let listener = socket.listen(64).expect("a listener");
    let at = listener.local_addr().expect("an address");
    let taking = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(stream);
        }
    });
    (at, taking)
}

#[tokio::test]
async fn what_a_frozen_backend_does_not_read_fails_over_in_time() {
    let westus = region("westus").await;
    let (frozen, _taking) = frozen().await;
    let config = format!(
        "
backends:
  frozen: {{ url: 'http://{frozen}' }}
  westus: {{ url: '{}', api_key: '${{KEY}}' }}
circuit_breaker: {{ failures: 100 }}
timeouts: {{ first_byte: 1s }}
models: {{ m: {{ pool: [{{ backend: frozen }}, {{ backend: westus, priority: 2 }}] }} }}
",
        westus.url()
    );
    let gateway = Gateway::of(config, vec![("KEY".to_owned(), key_of("westus"))]).start().await;
    let embeds = "/openai/deployments/m/embeddings?api-version=2024-10-21";
    for (path, megabytes) in
        [(embeds, 0), (embeds, 2), (embeds, 8), ("/v1/embeddings", 8), ("/v1/responses", 8)]
    {
        let began = Instant::now();
        let body = format!(r#"{{"model":"m","input":"{}"}}"#, "x".repeat(megabytes << 20));
        let answer = gateway.send(&Call::post_bytes(path, "application/json", body)).await.ok();
        assert_eq!((answer.backend(), answer.header("x-spillway-attempts")), ("westus", "2"));
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{path}, {megabytes} MB: {:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn a_stream_that_is_older_than_first_byte_ends_when_it_falls_silent() {
    let eastus = region("eastus").await;
    let config = "
timeouts: { first_byte: 1500ms, stream_idle: 3s }
models: { gpt-4o-mini: { pool: [eastus] } }
";
    let gateway = Gateway::start(config, [&eastus]).await;
    eastus.script(Fault::stall(Stall::MidStream));
    let began = Instant::now();
    let call = Call::streamed_chat("gpt-4o-mini");
    let mut body = gateway.client().open(&call).await.expect("a head").into_body();
    let mut text = String::new();
    while let Some(Ok(frame)) = body.frame().await {
        text.push_str(&String::from_utf8_lossy(&frame.into_data().unwrap_or_default()));
    }
    assert!(text.contains("\"code\":\"stream_interrupted\""), "{text}");
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(3) && took < Duration::from_secs(9), "{took:?}");
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.ok().backend(), "eastus");
}

#[tokio::test]
async fn a_slow_upload_is_no_part_of_an_attempts_time() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let config = "
timeouts: { per_try: 500ms }
models: { gpt-4o-mini: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] } }
";
    let gateway = Gateway::start(config, [&eastus, &westus]).await;
    let slow = async |path: &str, body: &str, chunked: bool| {
        let mut stream = TcpStream::connect(gateway.at).await.expect("a connection");
        let length = match chunked {
            true => "transfer-encoding: chunked".to_owned(),
            false => format!("content-length: {}", body.len()),
        };
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             connection: close\r\n{length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        for part in body.as_bytes().chunks(16) {
            let size = format!("{:x}\r\n", part.len());
            let (before, after) = if chunked { (size.as_str(), "\r\n") } else { ("", "") };
            let part = [before.as_bytes(), part, after.as_bytes()].concat();
            stream.write_all(&part).await.expect("sent");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let end = if chunked { "0\r\n\r\n" } else { "" };
        stream.write_all(end.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    };
    let chat = "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21";
    let told = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
    let embeds = "/openai/deployments/gpt-4o-mini/embeddings?api-version=2024-10-21";
    let response = r#"{"model":"gpt-4o-mini","input":"hello, how are you today?"}"#;
    tokio::join!(
        slow(chat, told, false),
        slow(chat, told, true),
        slow(embeds, r#"{"input":"hello, how are you today? I am fine."}"#, true),
        slow("/openai/v1/responses", response, false),
        slow("/openai/v1/responses", response, true),
    );
    assert_eq!(story([&eastus, &westus]), [5, 0]);
}

#[tokio::test]
async fn a_request_that_meets_a_closing_connection_is_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let at = listener.local_addr().expect("an address");
    // Each connection answers once, and closes when a second request is there.
    let _serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut read = [0; 64 << 10];
                let body = r#"{"choices":[]}"#;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                if stream.read(&mut read).await.is_ok_and(|count| count > 0) {
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.read(&mut read).await;
                }
            });
        }
    });
    let config = format!(
        "
backends: {{ brief: {{ url: 'http://{at}' }} }}
models: {{ gpt-4o-mini: {{ pool: [brief] }} }}
"
    );
    let gateway = Gateway::of(config, Vec::new()).start().await;
    let mut repeated = 0;
    for _ in 0..24 {
        let answer = gateway.send(&Call::chat("gpt-4o-mini")).await.ok();
        repeated += usize::from(answer.header("x-spillway-attempts") != "1");
    }
    assert!(
        repeated >= 6,
        "{repeated} met a connection that was closing, and none opened a circuit"
    );
}
