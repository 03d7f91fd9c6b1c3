//! What bodies may take: of memory together, and of time each. And methods that only reach a filter by
//! hand.

use serde_json::Value;
use spillway_integration::{Call, Gateway, Raw, RawAnswer, eventually, region, story};

#[tokio::test]
async fn bodies_that_are_held_take_no_more_than_they_may() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let config = "
max_held_bodies: 2MiB
models: { gpt-4o-mini: { pool: [eastus, westus] } }
";
    let gateway = Gateway::setup(config, [&eastus, &westus]).workers(1).start().await;
    let held = async || gateway.metrics().await.sum("spillway_held_body_bytes", &[]);
    let body = chat(900_000);
    let mut uploads = Vec::new();
    for number in 1..=2 {
        let mut raw = Raw::connect(gateway.at).await;
        raw.write(head("/openai/v1/chat/completions", body.len())).await;
        raw.write(&body[..800_000]).await;
        uploads.push(raw);
        eventually("the body to be held", async || {
            (held().await > f64::from(number * 500_000)).then_some(())
        })
        .await;
    }
    let mut third = Raw::connect(gateway.at).await;
    third.write(head("/openai/v1/chat/completions", body.len())).await;
    third.write_what_is_taken(&body.as_bytes()[..800_000]).await;
    let answer = third.answer().await;
    is_error(&answer, 503, "too_many_request_bodies");
    assert!(answer.head.contains("retry-after: 1\r\n"), "{}", answer.head);

    // Those that were there first are answered, and what they held is free again.
    for mut raw in uploads {
        raw.write(&body[800_000..]).await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, 200, "{}", answer.head);
    }
    eventually("nothing to be held", async || (held().await == 0.0).then_some(())).await;
    assert_eq!(gateway.send(&Call::v1_chat("gpt-4o-mini")).await.status, 200);
    let rejections = gateway.metrics().await;
    let reason = [("reason", "too_many_request_bodies")];
    assert_eq!(rejections.sum("spillway_rejections_total", &reason), 1.0);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_answered_and_nobody_is_blamed() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let config = "
timeouts: { request_body: 1s }
circuit_breaker: { failures: 1 }
models: { gpt-4o-mini: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] } }
";
    let gateway = Gateway::setup(config, [&eastus, &westus]).start().await;
    let body = chat(20_000);
    // One is held to be read, one passes to a backend while it arrives.
    for path in ["/openai/v1/chat/completions", "/openai/deployments/gpt-4o-mini/embeddings"] {
        let mut raw = Raw::connect(gateway.at).await;
        raw.write(head(path, body.len())).await;
        raw.write(&body[..15_000]).await;
        is_error(&raw.answer().await, 408, "request_body_timeout");
    }
    // One that arrives late, but in time, is answered; and so is the next on a connection.
    let mut raw = Raw::connect(gateway.at).await;
    for _ in 0..2 {
        raw.write(head("/openai/v1/chat/completions", body.len())).await;
        raw.write(&body[..15_000]).await;
        raw.write(&body[15_000..]).await;
        assert_eq!(raw.answer().await.status, 200);
    }
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.backend(), "eastus");
    let metrics = gateway.metrics().await;
    for cause in ["server_error", "no_answer", "bad_start"] {
        assert_eq!(metrics.sum("spillway_attempts_total", &[("cause", cause)]), 0.0, "{cause}");
    }
    let reason = [("reason", "request_body_timeout")];
    assert_eq!(metrics.sum("spillway_rejections_total", &reason), 2.0);
}

#[tokio::test]
async fn methods_that_show_or_tunnel_are_refused() {
    let eastus = region("eastus").await;
    let config = "models: { gpt-4o-mini: { pool: [eastus] } }";
    let gateway = Gateway::start(config, [&eastus]).await;
    let path = "/openai/deployments/gpt-4o-mini/chat/completions";
    for line in [&format!("TRACE {path}"), "TRACE /", "CONNECT gateway:443"] {
        let mut raw = Raw::connect(gateway.at).await;
        raw.write(format!("{line} HTTP/1.1\r\nhost: gateway:443\r\n\r\n")).await;
        is_error(&raw.answer().await, 405, "method_not_allowed");
    }
    assert_eq!(story([&eastus]), [0]);
}

#[track_caller]
fn is_error(answer: &RawAnswer, status: u16, code: &str) {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, status, "{text}");
    let error: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(error["error"]["code"], code, "{text}");
}

/// A chat of about this length, which names its model last.
fn chat(length: usize) -> String {
    let text = "x".repeat(length);
    format!(
        r#"{{"messages":[{{"role":"user","content":"{text}"}}],"input":"x","model":"gpt-4o-mini"}}"#
    )
}

fn head(path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n"
    )
}
