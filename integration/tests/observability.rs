//! A real Prometheus scrapes two gateways on the real Envoy: every metric arrives, every rule is taken,
//! and every panel of the dashboard has something to show, after reloads too.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use spillway::metrics::{DEFINITIONS, Kind};
use spillway_integration::scraper::Prometheus;
use spillway_integration::{Call, Gateway, Journal, eventually, find, region, time_passes};
use spillway_simulator::{Fault, Region, RetryAfter, Stall};

const CONFIG: &str = "
clients: [{ name: chat-app, key: \"${CHAT}\" }]
circuit_breaker: { failures: 1, trip: 10m }
models:
  gpt-4o-mini:
    headroom: true
    pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }]
  solo: { pool: [uksouth] }
";

#[tokio::test]
async fn a_real_prometheus_finds_every_metric_and_takes_every_rule() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let uksouth = region("uksouth").await;
    let setup = || Gateway::setup(CONFIG, [&eastus, &westus, &uksouth]).env("CHAT", "key-of-chat");
    let gateways = [setup().start().await, setup().start().await];
    let [gateway, other] = &gateways;
    let admins = [gateway.admin_address(), other.admin_address()];
    let prometheus = Prometheus::watching(&admins, &file("rules.yaml")).await;

    let chat = |model| Call::chat(model).header("api-key", "key-of-chat").another();
    // A rate needs two scrapes: all happens twice, with one between.
    for round in 0..2_u32 {
        for gateway in &gateways {
            assert_eq!(gateway.send(&chat("gpt-4o-mini")).await.status, 200);
            let streamed = Call::streamed_chat("gpt-4o-mini").header("api-key", "key-of-chat");
            assert_eq!(gateway.send(&streamed).await.status, 200);
            gateway.send(&chat("made-up")).await;
            gateway.send(&Call::chat("gpt-4o-mini")).await;
            leaves(gateway, &chat("solo"), &uksouth).await;
        }
        if round == 0 {
            let sent = async || (prometheus.sum(REQUESTS).await >= 10.0).then_some(());
            eventually("the first round", sent).await;
            // Its throttled and failing ends come last: they last.
            eastus.script(Fault::too_many_requests(RetryAfter::Seconds(300)).times(2));
            for gateway in &gateways {
                uksouth.script(Fault::status(500));
                gateway.send(&chat("solo")).await;
            }
        }
    }
    // What was told of a member's tier before must not stand beside what is true now.
    let file_now = fs::read_to_string(gateway.config()).expect("the file");
    gateway.reload(&file_now.replace("eastus, priority: 1", "eastus, priority: 3")).await;
    other.refuse("models: nonsense").await;
    for region in [&westus, &eastus] {
        region.script(Fault::too_many_requests(RetryAfter::Seconds(300)).forever());
    }
    for gateway in &gateways {
        for _ in 0..2 {
            assert_eq!(gateway.send(&chat("gpt-4o-mini")).await.status, 429);
        }
    }

    let mut expected = 0.0;
    for gateway in &gateways {
        expected += gateway_total(gateway).await;
    }
    eventually("all requests at Prometheus", async || {
        (prometheus.sum(REQUESTS).await == expected).then_some(())
    })
    .await;
    for definition in DEFINITIONS {
        let name = match definition.kind {
            Kind::Histogram(_) => format!("{}_count", definition.name),
            _ => definition.name.to_owned(),
        };
        eventually(&name, async || prometheus.query(&name).await.pop()).await;
    }
    for question in panels() {
        eventually(&question, async || prometheus.query(&question).await.pop()).await;
    }
    let mut names = alerts();
    let mut known = prometheus.alerts().await;
    names.sort_unstable();
    known.sort_unstable();
    assert_eq!(known, names);
}

/// A client that asks this, and that is gone before the backend answers.
async fn leaves(gateway: &Gateway, call: &Call, backend: &Region) {
    let asked = backend.count();
    backend.script(Fault::stall(Stall::BeforeHeaders));
    let client = gateway.client();
    let call = call.clone();
    let request = tokio::spawn(async move { client.try_send(&call).await.map(drop) });
    eventually("the request", async || (backend.count() > asked).then_some(())).await;
    request.abort();
}

/// The names of all alerts.
fn alerts() -> Vec<String> {
    let rules: Value = serde_saphyr::from_str(&read("rules.yaml")).expect("YAML");
    let rules = rules["groups"][0]["rules"].as_array().expect("rules").clone();
    rules.iter().filter_map(|rule| Some(rule["alert"].as_str()?.to_owned())).collect()
}

async fn gateway_total(gateway: &Gateway) -> f64 {
    // Requests are counted when they are over, a little after their clients have the answer.
    let mut last = -1.0;
    loop {
        let now = gateway.metrics().await.sum("spillway_requests_total", &[]);
        if now == last {
            return now;
        }
        last = now;
        time_passes(Duration::from_millis(200)).await;
    }
}

/// What the dashboard asks.
fn panels() -> Vec<String> {
    let dashboard = find::workspace().join("deploy/grafana/dashboards/spillway.json");
    let text = fs::read_to_string(dashboard).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let mut expressions = Vec::new();
    collect(&dashboard, &mut expressions);
    assert!(!expressions.is_empty(), "a dashboard that asks nothing");
    expressions
}

/// Every `expr` of a dashboard, with Grafana's variables filled in.
fn collect(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(expression) = fields.get("expr").and_then(Value::as_str) {
                into.push(filled_in(expression));
            }
            fields.values().for_each(|value| collect(value, into));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, into)),
        _ => {}
    }
}

fn filled_in(expression: &str) -> String {
    let mut text = expression.to_owned();
    for window in ["$__rate_interval", "${__rate_interval}", "$__interval", "$__range"] {
        text = text.replace(window, "1m");
    }
    for (price, dollars) in [("$price_prompt", "2.5"), ("$price_completion", "10")] {
        text = text.replace(price, dollars);
    }
    // A variable that selects: all.
    while let Some(start) = text.find('$') {
        let rest = &text[start + 1..];
        let length = match rest.strip_prefix('{') {
            Some(inside) => inside.find('}').expect("a closed variable") + 2,
            None => rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len()),
        };
        text.replace_range(start..=start + length, ".*");
    }
    text
}

fn file(name: &str) -> PathBuf {
    Path::new(&find::workspace()).join("deploy/prometheus").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(file(name)).expect("a file")
}

const REQUESTS: &str = "sum(spillway_requests_total)";
