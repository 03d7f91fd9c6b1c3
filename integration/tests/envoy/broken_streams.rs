//! Streams that die: the client is told, the backend is blamed, nobody is asked again.

use http_body_util::BodyExt;
use spillway_integration::{Call, Client, Gateway, Journal, eventually, log_line, region, story};
use spillway_simulator::{Fault, Reset};

const PAIR: &str = "
models:
  gpt-4o-mini: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }
";

/// What arrives of a stream that may break, part by part.
async fn parts(client: &Client, call: &Call) -> (Vec<String>, bool) {
    let mut body = client.open(call).await.expect("a head").into_body();
    let mut parts = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return (parts, true) };
        let data = frame.into_data().unwrap_or_default();
        parts.push(String::from_utf8_lossy(&data).into_owned());
    }
    (parts, false)
}

#[tokio::test]
async fn a_stream_that_is_reset_ends_with_an_error_event_and_counts() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let gateway = Gateway::start(PAIR, [&eastus, &westus]).await;
    let http2 = Client::http2_at(gateway.at);
    for client in [gateway.client(), http2, gateway.client()] {
        eastus.script(Fault { chunk_delay_ms: Some(20), ..Fault::reset(Reset::MidStream) });
        let (parts, broken) = parts(&client, &Call::streamed_chat("gpt-4o-mini").another()).await;
        assert!(broken, "{parts:?}");
        assert!(parts.len() > 2 && parts[1].contains("\"choices\""), "{parts:?}");
        let last = parts.last().expect("a part");
        assert!(last.starts_with("data: {\"error\":") && last.ends_with("}\n\n"), "{last}");
        assert!(last.contains("\"code\":\"stream_interrupted\""), "{last}");
    }
    assert_eq!(story([&eastus, &westus]), [3, 0], "never tried again");
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.ok().backend(), "westus");
    assert_eq!(story([&eastus, &westus]), [3, 1], "three deaths open the circuit");
}

#[tokio::test]
async fn a_client_that_leaves_is_nobodys_failure() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let slow = Fault { chunk_delay_ms: Some(30), chunks: Some(2000), ..Fault::default() };
    let gateway = Gateway::start(PAIR, [&eastus, &westus]).await;
    for left in 0..4 {
        eastus.script(slow.clone());
        let id = format!("left-{left}");
        let call = Call::streamed_chat("gpt-4o-mini").header("x-request-id", &id);
        let client = gateway.client();
        let mut body = client.open(&call).await.expect("a head").into_body();
        body.frame().await.expect("a part").expect("data");
        drop((body, client));
        let line = gateway.log_line(&id).await;
        assert!(!log_line::attempts(&line).contains("broken"), "{line}");
    }
    eventually("the backend's ends", async || {
        eastus.requests().iter().all(|seen| !seen.completed).then_some(())
    })
    .await;
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.ok().backend(), "eastus");
    assert_eq!(westus.count(), 0);
}

#[tokio::test]
async fn an_error_in_the_first_event_fails_over() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let config = format!("circuit_breaker: {{ failures: 100 }}{PAIR}");
    let gateway = Gateway::start(&config, [&eastus, &westus]).await;
    let faults = [
        Fault { error_event_first: true, ..Fault::default() },
        Fault::reset(Reset::AfterHeaders),
        Fault { garbage_body: true, ..Fault::default() },
        Fault { empty_body: true, ..Fault::default() },
    ];
    for fault in faults {
        for call in [Call::streamed_chat("gpt-4o-mini"), Call::streamed_response("gpt-4o-mini")] {
            eastus.script(fault.clone());
            let answer = gateway.send(&call).await.ok();
            assert_eq!((answer.backend(), answer.header("x-spillway-attempts")), ("westus", "2"));
            let text = answer.text();
            assert!(text.contains("[DONE]") || text.contains("response.completed"), "{text}");
        }
    }
}

#[tokio::test]
async fn the_first_content_of_a_healthy_stream_waits_for_nothing_after_it() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let gateway = Gateway::start(PAIR, [&eastus, &westus]).await;
    eastus.script(Fault { chunk_delay_ms: Some(500), ..Fault::default() });
    let call = Call::streamed_chat("gpt-4o-mini");
    let mut body = gateway.client().open(&call).await.expect("a head").into_body();
    let first = body.frame().await.expect("a part").expect("data");
    let first = first.into_data().expect("data");
    let first = String::from_utf8_lossy(&first);
    // The verdict on the prompt and the role have waited for it, and it for nothing.
    let events: Vec<_> = first.split_inclusive("\n\n").collect();
    assert_eq!(events.len(), 3, "{first}");
    assert!(events[0].contains("prompt_filter_results"), "{first}");
    assert!(first.starts_with("data: {") && first.ends_with("\n\n"), "{first}");
    assert!(!eastus.only().completed);
}
