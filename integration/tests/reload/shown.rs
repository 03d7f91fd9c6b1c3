//! What operators are shown while the file changes.

use serde_json::Value;
use spillway_integration::{Call, Gateway, region};
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
