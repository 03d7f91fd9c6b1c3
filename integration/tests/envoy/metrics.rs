//! Metrics: what Envoy's `/stats/prometheus` says is what was sent, over several workers.

use std::collections::BTreeSet;

use spillway::metrics::{DEFINITIONS, Kind};
use spillway_integration::prometheus::Metrics;
use spillway_integration::{Call, Gateway, Journal, eventually, region};
use spillway_simulator::{Fault, RetryAfter};

const CONFIG: &str = "
clients: [{ name: chat-app, key: \"${CHAT}\" }, { name: batch, key: \"${BATCH}\" }]
circuit_breaker: { failures: 2, trip: 10m }
models:
  gpt-4o-mini:
    headroom: true
    pool: [{ backend: eastus, priority: 10 }, { backend: westus, priority: 20 }]
  solo: { pool: [uksouth] }
  denied: { pool: [{ backend: uksouth, priority: 1 }, { backend: westus, priority: 2 }] }
";

fn setup(config: &str, regions: [&spillway_simulator::Region; 3]) -> spillway_integration::Setup {
    Gateway::setup(config, regions).env("CHAT", "key-of-chat").env("BATCH", "key-of-batch")
}

fn by(client: &str, call: Call) -> Call {
    call.header("api-key", format!("key-of-{client}"))
}

/// Waits until so many requests are counted: they are when they are over, which is a little after
/// the client has its answer. Histograms come every five seconds.
async fn after(gateway: &Gateway, requests: usize) -> Metrics {
    let what = format!("{requests} requests");
    eventually(&what, async || {
        let metrics = gateway.metrics().await;
        let counted = metrics.sum("spillway_requests_total", &[]);
        let timed = metrics.sum("spillway_own_time_microseconds_count", &[]);
        (counted == requests as f64 && timed == counted).then_some(metrics)
    })
    .await
}

#[tokio::test]
async fn every_metric_says_what_was_sent() {
    let regions = [region("eastus").await, region("westus").await, region("uksouth").await];
    let [eastus, westus, uksouth] = &regions;
    let gateway = setup(CONFIG, [eastus, westus, uksouth]).workers(3).start().await;
    let chat = || by("chat", Call::chat("gpt-4o-mini"));
    let at_start = gateway.metrics().await;
    for name in ["spillway_attempts_total", "spillway_errors_total"] {
        let zeros: Vec<_> = at_start.all(name, &[]).collect();
        assert!(!zeros.is_empty() && zeros.iter().all(|series| series.value == 0.0), "{zeros:?}");
    }

    // Healthy, over as many connections as it takes to meet several workers.
    for _ in 0..12 {
        assert_eq!(gateway.client().send(&chat()).await.ok().backend(), "eastus");
    }
    // Throttled, and from then on the second tier's.
    eastus.script(Fault::too_many_requests(RetryAfter::Seconds(300)));
    assert_eq!(gateway.send(&chat()).await.ok().backend(), "westus");
    for _ in 0..2 {
        let streamed = by("batch", Call::streamed_chat("gpt-4o-mini"));
        assert_eq!(gateway.client().send(&streamed).await.ok().backend(), "westus");
    }
    // The client's own mistake, a refused credential, and then nobody is left.
    westus.script(Fault::status(400));
    assert_eq!(gateway.send(&chat()).await.status, 400);
    westus.script(Fault::status(401));
    gateway.send(&chat()).await;
    westus.script(Fault::too_many_requests(RetryAfter::Seconds(300)));
    for _ in 0..2 {
        assert_eq!(gateway.send(&chat()).await.status, 429);
    }
    // A credential that only one member refuses.
    uksouth.script(Fault::status(401).times(2));
    for _ in 0..2 {
        let denied = by("chat", Call::chat("denied").another());
        assert_eq!(gateway.send(&denied).await.ok().backend(), "westus");
    }
    // A pool of one: only many failures in a row are its own. Then it is tried before its time.
    uksouth.script(Fault::status(500).times(13));
    for status in [500; 12].into_iter().chain([503]) {
        let solo = by("chat", Call::chat("solo").another());
        assert_eq!(gateway.send(&solo).await.status, status);
    }
    // Refused by the gateway.
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.status, 401);

    let metrics = after(&gateway, 35).await;
    let sum =
        |name: &str, labels: &[(&str, &str)]| metrics.sum(&format!("spillway_{name}"), labels);
    let requests = |labels: &[(&str, &str)]| sum("requests_total", labels);
    let (eastus, westus) = (("backend", "eastus"), ("backend", "westus"));
    let model = ("model", "gpt-4o-mini");
    let answered = ("outcome", "answered");
    assert_eq!(requests(&[model, eastus, ("client", "chat-app"), answered]), 12.0);
    assert_eq!(requests(&[model, westus, ("client", "chat-app"), answered]), 1.0);
    assert_eq!(requests(&[model, westus, ("client", "batch"), answered]), 2.0);
    assert_eq!(requests(&[model, westus, ("outcome", "client_error")]), 1.0);
    assert_eq!(requests(&[model, westus, ("outcome", "backend_refused")]), 1.0);
    assert_eq!(requests(&[model, ("client", "chat-app"), ("outcome", "exhausted")]), 2.0);
    assert_eq!(requests(&[("model", "solo"), ("outcome", "unavailable")]), 13.0);
    assert_eq!(requests(&[("outcome", "rejected")]), 1.0);

    let attempts = |labels: &[(&str, &str)]| sum("attempts_total", labels);
    assert_eq!(attempts(&[eastus, ("cause", "ok")]), 12.0);
    assert_eq!(attempts(&[eastus, ("cause", "throttled")]), 1.0);
    assert_eq!(attempts(&[westus, ("cause", "ok")]), 5.0);
    assert_eq!(attempts(&[westus, ("cause", "client_error")]), 1.0);
    assert_eq!(attempts(&[westus, ("cause", "throttled")]), 1.0);
    assert_eq!(attempts(&[westus, ("cause", "refused")]), 1.0);
    assert_eq!(attempts(&[("backend", "uksouth"), ("cause", "server_error")]), 13.0);
    assert_eq!(attempts(&[]), 36.0);
    assert_eq!(regions.iter().map(Journal::count).sum::<usize>(), 36);
    assert_eq!(sum("failovers_total", &[model, eastus, ("cause", "throttled")]), 1.0);
    assert_eq!(sum("failovers_total", &[]), 3.0);

    let openings = |labels: &[(&str, &str)]| sum("breaker_openings_total", labels);
    assert_eq!(openings(&[model, eastus, ("cause", "throttled")]), 1.0);
    assert_eq!(openings(&[model, westus, ("cause", "throttled")]), 1.0);
    assert_eq!(openings(&[("model", "denied"), ("cause", "refused")]), 1.0);
    assert_eq!(openings(&[("model", "solo"), ("cause", "failed")]), 1.0);
    assert_eq!(openings(&[]), 4.0);
    assert_eq!(sum("client_openings_total", &[eastus, ("client", "chat-app")]), 1.0);
    assert_eq!(sum("client_openings_total", &[]), 4.0);
    assert_eq!(sum("breaker_state", &[model, eastus]), 2.0);
    assert_eq!(sum("breaker_state", &[model, westus]), 2.0);
    assert_eq!(sum("pool_member_info", &[model, eastus, ("tier", "1")]), 1.0);
    assert_eq!(sum("pool_member_info", &[model, westus, ("tier", "2")]), 1.0);
    assert_eq!(sum("pool_member_info", &[]), 5.0);
    for series in metrics.all("spillway_breaker_open_until_seconds", &[model]) {
        assert!(series.value > 1_700_000_000.0, "{series:?}");
    }
    let errors = |labels: &[(&str, &str)]| sum("errors_total", labels);
    assert_eq!(errors(&[model, ("outcome", "exhausted")]), 2.0);
    assert_eq!(errors(&[model, ("outcome", "client_error")]), 1.0);
    assert_eq!(errors(&[model, ("outcome", "backend_refused")]), 1.0);
    assert_eq!(errors(&[("model", "solo"), ("outcome", "unavailable")]), 13.0);
    assert_eq!(errors(&[("outcome", "rejected")]), 1.0);
    assert_eq!(errors(&[]), requests(&[]) - requests(&[answered]), "each is in one class");
    assert_eq!(sum("pool_exhausted_total", &[model, ("kind", "throttled")]), 2.0);
    assert_eq!(sum("pool_exhausted_total", &[("model", "solo"), ("kind", "failing")]), 1.0);
    assert_eq!(sum("rejections_total", &[("reason", "invalid_api_key")]), 1.0);
    assert_eq!(sum("rejections_total", &[("reason", "exhausted")]), 2.0);
    assert_eq!(sum("rejections_total", &[("reason", "unavailable")]), 1.0);
    assert_eq!(sum("build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);

    let headroom: Vec<_> = metrics.all("spillway_headroom_permille", &[model]).collect();
    assert_eq!(headroom.len(), 2, "both backends announce it: {headroom:?}");
    assert!(headroom.iter().all(|series| (1.0..=1000.0).contains(&series.value)), "{headroom:?}");
    assert_eq!(sum("headroom_permille", &[("model", "solo")]), 0.0, "nobody asked for it");

    let first = |labels: &[(&str, &str)]| sum("first_byte_milliseconds_count", labels);
    assert_eq!(first(&[model, ("streamed", "yes")]), 2.0);
    assert_eq!(first(&[model, ("streamed", "no")]), 14.0, "with the client's own mistake");
    let waited = |labels: &[(&str, &str)]| sum("attempt_first_byte_milliseconds_count", labels);
    assert_eq!(waited(&[model, eastus, ("answer", "whole")]), 12.0);
    assert_eq!(waited(&[model, eastus, ("answer", "error")]), 1.0);
    assert_eq!(waited(&[model, westus, ("answer", "stream")]), 2.0);
    assert_eq!(waited(&[]), 36.0, "one for each attempt");
    assert_eq!(sum("attempt_milliseconds_count", &[]), 36.0);
    assert_eq!(sum("attempts_in_flight", &[]), 0.0);
    assert_eq!(sum("output_token_microseconds_count", &[westus]), 2.0);
    assert_eq!(sum("config_info", &[]), 1.0);
    assert!(sum("config_loaded_seconds", &[]) > 1_700_000_000.0);
    assert_eq!(sum("config_refused_seconds", &[]) + sum("config_refusals_total", &[]), 0.0);
    assert_eq!(sum("request_milliseconds_count", &[]), 33.0, "one for each that asked a backend");
    assert!(sum("own_time_microseconds_sum", &[]) > 0.0);
    // The regions report tokens with every answer, and with a stream that is asked to.
    assert_eq!(sum("usage_unknown_total", &[]), 0.0);
    assert!(sum("tokens_total", &[("kind", "prompt")]) > 0.0);
    assert!(sum("tokens_total", &[("kind", "completion")]) > 0.0);

    let workers = gateway.admin("/stats?filter=worker_.*downstream_cx_total").await;
    let busy = workers.lines().filter(|line| !line.ends_with(": 0")).count();
    assert!(busy > 1, "several workers took part:\n{workers}");
    is_as_defined(&metrics);
}

/// Nothing is printed that is not defined, with the type and the labels of its definition.
fn is_as_defined(metrics: &Metrics) {
    for (name, labels) in metrics.ours() {
        let definition = DEFINITIONS.iter().find(|definition| match definition.kind {
            Kind::Histogram(_) => ["_bucket", "_sum", "_count"]
                .iter()
                .any(|end| name.strip_suffix(end) == Some(definition.name)),
            _ => name == definition.name,
        });
        let definition = definition.unwrap_or_else(|| panic!("{name} is not defined"));
        let kind = match definition.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        assert_eq!(metrics.types[definition.name], kind);
        let known: BTreeSet<&str> = definition.labels.iter().map(|label| label.name()).collect();
        // Envoy's own, for the scope that an older one counts in.
        let foreign = |label: &&String| !matches!(label.as_str(), "le" | "envoy_cluster_name");
        let strange: Vec<_> =
            labels.keys().filter(foreign).filter(|label| !known.contains(label.as_str())).collect();
        assert!(strange.is_empty(), "{name} has {strange:?}");
        if let Kind::Histogram(buckets) = definition.kind
            && let Some(le) = labels.get("le").filter(|le| *le != "+Inf")
        {
            assert!(buckets.iter().any(|bucket| bucket.to_string() == *le), "{name} {le}");
        }
    }
}

#[tokio::test]
async fn no_request_can_add_a_series() {
    let regions = [region("eastus").await, region("westus").await, region("uksouth").await];
    let [eastus, westus, uksouth] = &regions;
    let gateway = setup(CONFIG, [eastus, westus, uksouth]).start().await;
    let strange = |number: usize| {
        let word = format!("made-up-{number}");
        let path = format!("/{word}/deployments/{word}/{word}?{word}={word}");
        vec![
            by("chat", Call::chat(&word)),
            by("chat", Call::v1_chat(&format!("{word};.backend={word};\"\\"))),
            by("chat", Call::chat("gpt-4o-mini")).header("user-agent", &word).header(&word, &word),
            by(&word, Call::chat("gpt-4o-mini")),
            by("chat", Call::get(&path)),
            by("chat", Call::v1_chat("gpt-4o-mini")).below(&format!("/{word}")),
            by("chat", Call::post_bytes("/openai/v1/chat/completions", "application/json", word)),
        ]
    };
    let calls = strange(0).len();
    for call in strange(0) {
        gateway.send(&call).await;
    }
    let before = after(&gateway, calls).await;
    for number in 1..15 {
        for call in strange(number) {
            gateway.send(&call).await;
        }
    }
    let now = after(&gateway, 15 * calls).await;
    assert_eq!(before.ours(), now.ours());
    assert!(!gateway.admin("/stats?filter=spillway").await.contains("made-up"));
}

#[tokio::test]
async fn a_gauge_falls_back_without_any_traffic() {
    let regions = [region("eastus").await, region("westus").await, region("uksouth").await];
    let [eastus, westus, uksouth] = &regions;
    let gateway = setup(CONFIG, [eastus, westus, uksouth]).workers(3).start().await;
    eastus.script(Fault::too_many_requests(RetryAfter::Seconds(3)));
    assert_eq!(gateway.send(&by("chat", Call::chat("gpt-4o-mini"))).await.status, 200);
    let state = async |value| {
        let state = gateway.metrics().await.sum("spillway_breaker_state", &[("backend", "eastus")]);
        (state == value).then_some(())
    };
    eventually("an open circuit", async || state(2.0).await).await;
    eventually("a closed one", async || state(0.0).await).await;
    assert_eq!(gateway.metrics().await.sum("spillway_breaker_open_until_seconds", &[]), 0.0);
}

#[tokio::test]
async fn numbers_survive_a_filter_that_is_loaded_anew() {
    let regions = [region("eastus").await, region("westus").await, region("uksouth").await];
    let [eastus, westus, uksouth] = &regions;
    let setup = setup(CONFIG, [eastus, westus, uksouth]);
    let gateway = setup.that_traps().workers(1).start().await;
    let chat = || by("chat", Call::chat("gpt-4o-mini"));
    eastus.script(Fault::too_many_requests(RetryAfter::Seconds(300)));
    assert_eq!(gateway.send(&chat()).await.status, 200);
    let before = after(&gateway, 1).await;

    gateway.client().send(&chat().header("x-spillway-trap", "1")).await;
    let serves = async || (gateway.client().send(&chat()).await.status == 200).then_some(());
    eventually("a filter that serves again", serves).await;
    assert_eq!(gateway.client().send(&chat()).await.status, 200);

    let westus = [("backend", "westus"), ("outcome", "answered")];
    eventually("both requests after it", async || {
        let now = gateway.metrics().await;
        (now.sum("spillway_requests_total", &westus) == 3.0).then_some(())
    })
    .await;
    let now = gateway.metrics().await;
    for name in ["attempts_total", "breaker_openings_total", "breaker_state"] {
        let of =
            |metrics: &Metrics| metrics.sum(&format!("spillway_{name}"), &[("backend", "eastus")]);
        assert_eq!(of(&before), of(&now), "{name}");
    }
    assert_eq!(now.sum("spillway_breaker_state", &[("backend", "eastus")]), 2.0);
}
