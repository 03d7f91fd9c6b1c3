//! Streams in both directions: as they come, and what happens when they break.

use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use spillway_integration::{Call, Gateway, Journal, Raw, eventually, log_line, region, story};
use spillway_simulator::{Fault, Reset, RetryAfter};

const PAIR: &str = "
models:
  gpt-4o-mini: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }
";

#[tokio::test]
async fn behaviour_31_chunks_arrive_as_they_are_sent() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let slow = Fault { chunk_delay_ms: Some(150), chunks: Some(6), ..Fault::default() };
    eastus.script(slow.forever());
    let gateway = Gateway::start(PAIR, [&eastus, &westus]).await;

    let answer = gateway.client().open(&Call::streamed_chat("gpt-4o-mini")).await.expect("a head");
    assert_eq!(answer.status().as_u16(), 200);
    let mut body = answer.into_body();
    let mut arrivals = Vec::new();
    let mut text = String::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.expect("a whole stream");
        if arrivals.is_empty() {
            assert!(!eastus.only().completed, "the first byte comes before the backend is done");
        }
        arrivals.push(Instant::now());
        text.push_str(&String::from_utf8_lossy(frame.data_ref().expect("data")));
    }
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    assert!(arrivals.len() >= 6, "{} frames", arrivals.len());
    let spread = arrivals[arrivals.len() - 1] - arrivals[0];
    assert!(spread > Duration::from_millis(600), "spread over the time it took: {spread:?}");
    eventually("the backend's end", async || eastus.only().completed.then_some(())).await;
}

#[tokio::test]
async fn behaviour_33_a_429_fails_over_and_a_broken_stream_does_not() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let both = [&eastus, &westus];
    let gateway = Gateway::start(PAIR, both).await;

    eastus.script(Fault::too_many_requests(RetryAfter::Millis(1)));
    let answer = gateway.send(&Call::streamed_chat("gpt-4o-mini")).await.ok();
    assert_eq!((answer.backend(), answer.header("x-spillway-attempts")), ("westus", "2"));
    assert!(answer.header("content-type").starts_with("text/event-stream"));
    assert!(answer.text().ends_with("data: [DONE]\n\n"));

    eastus.clear();
    westus.clear();
    eastus.script(Fault { chunk_delay_ms: Some(20), ..Fault::reset(Reset::MidStream) });
    let call = Call::streamed_chat("gpt-4o-mini").header("x-request-id", "broken");
    let broken = gateway.client().try_send(&call).await;
    assert!(broken.is_err(), "the client can tell: {broken:?}");
    assert_eq!(story(both), [1, 0], "it is not tried again");
    let line = gateway.log_line("broken").await;
    assert_eq!(line["status"], 200);
    assert_ne!(line["flags"], "-", "{line}");
    assert!(line["details"].as_str().is_some_and(|why| why.contains("upstream")), "{line}");
    assert!(log_line::attempts(&line).starts_with("eastus 200 broken"), "{line}");

    // Of a stream that dies before its first event nobody has seen anything.
    eastus.clear();
    eastus.script(Fault::reset(Reset::AfterHeaders));
    let answer = gateway.send(&Call::streamed_chat("gpt-4o-mini")).await.ok();
    assert_eq!((answer.backend(), answer.header("x-spillway-attempts")), ("westus", "2"));
    assert_eq!(story(both), [1, 1]);
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_request_at_the_backend() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let slow = Fault { chunk_delay_ms: Some(50), chunks: Some(2000), ..Fault::default() };
    eastus.script(slow);
    let gateway = Gateway::start(PAIR, [&eastus, &westus]).await;
    let call = Call::streamed_chat("gpt-4o-mini").header("x-request-id", "left");
    let client = gateway.client();
    let mut body = client.open(&call).await.expect("a head").into_body();
    body.frame().await.expect("a chunk").expect("data");
    drop((body, client));
    let line = gateway.log_line("left").await;
    assert!(line["flags"].as_str().is_some_and(|flags| flags.contains("DC")), "{line}");
    assert!(log_line::attempts(&line).starts_with("eastus 200"), "{line}");
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.status, 200);
    assert_eq!((eastus.count(), westus.count()), (2, 0), "nobody is blamed for it");
    assert!(!eastus.requests()[0].completed);
}

