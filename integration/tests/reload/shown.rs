//! What operators are shown while the file changes.

use serde_json::Value;
use spillway_integration::{Call, Gateway, eventually, region};
use spillway_simulator::{Fault, Region, RetryAfter};

fn file(regions: &[(&str, &Region)], clients: &[&str]) -> String {
    let backend = |(name, region): &(&str, &Region)| {
        let key = format!("${{KEY_{}}}", name.to_uppercase());
        format!("{name}: {{ url: \"{}\", api_key: \"{key}\" }}", region.url())
    };
    let client = |name: &&str| format!("{{ name: {}, key: \"${{{name}}}\" }}", name.to_lowercase());
    let backends: Vec<String> = regions.iter().map(backend).collect();
    let names: Vec<&str> = regions.iter().map(|(name, _)| *name).collect();
    let clients: Vec<String> = clients.iter().map(client).collect();
    format!(
        "backends: {{ {} }}\nmodels: {{ gpt-4o-mini: {{ pool: [{}] }} }}\nclients: [{}]\n",
        backends.join(", "),
        names.join(", "),
        clients.join(", ")
    )
}

/// Each member that is shown, with its state.
fn members(report: &Value) -> Vec<(String, String)> {
    let tiers = report["models"][0]["tiers"].as_array().expect("tiers");
    let members = tiers.iter().flat_map(|tier| tier["members"].as_array().expect("members"));
    let word = |member: &Value, field: &str| member[field].as_str().expect("a word").to_owned();
    members.map(|member| (word(member, "backend"), word(member, "state"))).collect()
}

#[tokio::test]
async fn the_status_and_the_gauges_follow_the_file() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let both = [("eastus", &eastus), ("westus", &westus)];
    let setup = Gateway::setup(&file(&both, &["ONE"]), [&eastus, &westus]);
    let gateway = setup.env("ONE", "key-1").env("TWO", "key-2").start().await;
    let call = Call::chat("gpt-4o-mini").header("api-key", "key-1");
    eastus.script(Fault::too_many_requests(RetryAfter::Seconds(300)));
    for _ in 0..2 {
        assert_eq!(gateway.send(&call).await.status, 200);
    }
    let open = [("eastus", "open"), ("westus", "closed")].map(|(a, b)| (a.into(), b.into()));
    assert_eq!(members(&gateway.report().await), open);
    let state = async |backend: &str| {
        let metrics = gateway.metrics().await;
        metrics.sum("spillway_breaker_state", &[("backend", backend)])
    };
    assert_eq!(state("eastus").await, 2.0);

    // Another VM, which has the circuits of the one before.
    gateway.reload(&file(&both, &["ONE", "TWO"])).await;
    assert_eq!(members(&gateway.report().await), open);
    assert_eq!(state("eastus").await, 2.0);

    // What is gone is not shown, and no alert goes on about it.
    gateway.reload(&file(&both[1..], &["ONE"])).await;
    assert_eq!(members(&gateway.report().await), open[1..]);
    assert_eq!(state("eastus").await, 0.0);
    assert_eq!(gateway.send(&call).await.backend(), "westus");
}

