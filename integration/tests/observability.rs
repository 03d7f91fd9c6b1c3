//! A real Prometheus scrapes the real Envoy: every metric arrives, every rule is taken, and every
//! panel of the dashboard has something to show.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use spillway::metrics::{DEFINITIONS, Kind};
use spillway_integration::scraper::Prometheus;
use spillway_integration::{Call, Gateway, eventually, find, region, time_passes};
use spillway_simulator::{Fault, RetryAfter};

/// What a dashboard asks: each of these must yield something.
const QUESTIONS: [&str; 9] = [
    "sum by (model, outcome) (rate(spillway_requests_total[1m]))",
    "sum by (backend, cause) (rate(spillway_attempts_total[1m]))",
    "sum by (backend, cause) (rate(spillway_failovers_total[1m]))",
    "max by (backend) (spillway_breaker_state)",
    "histogram_quantile(0.95, sum by (le, model) (rate(spillway_first_byte_milliseconds_bucket[1m])))",
    "histogram_quantile(0.5, sum by (le) (rate(spillway_own_time_microseconds_bucket[1m])))",
    "sum by (model, client) (rate(spillway_client_throttled_total[1m]))",
    "sum by (reason) (rate(spillway_rejections_total[1m]))",
    "min by (instance, model) (spillway_breaker_state{tier=\"1\"})",
];

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
    let setup = Gateway::setup(CONFIG, [&eastus, &westus, &uksouth]).env("CHAT", "key-of-chat");
    let gateway = setup.start().await;
    let prometheus = Prometheus::watching(gateway.admin_address(), &file("rules.yaml")).await;

    let chat = |model| Call::chat(model).header("api-key", "key-of-chat");
    // A rate needs two scrapes: all happens twice, with one between.
    for round in 0..2_u32 {
        assert_eq!(gateway.send(&chat("gpt-4o-mini")).await.status, 200);
        let streamed = Call::streamed_chat("gpt-4o-mini").header("api-key", "key-of-chat");
        assert_eq!(gateway.send(&streamed).await.status, 200);
        gateway.send(&chat("made-up")).await;
        gateway.send(&Call::chat("gpt-4o-mini")).await;
        if round == 0 {
            let sent = async || (prometheus.sum(REQUESTS).await >= 4.0).then_some(());
            eventually("the first round", sent).await;
            // Its throttled and failing ends come last: they last.
            eastus.script(Fault::too_many_requests(RetryAfter::Seconds(300)));
            uksouth.script(Fault::status(500));
            gateway.send(&chat("solo")).await;
        }
    }
    westus.script(Fault::too_many_requests(RetryAfter::Seconds(300)));
    for _ in 0..2 {
        assert_eq!(gateway.send(&chat("gpt-4o-mini")).await.status, 429);
    }

    let expected = gateway_total(&gateway).await;
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
    for question in QUESTIONS.into_iter().map(str::to_owned).chain(panels()) {
        eventually(&question, async || prometheus.query(&question).await.pop()).await;
    }
    let rules: Value = serde_saphyr::from_str(&read("rules.yaml")).expect("YAML");
    let rules = rules["groups"][0]["rules"].as_array().expect("rules").clone();
    let mut names: Vec<_> = rules.iter().filter_map(|rule| rule["alert"].as_str()).collect();
    let mut known = prometheus.alerts().await;
    names.sort_unstable();
    known.sort_unstable();
    assert_eq!(known, names);
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