/// The head of a chat request by path; the body is to follow.
fn head(framing: &str) -> String {
    format!(
        "POST /openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21 HTTP/1.1\r\n\
         host: g\r\ncontent-type: application/json\r\n{framing}\r\n\r\n"
    )
}

const BODY: &str = "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";

#[tokio::test]
async fn an_upload_reaches_the_backend_while_it_arrives() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    // A chat is held where it may be a stream that has to be made to report its tokens.
    let config = format!("usage: {{ include_in_streams: false }}\n{PAIR}");
    let gateway = Gateway::start(&config, [&eastus, &westus]).await;
    let (first, rest) = BODY.split_at(20);
    for (framing, first, rest) in [
        (
            "transfer-encoding: chunked",
            format!("14\r\n{first}\r\n"),
            format!("{:x}\r\n{rest}\r\n0\r\n\r\n", rest.len()),
        ),
        (
            "content-length: 2000000",
            first.to_owned(),
            format!("{rest}{}", " ".repeat(2_000_000 - BODY.len())),
        ),
    ] {
        let mut raw = Raw::connect(gateway.at).await;
        raw.write(head(framing)).await;
        raw.write(first).await;
        eventually("the request at the backend", async || {
            (eastus.stats().in_flight == 1).then_some(())
        })
        .await;
        raw.write(rest).await;
        assert_eq!(raw.answer().await.status, 200, "{framing}");
    }
}

#[tokio::test]
async fn a_body_that_comes_late_fails_over_all_the_same() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let gateway = Gateway::start(PAIR, [&eastus, &westus]).await;
    eastus.set_down().await;

    let mut raw = Raw::connect(gateway.at).await;
    raw.write(head(&format!("content-length: {}", BODY.len()))).await;
    eventually("the head at the gateway", async || {
        (gateway.stat("http.spillway.downstream_rq_active").await == 1).then_some(())
    })
    .await;
    raw.write(BODY).await;

    let answer = raw.answer().await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert!(answer.head.contains("x-spillway-attempts: 2"), "{}", answer.head);
    assert_eq!(westus.only().body.as_deref(), Some(BODY));
}

/// Its model is known from its first bytes, and stands at its end when it arrives.
#[tokio::test]
async fn a_long_body_that_names_its_model_early_is_sent_while_it_arrives() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let gateway = Gateway::start(PAIR, [&eastus, &westus]).await;
    let text = "lorem ipsum ".repeat(2_000);
    let body = format!("{{\"model\":\"gpt-4o-mini\",\"input\":\"{text}\"}}\r\n");
    let moved = format!("{{\"input\":\"{text}\",\"model\":\"gpt-4o-mini\"}}\r\n");
    let head = format!(
        "POST /openai/v1/embeddings HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let ends = [body.len() - 500, body.len() - 2, body.len() - 1];
    let upload = async || {
        let mut raw = Raw::connect(gateway.at).await;
        raw.write(head.clone()).await;
        raw.write(&body[..10_000]).await;
        eventually("the request at a backend", async || {
            (eastus.stats().in_flight + westus.stats().in_flight == 1).then_some(())
        })
        .await;
        let mut sent = 10_000;
        for end in ends.into_iter().chain([body.len()]) {
            raw.write(&body[sent..end]).await;
            sent = end;
        }
        raw.answer().await
    };

    let answer = upload().await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert_eq!(eastus.only().body.as_deref(), Some(moved.as_str()));

    eastus.set_down().await;
    let answer = upload().await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert!(answer.head.contains("x-spillway-attempts: 2"), "{}", answer.head);
    assert_eq!(westus.only().body.as_deref(), Some(moved.as_str()));
}
