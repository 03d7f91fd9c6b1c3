//! The status page in Chromium, before a real gateway under real traffic.
//!
//! `integration/python/status_page.py` is the person who looks; what it must find is written there.
//! Screenshots are left in `.tools/screenshots` for people to look at.

use spillway_integration::{Call, Gateway, Python, find, region};
use spillway_simulator::{Fault, RetryAfter};

const CONFIG: &str = "
circuit_breaker: { failures: 1 }
models:
  gpt-4o-mini:
    pool:
      - { backend: eastus-ptu, priority: 1 }
      - { backend: swedencentral, priority: 2, weight: 80 }
      - { backend: westus, priority: 2, weight: 20 }
  gpt-4.1: { pool: [westus] }
  gpt-4.1-nano: { pool: [swedencentral, westus] }
";

#[tokio::test]
async fn the_page_shows_a_failover_within_two_seconds_and_is_readable_by_everyone() {
    let (eastus, sweden) = (region("eastus-ptu").await, region("swedencentral").await);
    let westus = region("westus").await;
    let backends: String = [&eastus, &sweden, &westus]
        .map(|region| {
            format!(
                "  {}: {{ url: \"{}\", api_key: \"${{KEY_{}}}\" }}\n",
                region.name(),
                region.url(),
                key(region.name())
            )
        })
        .concat();
    let keys = [&eastus, &sweden, &westus].map(|region| {
        (format!("KEY_{}", key(region.name())), spillway_integration::key_of(region.name()))
    });
    let gateway =
        Gateway::of(format!("backends:\n{backends}{CONFIG}"), keys.to_vec()).start().await;
    for (model, times) in [("gpt-4o-mini", 40), ("gpt-4.1", 7), ("gpt-4.1-nano", 21)] {
        for answer in gateway.send_times(times, &Call::v1_chat(model)).await {
            assert_eq!(answer.status, 200);
        }
    }
    eastus.script(Fault::too_many_requests(RetryAfter::Seconds(300)));
    let status = format!("http://{}/", gateway.status());
    let folder = find::screenshots().display().to_string();
    let url = gateway.url();
    let arguments = [status.as_str(), &url, "gpt-4o-mini", "eastus-ptu", &folder];
    let seen = Python::Browser.run("status_page.py", &arguments).await;
    let what: Vec<&str> = seen.iter().filter_map(|line| line["what"].as_str()).collect();
    let shots = ["screenshot"; 4];
    assert_eq!(what, [&["failover"][..], &shots, &["large pool", "lost and found"]].concat());
}

fn key(region: &str) -> String {
    region.to_uppercase().replace('-', "_")
}
