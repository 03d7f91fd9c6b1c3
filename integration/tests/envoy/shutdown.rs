//! The end of the gateway, while requests run for longer than it waits for them.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use spillway_integration::{Answer, Call, Client, Gateway, Journal, eventually, region};
use spillway_simulator::Fault;
use tokio::task::JoinSet;

const CONFIG: &str = "
timeouts: { drain: 300ms }
models:
  streams: { pool: [eastus] }
  waits: { pool: [westus] }
";

#[tokio::test]
async fn who_still_waits_when_the_time_to_drain_is_over_is_told() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let slow = Fault { chunk_delay_ms: Some(50), chunks: Some(2000), ..Fault::default() };
    eastus.script(slow.forever());
    westus.script(Fault { delay_ms: Some(60_000), ..Fault::default() }.forever());
    let gateway = Gateway::setup(CONFIG, [&eastus, &westus]).workers(2).start().await;

    let (mut streams, mut waiting) = (JoinSet::new(), JoinSet::new());
    for client in [gateway.client(), Client::http2_at(gateway.at)] {
        for call in [Call::streamed_chat("streams"), Call::streamed_response("streams")] {
            let answer = client.open(&call).await.expect("a head");
            assert_eq!(answer.status().as_u16(), 200);
            let mut body = answer.into_body();
            let first = body.frame().await.expect("a part").expect("data");
            assert!(first.into_data().is_ok_and(|data| !data.is_empty()));
            // On HTTP/2 both are on one connection, which goes with its client.
            streams.spawn(rest(body, client.clone()));
        }
        let call = Call::chat("waits").another();
        waiting.spawn(async move { client.try_send(&call).await });
    }
    eventually("those that wait", async || (westus.count() == 2).then_some(())).await;
    let log = gateway.end().await;

    let told: Vec<String> = streams.join_all().await;
    for text in &told {
        let (before, last) = text.trim_end().rsplit_once("\n\n").expect("several events");
        assert!(before.contains("data: {"), "{text}");
        let is_chat = before.contains("chat.completion.chunk");
        let start = if is_chat { "data: {\"error\":{" } else { "event: error\ndata: {" };
        assert!(last.starts_with(start) && last.ends_with('}'), "{last}");
        assert!(last.contains("\"code\":\"shutting_down\""), "{last}");
    }
    for answer in waiting.join_all().await {
        let answer: Answer = answer.expect("an answer");
        assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{}", answer.text());
        assert_eq!(answer.json()["error"]["code"], "shutting_down");
    }
    assert_eq!((eastus.count(), westus.count()), (4, 2), "nothing was tried again");
    assert_eq!(log.matches("\"outcome\":\"shut_down\"").count(), 6, "{log}");
    let lines = log.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let ends: Vec<(Value, Value)> = lines
        .map(|line: Value| (line["attempts"][0]["end"].clone(), line["error"]["type"].clone()))
        .collect();
    let with = |end: &str| {
        let wanted = (json!(end), json!("shutting_down"));
        ends.iter().filter(|found| **found == wanted).count()
    };
    assert_eq!((with("cut"), with("unfinished")), (4, 2), "{log}");
}

/// What arrives until it ends, however that comes.
async fn rest(mut body: Incoming, client: Client) -> String {
    let mut text = String::new();
    while let Some(Ok(frame)) = body.frame().await {
        let data = frame.into_data().unwrap_or_default();
        text.push_str(&String::from_utf8_lossy(&data));
    }
    drop(client);
    text
}
