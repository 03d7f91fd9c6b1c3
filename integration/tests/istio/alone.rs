//! What fails with us fails alone: our route answers an error that says so, every other host of the
//! gateway is served, and its changes arrive; on a gateway that runs, and on one that starts with it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spillway_integration::{Call, Gateway, eventually};
use spillway_simulator::Region;

use super::merge::Extensions;
use super::neighbours::{CONFIG, chat, regions};
use super::{extensions, mesh, proxy};

const GATEWAY: &str = "spillway.gateway";
const BACKEND: &str = "spillway.backend";

#[tokio::test]
async fn a_module_that_is_missing() {
    fails_alone(|config, folder| mesh::ingress_but(config, folder, from("/nowhere.wasm"))).await;
}

#[tokio::test]
async fn a_module_that_is_broken() {
    fails_alone(|config, folder| {
        let module = folder.join("broken.wasm");
        std::fs::write(&module, b"\0asm\x01\0\0\0 and no more").expect("a file");
        mesh::ingress_but(config, folder, from(module.to_str().expect("a path")))
    })
    .await;
}

#[tokio::test]
async fn a_module_that_is_missing_for_the_clusters_alone() {
    fails_alone(|config, folder| {
        mesh::ingress_but(config, folder, |all| {
            point(all.get_mut(BACKEND).expect("it"), "/nowhere.wasm");
        })
    })
    .await;
}

#[tokio::test]
async fn a_configuration_that_the_filter_refuses() {
    fails_alone(|config, folder| {
        mesh::ingress_but(config, folder, |all| refuse(all.get_mut(GATEWAY).expect("it")))
    })
    .await;
}

/// Istio's agent brings a filter that denies everything in place of each that it cannot fetch.
#[tokio::test]
async fn a_module_that_the_agent_cannot_fetch() {
    let (gateway, _regions) = started(mesh::ingress_without_the_module).await;
    let ours = gateway.send(&chat()).await;
    assert_eq!((ours.status, ours.header("content-type")), (503, "application/json"));
    assert_eq!(ours.json()["error"]["code"], "gateway_misconfigured", "{}", ours.text());
    assert!(ours.text().contains("could not fetch"), "{}", ours.text());
    the_neighbour_lives(&gateway).await;
}

#[tokio::test]
async fn a_specifier_that_the_proxy_does_not_link() {
    let lacking = [extensions::lacking(), vec![MATCHER.to_owned()]].concat();
    let (eastus, westus) = regions().await;
    let setup = Gateway::setup(CONFIG, [&eastus, &westus]).in_bootstrap(mesh::ingress);
    let gateway = setup.without(lacking).start().await;
    let ours = gateway.send(&chat()).await;
    let needs_it = extensions::specifies_clusters();
    assert_eq!(ours.status, if needs_it { 503 } else { 200 }, "{}", ours.text());
    the_neighbour_lives(&gateway).await;
}

/// What runs goes on with what it has.
#[tokio::test]
async fn an_update_that_a_running_gateway_refuses() {
    let (gateway, _regions) = started(mesh::ingress).await;
    assert_eq!(gateway.send(&chat()).await.status, 200);
    let folder = folder(&gateway);
    for (refused, break_it) in [(1, refuse as fn(&mut Value)), (2, lose)] {
        let file = std::fs::read(folder.join(format!("{GATEWAY}.json"))).expect("a file");
        let mut answer: Value = serde_json::from_slice(&file).expect("JSON");
        let extension = &mut answer["resources"][0];
        break_it(extension);
        mesh::bring(extension, &folder);
        eventually("the refusal", async || (rejected(&gateway).await >= refused).then_some(()))
            .await;
        assert_eq!(gateway.send(&chat()).await.status, 200);
    }
    the_neighbour_lives(&gateway).await;
}

async fn fails_alone(bootstrap: fn(&str, &Path) -> Value) {
    let (gateway, _regions) = started(bootstrap).await;
    let ours = gateway.send(&chat()).await;
    assert_eq!(ours.status, 500, "{}", ours.text());
    assert_eq!(ours.json()["error"]["code"], "gateway_misconfigured", "{}", ours.text());
    the_neighbour_lives(&gateway).await;
    assert_eq!(gateway.send(&chat()).await.status, 500);
}

/// The gateway, and what is behind it.
async fn started(bootstrap: fn(&str, &Path) -> Value) -> (Gateway, [Region; 2]) {
    let (eastus, westus) = regions().await;
    let setup = Gateway::setup(CONFIG, [&eastus, &westus]).in_bootstrap(bootstrap);
    (setup.without(extensions::lacking()).start().await, [eastus, westus])
}

/// It is served, and so are its changes.
async fn the_neighbour_lives(gateway: &Gateway) {
    for text in ["the shop is open", "the shop is closed again"] {
        let before = gateway.send(&theirs()).await;
        assert_eq!(before.status, 503, "{}", before.text());
        mesh::change_routes(&folder(gateway), |routes| {
            let hosts = routes["virtual_hosts"].as_array_mut().expect("hosts");
            let shop = hosts.iter_mut().find(|host| host["domains"][0] == proxy::NEIGHBOUR);
            shop.expect("the shop")["routes"][0]["direct_response"]["body"]["inline_string"] =
                json!(text);
        });
        eventually("the neighbour's change", async || {
            let answer = gateway.send(&theirs()).await;
            assert_eq!(answer.status, 503, "{}", answer.text());
            (answer.text() == text).then_some(())
        })
        .await;
    }
}

fn from(module: &str) -> impl FnOnce(&mut Extensions) {
    let module = module.to_owned();
    move |all| all.values_mut().for_each(|extension| point(extension, &module))
}

fn point(extension: &mut Value, module: &str) {
    extension["typed_config"]["config"]["vm_config"]["code"]["local"]["filename"] = json!(module);
}

fn lose(extension: &mut Value) {
    point(extension, "/nowhere.wasm");
}

fn refuse(extension: &mut Value) {
    extension["typed_config"]["config"]["configuration"]["value"] = json!("{}");
}

async fn rejected(gateway: &Gateway) -> u64 {
    gateway.stat(&format!("extension_config_discovery.http_filter.{GATEWAY}.update_rejected")).await
}

fn theirs() -> Call {
    chat().header("host", proxy::NEIGHBOUR)
}

fn folder(gateway: &Gateway) -> PathBuf {
    gateway.config().parent().expect("a folder").to_owned()
}

const MATCHER: &str =
    "envoy.router.cluster_specifier_plugin/envoy.router.cluster_specifier_plugin.matcher";
