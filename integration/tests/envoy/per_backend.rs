//! What is counted is counted at the backend that did it: the time it was waited for, whose request opened
//! its circuit, and what it worked for although its client had left.

use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::json;
use spillway_integration::{Call, Gateway, Journal, eventually, region};
use spillway_simulator::Fault;

const PAIR: &str = "
circuit_breaker: { abandoned_after: 300ms, trip: 10m }
models:
  gpt-4o-mini: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }
";

/// How long a client waits that gives up.
const PATIENCE: Duration = Duration::from_millis(600);

fn slow(delay: u64) -> Fault {
    Fault { delay_ms: Some(delay), ..Fault::default() }
}

#[tokio::test]
async fn a_region_that_hangs_is_seen_and_left_alone_although_its_clients_leave_first() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let gateway = Gateway::setup(PAIR, [&eastus, &westus]).workers(2).start().await;
    eastus.script(slow(120_000).forever());
    for _ in 0..3 {
        let call = Call::chat("gpt-4o-mini").another();
        let given_up = tokio::time::timeout(PATIENCE, gateway.client().send(&call)).await;
        assert!(given_up.is_err(), "eastus hangs");
    }
    let east = [("backend", "eastus")];
    eventually("an open circuit", async || {
        (gateway.metrics().await.sum("spillway_breaker_state", &east) == 2.0).then_some(())
    })
    .await;
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.ok().backend(), "westus");

    let waited = eventually("the time that was waited", async || {
        let metrics = gateway.metrics().await;
        let name = "spillway_attempt_first_byte_milliseconds";
        let left = [("backend", "eastus"), ("answer", "abandoned")];
        let count = metrics.sum(&format!("{name}_count"), &left);
        (count == 3.0).then(|| metrics.sum(&format!("{name}_sum"), &left))
    })
    .await;
    assert!(waited >= 3.0 * 500.0, "{waited}");
    let metrics = gateway.metrics().await;
    let attempts = [("backend", "eastus"), ("cause", "abandoned")];
    assert_eq!(metrics.sum("spillway_attempts_total", &attempts), 3.0);
    let failed = [("backend", "eastus"), ("cause", "failed")];
    assert_eq!(metrics.sum("spillway_breaker_openings_total", &failed), 1.0);
    assert_eq!(metrics.sum("spillway_attempts_in_flight", &[]), 0.0);
    // It may have worked for them all the time.
    let cut = [("backend", "eastus"), ("why", "cut_short")];
    assert_eq!(metrics.sum("spillway_usage_unknown_total", &cut), 3.0);
    assert_eq!(metrics.sum("spillway_errors_total", &[]), 0.0);
}

#[tokio::test]
async fn clients_that_leave_say_nothing_where_no_time_is_set() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let config = PAIR.replace("abandoned_after: 300ms, ", "");
    let gateway = Gateway::setup(&config, [&eastus, &westus]).start().await;
    eastus.script(slow(120_000).times(4));
    for _ in 0..4 {
        let call = Call::chat("gpt-4o-mini").another();
        let given_up = tokio::time::timeout(PATIENCE, gateway.client().send(&call)).await;
        assert!(given_up.is_err(), "eastus hangs");
    }
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.ok().backend(), "eastus");
    assert_eq!(gateway.metrics().await.sum("spillway_breaker_openings_total", &[]), 0.0);
}

#[tokio::test]
async fn each_backend_is_charged_with_its_own_time() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let gateway = Gateway::setup(PAIR, [&eastus, &westus]).start().await;
    eastus.script(Fault { status: Some(503), ..slow(1500) });
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.ok().backend(), "westus");
    let name = "spillway_attempt_first_byte_milliseconds";
    let of = async |backend, answer| {
        let labels = [("backend", backend), ("answer", answer)];
        let counted = async || {
            let metrics = gateway.metrics().await;
            let count = metrics.sum(&format!("{name}_count"), &labels);
            (count > 0.0).then(|| (count, metrics.sum(&format!("{name}_sum"), &labels)))
        };
        eventually(answer, counted).await
    };
    let (east, west) = (of("eastus", "error").await, of("westus", "whole").await);
    assert!(east.0 == 1.0 && east.1 >= 1400.0, "{east:?}");
    assert!(west.0 == 1.0 && west.1 < east.1, "{west:?}");
    let metrics = gateway.metrics().await;
    let whole = |labels| metrics.sum("spillway_attempt_milliseconds_count", labels);
    assert_eq!((whole(&[("backend", "eastus")]), whole(&[("backend", "westus")])), (1.0, 1.0));
    let client = metrics.sum("spillway_first_byte_milliseconds_sum", &[("streamed", "no")]);
    assert!(client >= east.1, "the client has waited for both: {client}");
}

