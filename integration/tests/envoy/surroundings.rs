//! What `spillway check` says of a bootstrap is what Envoy does with it.

use std::fs;
use std::process::Command;

use spillway_integration::{Call, Client, Plain, find, key_of, region, story};
use spillway_simulator::{Fault, Region, RetryAfter};

#[tokio::test]
async fn without_the_retrys_header_or_its_new_cluster_nothing_fails_over() {
    let regions = [region("eastus").await, region("westus").await];
    let right = rendered(&regions);
    // What each region is asked: the retry goes elsewhere, to the same again, or nowhere.
    for (taken, path, status, asked) in [
        ("", "", 200, [1, 1]),
        ("refresh_cluster_on_retry: true", "retry_policy.refresh_cluster_on_retry", 429, [2, 0]),
        ("- name: x-spillway-retry", "retry_policy.retriable_headers", 429, [1, 0]),
    ] {
        let wrong = without(&right, taken);
        let said = check(&wrong);
        assert_eq!(said.is_empty(), path.is_empty(), "{said}");
        assert!(said.contains(path), "{said}");

        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("envoy.yaml"), &wrong).unwrap();
        let keys = ["eastus", "westus"].map(|name| (variable(name), key_of(name)));
        let id = ["--use-dynamic-base-id"];
        let envoy = Plain::start(folder.path(), "envoy.yaml", &id, &keys).await;
        regions.iter().for_each(Region::clear);
        regions[0].script(Fault::too_many_requests(RetryAfter::Seconds(60)).forever());
        let client = Client::at(envoy.at);
        let answer = client.send(&Call::chat("gpt-4o")).await;
        let told = story([&regions[0], &regions[1]]);
        assert_eq!((answer.status, told), (status, asked), "without `{taken}`");
    }
}

#[tokio::test]
async fn without_the_codec_envoy_refuses_the_cluster() {
    let regions = [region("eastus").await, region("westus").await];
    let right = rendered(&regions);
    let codec = right.find("- name: envoy.filters.http.upstream_codec").unwrap();
    let rest = right[codec..].match_indices('\n').nth(3).unwrap().0;
    let wrong = format!("{}{}", &right[..codec], right[codec + rest..].trim_start_matches(' '));
    assert!(check(&wrong).contains("`envoy.filters.http.upstream_codec` is not the last filter"));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("envoy.yaml");
    fs::write(&file, wrong).unwrap();
    let keys = ["eastus", "westus"].map(|name| (variable(name), key_of(name)));
    let mut envoy = Command::new(find::envoy());
    let output = envoy.args(["--mode", "validate", "-c"]).arg(file).envs(keys).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{log}");
    assert!(log.contains("codec filter"), "{log}");
}

/// What `render` prints for two regions, the second as a reserve.
fn rendered(regions: &[Region; 2]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spillway.yaml");
    let mut config = String::from("backends:\n");
    for region in regions {
        let (name, url) = (region.name(), region.url());
        let key = variable(name);
        config += &format!("  {name}: {{ url: \"{url}\", api_key: \"${{{key}}}\" }}\n");
    }
    config += "models:\n  gpt-4o: { pool: [eastus, { backend: westus, priority: 2 }] }\n";
    fs::write(&file, config).unwrap();
    let output = Command::new(find::command())
        .args(["render", "envoy", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--filter"])
        .arg(find::filter())
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The bootstrap without the line that says this; of a list's only item, without its second line too.
fn without(bootstrap: &str, taken: &str) -> String {
    if taken.is_empty() {
        return bootstrap.to_owned();
    }
    let mut lines = bootstrap.lines().peekable();
    let mut left = String::new();
    while let Some(line) = lines.next() {
        if line.trim() != taken {
            left += &format!("{line}\n");
        } else if taken.starts_with('-') {
            lines.next_if(|line| line.trim_start().starts_with("present_match"));
        }
    }
    left
}

/// The errors that `check` finds.
fn check(bootstrap: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("envoy.yaml");
    fs::write(&file, bootstrap).unwrap();
    let mut command = Command::new(find::command());
    let output = command.args(["check", "--format", "json"]).arg(file).output().unwrap();
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let errors = found.as_array().unwrap().iter().filter(|one| one["severity"] == "error");
    errors.map(|one| format!("{}: {}\n", one["path"], one["message"])).collect()
}

fn variable(region: &str) -> String {
    format!("KEY_{}", region.to_uppercase())
}