#[test]
fn promtool_takes_the_rules_and_they_fire_when_they_should() {
    for (what, name) in [("check", "rules.yaml"), ("test", "rules_test.yaml")] {
        let promtool = find::prometheus("promtool");
        let output = Command::new(promtool).args([what, "rules"]).arg(file(name)).output();
        let output = output.expect("promtool runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A rule that could say anything would pass: so each expression is broken in turn, and the rules'
/// own test must see it.
#[test]
fn a_wrong_rule_is_seen_by_its_test() {
    let rules = read("rules.yaml");
    let wrong = [
        ("tier=\"1\"", "tier=\"2\""),
        ("min by (instance, model)", "max by (instance, model)"),
        ("min by (instance, model)", "min by (model)"),
        ("(spillway_breaker_state{tier=\"1\"}) >= 1", "(spillway_breaker_state{tier=\"1\"}) == 2"),
        ("and sum by (instance, model) (", "or sum by (instance, model) ("),
        (
            "(increase(spillway_breaker_openings_total[30m])) > 0",
            "(spillway_breaker_openings_total) > 0",
        ),
        (
            "increase(spillway_breaker_openings_total[5m]) > 0",
            "spillway_breaker_openings_total < 0",
        ),
        ("max_over_time(spillway_breaker_state[5m]) > 0", "spillway_breaker_state == 2"),
        ("max_over_time(spillway_breaker_state[5m]) > 0", "spillway_breaker_state >= 0"),
        ("{cause=\"ok\"}[5m]) > 0", "{cause=\"ok\"}[5m]) > 100"),
        ("> 0.01", "> 0.001"),
        ("spillway_client_throttled_total[5m]", "spillway_client_throttled_total[5m] offset 1d"),
        ("unavailable|broken|backend_refused", "unavailable|broken"),
        ("unavailable|broken|backend_refused", ".*"),
        ("{cause!=\"throttled\"}", ""),
        ("> 0.1\n", "> 0.01\n"),
        ("cause=\"refused\"", "cause=~\"refused|server_error\""),
        ("spillway_usage_unknown_total[30m]", "spillway_requests_total[30m]"),
        ("up{job=\"spillway\"} == 1", "up{job=\"spillway\"}"),
        ("up{job=\"spillway\"} == 1", "up == 1"),
        ("unless on (instance, job)", "and on (instance, job)"),
    ];
    for (right, wrong) in wrong {
        assert!(rules.contains(right), "{right}");
        let directory = tempfile::tempdir().expect("a folder");
        let put = |name: &str, text: &str| fs::write(directory.path().join(name), text);
        put("rules.yaml", &rules.replace(right, wrong)).expect("rules");
        put("rules_test.yaml", &read("rules_test.yaml")).expect("their test");
        let test = directory.path().join("rules_test.yaml");
        let promtool =
            Command::new(find::prometheus("promtool")).args(["test", "rules"]).arg(test).output();
        assert!(
            !promtool.expect("promtool runs").status.success(),
            "{wrong} is as good as {right}"
        );
    }
}

#[test]
fn every_alert_is_explained_and_every_explanation_has_an_alert() {
    let rules: Value = serde_saphyr::from_str(&read("rules.yaml")).expect("YAML");
    let docs =
        fs::read_to_string(find::workspace().join("docs/alerts.md")).expect("docs/alerts.md");
    let explained: BTreeSet<&str> =
        docs.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let mut names = BTreeSet::new();
    for rule in rules["groups"][0]["rules"].as_array().expect("rules") {
        let name = rule["alert"].as_str().expect("a name");
        let anchor = format!("docs/alerts.md#{}", name.to_lowercase());
        assert_eq!(rule["annotations"]["runbook"], anchor);
        names.insert(name);
        let expression = rule["expr"].as_str().expect("an expression");
        let ours = |word: &&str| word.starts_with("spillway_");
        let words = expression.split(|c: char| !c.is_alphanumeric() && c != '_').filter(ours);
        for word in words {
            assert!(DEFINITIONS.iter().any(|definition| definition.name == word), "{name}: {word}");
        }
    }
    assert_eq!(explained, names);
}

fn file(name: &str) -> PathBuf {
    Path::new(&find::workspace()).join("deploy/prometheus").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(file(name)).expect("a file")
}

const REQUESTS: &str = "sum(spillway_requests_total)";