#[tokio::test]
async fn a_slow_stream_is_seen_by_its_tokens() {
    let eastus = region("eastus").await;
    let config = "models: { gpt-4o-mini: { pool: [eastus] } }";
    let gateway = Gateway::setup(config, [&eastus]).start().await;
    eastus.script(Fault { chunk_delay_ms: Some(100), chunks: Some(10), ..Fault::default() });
    assert_eq!(gateway.send(&Call::streamed_chat("gpt-4o-mini")).await.status, 200);
    let tokens = eastus.only().usage.expect("tokens").completion;
    let per_token = eventually("its pace", async || {
        let metrics = gateway.metrics().await;
        let of = |end| metrics.sum(&format!("spillway_output_token_microseconds_{end}"), &[]);
        (of("count") == 1.0).then(|| of("sum"))
    })
    .await;
    // Some of the pauses are before the first content, and the last ones may be after the last token.
    let least = 5.0 * 100_000.0 / tokens as f64;
    assert!(per_token >= least, "{per_token} µs for each of {tokens} tokens");

    // A client that leaves in the middle has been worked for.
    eastus.script(Fault { chunk_delay_ms: Some(50), chunks: Some(2000), ..Fault::default() });
    let client = gateway.client();
    let answer = client.open(&Call::streamed_chat("gpt-4o-mini")).await.expect("a head");
    let mut body = answer.into_body();
    body.frame().await.expect("a part").expect("data");
    let in_flight = gateway.metrics().await.sum("spillway_attempts_in_flight", &[]);
    assert_eq!(in_flight, 1.0);
    drop((body, client));
    eventually("a request whose tokens are not known", async || {
        let metrics = gateway.metrics().await;
        let unknown = metrics.sum("spillway_usage_unknown_total", &[("why", "cut_short")]);
        (unknown == 1.0).then_some(())
    })
    .await;
    assert_eq!(gateway.metrics().await.sum("spillway_attempts_in_flight", &[]), 0.0);
}

#[tokio::test]
async fn who_opened_a_circuit_is_told_by_name() {
    let config = "
clients: [{ name: chat-app, key: \"${CHAT}\" }, { name: batch, key: \"${BATCH}\" }]
circuit_breaker: { failures: 1, trip: 10m }
models: { gpt-4o-mini: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] } }";
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let setup = Gateway::setup(config, [&eastus, &westus]);
    let gateway = setup.env("CHAT", "key-of-chat").env("BATCH", "key-of-batch").start().await;
    let by = |key: &str| Call::chat("gpt-4o-mini").another().header("api-key", key);
    assert_eq!(gateway.send(&by("key-of-chat")).await.ok().backend(), "eastus");
    eastus.script(Fault::status(500));
    assert_eq!(gateway.send(&by("key-of-batch")).await.ok().backend(), "westus");
    let opened = async || {
        let metrics = gateway.metrics().await;
        let sum = metrics.sum("spillway_client_openings_total", &[("backend", "eastus")]);
        (sum == 1.0).then_some(metrics)
    };
    let metrics = eventually("the opening", opened).await;
    let batch = [("client", "batch"), ("cause", "failed"), ("model", "gpt-4o-mini")];
    assert_eq!(metrics.sum("spillway_client_openings_total", &batch), 1.0);
    eventually("the status", async || {
        let member = &gateway.report().await["models"][0]["tiers"][0]["members"][0];
        (member["opened_by"] == json!("batch")).then_some(())
    })
    .await;
}
