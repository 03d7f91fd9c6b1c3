//! What `check` refuses, the filter refuses too, in the same words: at start, and as an update.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use spillway_integration::{Call, Client, Journal, eventually, find, region};

use spillway_simulator::{Fault, RetryAfter};

use crate::started::{Started, folder};

const RIGHT: &str = "
backends: { eastus: { url: \"URL\", api_key: \"${KEY}\" } }
models: { gpt-4o-mini: { pool: [eastus] } }
clients: [{ name: chat-app, key: \"${CLIENT}\" }]
";

#[tokio::test]
async fn an_unknown_field() {
    is_refused("models:", "retries: { attempts: 3 }\nmodels:", "").await;
}

#[tokio::test]
async fn an_empty_pool() {
    is_refused("pool: [eastus]", "pool: []", "").await;
}

#[tokio::test]
async fn a_secret_in_clear_which_is_not_repeated() {
    is_refused("\"${KEY}\"", "0123456789abcdef", "").await;
}

#[tokio::test]
async fn a_variable_with_a_clients_key_that_is_missing() {
    is_refused("clients:", "clients:", "CLIENT").await;
}

/// The right configuration with `to` for `from`, and without one variable.
async fn is_refused(from: &str, to: &str, missing: &str) {
    let wrong = RIGHT.replace("URL", "http://127.0.0.1:9").replace(from, to);
    let problem = problem(&wrong, missing);
    let folder = folder();
    let bootstrap = with_config(&rendered(folder.path(), "http://127.0.0.1:9"), &wrong);
    let mut envoy = start_envoy(folder.path(), &bootstrap);
    envoy.env_remove(missing_or_none(missing));
    let mut envoy = Started::new(folder, &mut envoy);
    assert_eq!(envoy.end().await.code(), Some(1));
    let log = envoy.read("stderr");
    assert!(log.contains(&format!("spillway: {problem}")), "{problem}\nis not in\n{log}");
    assert!(!log.contains("0123456789abcdef"), "{log}");
}

/// An Envoy that runs already keeps what it has until something right comes.
#[tokio::test]
async fn a_wrong_update_is_rejected_and_a_right_one_keeps_what_is_known_of_backends() {
    let eastus = region("eastus").await;
    let folder = folder();
    let mut bootstrap = rendered(folder.path(), &eastus.url());
    let listener = bootstrap["static_resources"]["listeners"].take()[0].clone();
    bootstrap["static_resources"].as_object_mut().expect("an object").remove("listeners");
    let discovery = folder.path().join("listeners.json");
    bootstrap["dynamic_resources"] = json!({ "lds_config": {
        "path_config_source": { "path": discovery },
        "resource_api_version": "V3",
    }});
    publish(&discovery, &listener);
    let mut envoy = start_envoy(folder.path(), &bootstrap);
    let envoy = Started::new(folder, &mut envoy);
    let admin: SocketAddr =
        eventually("the admin interface", async || envoy.read("admin").parse().ok()).await;
    let admin = Client::at(admin);
    let at = eventually("the listener", async || {
        let listeners = admin.try_send(&Call::get("/listeners?format=json")).await.ok()?.json();
        let address = listeners["listener_statuses"][0]["local_address"]["socket_address"].clone();
        let at = format!("127.0.0.1:{}", address["port_value"]).parse::<SocketAddr>().ok()?;
        let ready = admin.try_send(&Call::get("/ready")).await.ok()?;
        ready.text().contains("LIVE").then_some(at)
    })
    .await;
    let client = Client::at(at);
    let chat = |model: &str| Call::chat(model).header("api-key", "secret");
    assert_eq!(client.send(&chat("gpt-4o-mini")).await.status, 200);

    let right = RIGHT.replace("URL", &eastus.url());
    publish(&discovery, &with_config(&listener, &right.replace("pool: [eastus]", "pool: []")));
    eventually("the rejection", async || {
        let stats = admin.send(&Call::get("/stats?filter=lds.update_rejected")).await.text();
        (!stats.trim().ends_with(" 0")).then_some(())
    })
    .await;
    let log = envoy.read("stderr");
    assert!(log.contains("spillway: models.gpt-4o-mini.pool: the pool has no members"), "{log}");
    assert_eq!(client.send(&chat("gpt-4o-mini")).await.status, 200);
    assert_eq!(Client::at(at).send(&chat("gpt-4o-mini")).await.status, 200);
    assert_eq!(eastus.count(), 3);

    eastus.script(Fault::too_many_requests(RetryAfter::Seconds(60)));
    assert_eq!(client.send(&chat("gpt-4o-mini")).await.status, 429);
    let one_more = right.replace("models: {", "models: { gpt-4.1: { pool: [eastus] },");
    publish(&discovery, &with_config(&listener, &one_more));
    eventually("the right one", async || {
        (Client::at(at).try_send(&chat("gpt-4.1")).await.ok()?.status == 200).then_some(())
    })
    .await;
    let before = eastus.count();
    let answer = Client::at(at).send(&chat("gpt-4o-mini")).await;
    assert_eq!((answer.status, eastus.count()), (429, before), "what it announced still holds");
}

/// The one problem that `check` prints, with its hint and without its place, as the filter has no
/// file; of a missing variable the message alone: that hint is about `check`'s own arguments.
fn problem(config: &str, missing: &str) -> String {
    let folder = folder();
    let file = folder.path().join("spillway.yaml");
    fs::write(&file, config).expect("a configuration");
    let mut check = Command::new(find::command());
    check.arg("check").arg(&file).env("KEY", "secret").env("CLIENT", "secret");
    let output = check.env_remove(missing_or_none(missing)).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).expect("text");
    let mut lines: Vec<&str> = text.lines().collect();
    assert!(lines.pop().is_some_and(|last| last.ends_with(": 1 problem")), "{text}");
    assert!(lines.len() == 2 && lines[1].starts_with("  hint: "), "{text}");
    lines.truncate(if missing.is_empty() { 2 } else { 1 });
    let (place, problem) = lines[0].split_once(": ").expect("a place");
    assert!(place.ends_with(|last: char| last.is_ascii_digit()), "{text}");
    lines[0] = problem;
    lines.join("\n")
}

/// A name that is in nobody's environment, where nothing is missing.
fn missing_or_none(missing: &str) -> &str {
    if missing.is_empty() { "SPILLWAY_TEST_NONE" } else { missing }
}

/// What `render envoy` prints for the right configuration.
fn rendered(folder: &Path, url: &str) -> Value {
    let file = folder.join("spillway.yaml");
    fs::write(&file, RIGHT.replace("URL", url)).expect("a configuration");
    let mut render = Command::new(find::command());
    render.args(["render", "envoy", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    let output = render.arg("--filter").arg(find::filter()).arg(file).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    serde_saphyr::from_str(&String::from_utf8(output.stdout).expect("text")).expect("YAML")
}

/// The same with this configuration inside the downstream filter's.
fn with_config(rendered: &Value, config: &str) -> Value {
    let config: Value = serde_saphyr::from_str(config).expect("YAML");
    let plugin = json!({ "seat": "gateway", "config": config }).to_string();
    let mut changed = rendered.clone();
    let place = downstream_filter(&mut changed).expect("the downstream filter");
    *place = json!(plugin);
    changed
}

/// Wherever a text says that it is for the downstream filter.
fn downstream_filter(value: &mut Value) -> Option<&mut Value> {
    if value.as_str().is_some_and(|text| text.starts_with("{\"seat\":\"gateway\"")) {
        return Some(value);
    }
    match value {
        Value::Array(list) => list.iter_mut().find_map(downstream_filter),
        Value::Object(fields) => fields.values_mut().find_map(downstream_filter),
        _ => None,
    }
}

/// Envoy with both keys, before it is started.
fn start_envoy(folder: &Path, bootstrap: &Value) -> Command {
    let file = folder.join("envoy.json");
    fs::write(&file, bootstrap.to_string()).expect("a bootstrap");
    let mut envoy = Command::new(find::envoy());
    envoy.args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning", "-c"]);
    envoy.arg(file).arg("--admin-address-path").arg(folder.join("admin"));
    envoy.env("KEY", "key-of-eastus").env("CLIENT", "secret");
    envoy
}

/// As discovery by files wants it: another file takes the old one's place at once.
fn publish(discovery: &Path, listener: &Value) {
    let mut resource = listener.clone();
    resource["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
    let next = discovery.with_extension("next");
    fs::write(&next, json!({ "resources": [resource] }).to_string()).expect("a file");
    fs::rename(next, discovery).expect("a rename");
}