#[tokio::test]
async fn a_member_that_moves_is_in_one_tier_and_one_that_goes_in_none() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let both = [("eastus", &eastus), ("westus", &westus)];
    let setup = Gateway::setup(&file(&both, &["ONE"]), [&eastus, &westus]);
    let gateway = setup.env("ONE", "key-1").env("TWO", "key-2").start().await;
    let tiers = async |backend: &str| {
        let metrics = gateway.metrics().await;
        let labels = [("backend", backend)];
        let all = metrics.all("spillway_pool_member_info", &labels);
        let now = all.filter(|series| series.value == 1.0);
        now.map(|series| series.labels["tier"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((tiers("eastus").await, tiers("westus").await), (one("1"), one("1")));

    let moved = file(&both, &["ONE"]).replace("[westus, ", "[{ backend: westus, priority: 2 }, ");
    let moved = moved.replace(", westus]", ", { backend: westus, priority: 2 }]");
    gateway.reload(&moved).await;
    assert_eq!((tiers("eastus").await, tiers("westus").await), (one("1"), one("2")));

    // What is known of a member that goes is taken back by a VM that never knew it.
    westus.script(Fault::too_many_requests(RetryAfter::Seconds(300)));
    eastus.script(Fault::too_many_requests(RetryAfter::Seconds(300)));
    let call = Call::chat("gpt-4o-mini").header("api-key", "key-1");
    assert_eq!(gateway.send(&call).await.status, 429);
    gateway.reload(&file(&both[..1], &["ONE", "TWO"])).await;
    assert_eq!((tiers("eastus").await, tiers("westus").await), (one("1"), vec![]));
    let metrics = gateway.metrics().await;
    for (backend, state) in [("eastus", 2.0), ("westus", 0.0)] {
        assert_eq!(metrics.sum("spillway_breaker_state", &[("backend", backend)]), state);
    }
    let until = metrics.sum("spillway_breaker_open_until_seconds", &[("backend", "westus")]);
    assert_eq!(until, 0.0);
}

fn one(word: &str) -> Vec<String> {
    vec![word.to_owned()]
}

#[tokio::test]
async fn a_file_that_is_refused_is_seen_until_one_is_taken() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let both = [("eastus", &eastus), ("westus", &westus)];
    let right = file(&both, &["ONE"]);
    let setup = Gateway::setup(&right, [&eastus, &westus]).env("ONE", "key-1");
    let gateway = setup.workers(3).start().await;
    let digest = async || {
        let metrics = gateway.metrics().await;
        let all = metrics.all("spillway_config_info", &[]).filter(|series| series.value == 1.0);
        all.map(|series| series.labels["digest"].clone()).collect::<Vec<_>>()
    };
    let first = digest().await;
    assert_eq!(first, one(gateway.report().await["config"]["digest"].as_str().expect("a digest")));
    let counted = async || {
        let metrics = gateway.metrics().await;
        let sum = |name| metrics.sum(name, &[]);
        (sum("spillway_config_refusals_total"), sum("spillway_config_refused_seconds"))
    };
    assert_eq!(counted().await, (0.0, 0.0));
    assert!(gateway.metrics().await.sum("spillway_config_loaded_seconds", &[]) > 1.7e9);

    // The value that is wrong may be a key that was written at the wrong place.
    let wrong = right.replace("api_key: \"${KEY_WESTUS}\"", "api_key: \"a-literal-key\"");
    gateway.refuse(&wrong).await;
    let (times, at) = counted().await;
    assert!(times == 1.0 && at > 1.7e9, "{times} {at}");
    let report = gateway.report().await;
    let refused = &report["config"]["refused"];
    assert_eq!(refused["problems"], 1);
    assert_eq!(refused["places"], serde_json::json!(["backends.westus.api_key"]));
    assert!(refused["at_ms"].as_u64().is_some_and(|at| at > 1_700_000_000_000), "{refused}");
    assert_eq!(digest().await, first, "the running one is the same");
    for path in ["/config_dump", "/stats"] {
        assert!(!gateway.admin(path).await.contains("a-literal-key"), "{path}");
    }
    // It is told once more, and then taken back: the file is as it was.
    gateway.refuse(&wrong.replace("gpt-4o-mini", "gpt-4o")).await;
    assert_eq!(counted().await.0, 2.0);
    gateway.rewrite(&right);
    let taken_back = async || (counted().await.1 == 0.0).then_some(());
    eventually("no refusal", taken_back).await;
    assert_eq!(gateway.report().await["config"]["refused"], Value::Null);

    gateway.refuse("models: [").await;
    assert_eq!(counted().await.0, 3.0);
    gateway.reload(&right.replace("gpt-4o-mini", "gpt-4o")).await;
    assert_eq!(counted().await, (3.0, 0.0));
    let second = digest().await;
    assert!(second.len() == 1 && second != first, "{second:?}");
}

#[tokio::test]
async fn what_is_known_of_a_pool_outlives_a_file_that_is_refused() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let both = [("eastus", &eastus), ("westus", &westus)];
    let right = file(&both, &["ONE"]);
    let setup = Gateway::setup(&right, [&eastus, &westus]).env("ONE", "key-1");
    let gateway = setup.workers(1).start().await;
    let call = Call::chat("gpt-4o-mini").header("api-key", "key-1");
    assert_eq!(gateway.send(&call).await.backend(), "eastus");
    gateway.refuse("models: [").await;
    let refused = async || {
        let metrics = gateway.metrics().await;
        (metrics.sum("spillway_config_refusals_total", &[]) == 1.0).then_some(())
    };
    eventually("the refusal", refused).await;
    assert_eq!(gateway.send(&call).await.backend(), "westus", "whose turn it was");
}
