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

#[tokio::test]
async fn an_earlier_route_gets_the_requests_with_the_clients_key() {
    let regions = [region("eastus").await, region("westus").await];
    let right = rendered(&regions);
    // What an earlier route matches, and what of Spillway's requests it takes.
    for (earlier, expected) in [
        ("prefix: /", "an earlier route takes these paths"),
        ("safe_regex: { regex: '.*' }", "an earlier route takes these paths"),
        ("path_separated_prefix: /openai", "an earlier route takes some of these paths"),
        ("prefix: /OPENAI, case_sensitive: false", "an earlier route takes some of these paths"),
        ("prefix: /health", ""),
        ("prefix: /OPENAI", ""),
    ] {
        let taken = !expected.is_empty();
        let wrong = with_first_route(&right, earlier, regions[1].addr().port());
        let said = found(&wrong);
        assert_eq!(said.contains("an earlier route takes"), taken, "{earlier}: {said}");
        assert!(said.contains(expected), "{earlier}: {said}");

        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("envoy.yaml"), &wrong).unwrap();
        let keys = ["eastus", "westus"].map(|name| (variable(name), key_of(name)));
        let envoy =
            Plain::start(folder.path(), "envoy.yaml", &["--use-dynamic-base-id"], &keys).await;
        regions.iter().for_each(Region::clear);
        let call = Call::chat("gpt-4o").header("api-key", "key-of-a-client");
        Client::at(envoy.at).send(&call).await;
        let told = story([&regions[0], &regions[1]]);
        assert_eq!(told, if taken { [0, 1] } else { [1, 0] }, "{earlier}");
        let key = regions[usize::from(taken)].requests().pop().unwrap();
        let client = key.header("api-key") == Some("key-of-a-client");
        assert_eq!(client, taken, "{earlier}: whose key the backend got");
    }
}

#[tokio::test]
async fn a_path_that_envoy_refuses_is_an_error_that_sdks_read() {
    let regions = [region("eastus").await, region("westus").await];
    let right = rendered(&regions);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("envoy.yaml"), &right).unwrap();
    let keys = ["eastus", "westus"].map(|name| (variable(name), key_of(name)));
    let envoy = Plain::start(folder.path(), "envoy.yaml", &["--use-dynamic-base-id"], &keys).await;
    let client = Client::at(envoy.at);
    for path in [
        "/openai/deployments/gpt-4o/..%2fo1-pro/chat/completions",
        "/openai/deployments/gpt-4o%2Fchat/completions",
        "/openai/deployments/gpt-4o/..%5co1-pro/chat/completions",
    ] {
        let answer = client.send(&Call::post(path, &serde_json::json!({}))).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        let error = &answer.json()["error"];
        assert_eq!(error["code"], "path_ambiguous", "{path}");
        assert_eq!(error["type"], "invalid_request_error", "{path}");
        assert!(error["message"].as_str().unwrap().contains("escaped slashes"), "{error}");
    }
    // One slash or several, and a letter or its escape, are the same path.
    for path in [
        "//openai///deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        "/openai/%64eployments/gpt-4o/chat/completions?api-version=2024-10-21",
    ] {
        let call = Call::post(path, &serde_json::json!({ "messages": [] }));
        assert_eq!(client.send(&call).await.status, 200, "{path}");
    }
    assert_eq!(story([&regions[0], &regions[1]]), [2, 0]);
    let seen = regions[0].requests();
    let path = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21";
    assert!(seen.iter().all(|seen| seen.path == path), "{seen:?}");
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

/// The bootstrap with a route before Spillway's, which leads to this port, and switches the filter off.
fn with_first_route(bootstrap: &str, matching: &str, port: u16) -> String {
    let off = "typed_per_filter_config: { spillway.gateway: { '@type': \
               type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true } }";
    let route = format!("{{ match: {{ {matching} }}, route: {{ cluster: mine }}, {off} }}");
    let cluster = format!(
        "{{ name: mine, load_assignment: {{ cluster_name: mine, endpoints: [{{ lb_endpoints: \
         [{{ endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} \
         }} }} }} }}] }}] }} }}"
    );
    first(&first(bootstrap, " routes:\n", &route), "  clusters:\n", &cluster)
}

/// With this item before the others of a list.
fn first(bootstrap: &str, list: &str, item: &str) -> String {
    let (before, after) = bootstrap.split_once(list).unwrap();
    let indent = " ".repeat(after.len() - after.trim_start_matches(' ').len());
    format!("{before}{list}{indent}- {item}\n{after}")
}

/// The errors that `check` finds.
fn check(bootstrap: &str) -> String {
    let all = found(bootstrap);
    let errors = all.lines().filter_map(|line| line.strip_prefix("error "));
    errors.map(|line| format!("{line}\n")).collect()
}

/// All that `check` finds, a line each.
fn found(bootstrap: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("envoy.yaml");
    fs::write(&file, bootstrap).unwrap();
    let mut command = Command::new(find::command());
    let output = command.args(["check", "--format", "json"]).arg(file).output().unwrap();
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text =
        |one: &serde_json::Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    let line = |one: &serde_json::Value| {
        format!("{} {}: {}\n", text(one, "severity"), text(one, "path"), text(one, "message"))
    };
    found.as_array().unwrap().iter().map(line).collect()
}

fn variable(region: &str) -> String {
    format!("KEY_{}", region.to_uppercase())
}
