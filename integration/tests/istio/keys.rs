//! Keys in files, from a Secret that is mounted into the proxy's pod: the kubelet replaces it, and the
//! proxy takes what is new without a restart.

use std::path::Path;

use serde_json::Value;
use spillway_integration::{Call, Gateway, Volume, eventually, region, region_with};
use spillway_simulator::Region;
use tempfile::TempDir;

use super::{extensions, mesh, neighbours, proxy};

const HEADERS: [(&str, &str, &str); 2] =
    [("api_key", "api-key", ""), ("bearer_token", "authorization", "Bearer ")];

#[tokio::test]
async fn an_ingress_gateway_takes_a_new_key_without_a_restart() {
    takes_new_keys(mesh::ingress).await;
}

#[tokio::test]
async fn a_gateway_of_the_gateway_api_takes_a_new_key_without_a_restart() {
    takes_new_keys(mesh::gateway_api).await;
}

#[tokio::test]
async fn a_sidecar_takes_a_new_key_without_a_restart() {
    takes_new_keys(mesh::sidecar).await;
}

async fn takes_new_keys(bootstrap: fn(&str, &Path) -> Value) {
    for (field, header, prefix) in HEADERS {
        let mut stage = Stage::set(field, "first key of eastus").await;
        let gateway = stage.gateway(bootstrap).await;
        // Nobody but the proxy says what the key is.
        let call = chat().header("x-spillway-key", "a client's");
        assert_eq!(gateway.send(&call).await.ok().backend(), "westus", "the key is refused");
        stage.saw(header, Some(&format!("{prefix}first key of eastus")));

        stage.secret.publish(&[("eastus", "good")]);
        stage.answered_by(&gateway, "eastus").await;
        stage.saw(header, Some(&format!("{prefix}good")));
        let shown = gateway.admin("/config_dump").await;
        assert!(shown.contains("spillway-eastus"), "the dump is not of this gateway");
        for text in [shown, gateway.log(), gateway.access_log()] {
            assert!(!text.contains("first key of eastus"), "a key is shown");
        }
    }
}

/// What no header can carry is not sent, and costs no client anything.
#[tokio::test]
async fn while_the_secret_holds_no_key_other_backends_answer() {
    for (field, header, _) in HEADERS {
        let mut stage = Stage::set(field, "good").await;
        let gateway = stage.gateway(mesh::ingress).await;
        for no_key in ["", "marked-key\nof-two-lines", "marked-k\u{e9}y"] {
            stage.answered_by(&gateway, "eastus").await;
            stage.secret.publish(&[("eastus", no_key)]);
            stage.answered_by(&gateway, "westus").await;
            stage.saw(header, None);
            stage.secret.publish(&[("eastus", "good")]);
        }
        stage.answered_by(&gateway, "eastus").await;
        assert!(!gateway.log().contains("marked-k"), "a key is shown\n{}", gateway.log());
        assert!(!gateway.access_log().contains("marked-k"), "a key is logged");
    }
}

/// The `EnvoyFilter` was applied, and the patch of the pods was not: the one cluster is refused.
#[tokio::test]
async fn without_the_patch_the_neighbour_is_served() {
    let stage = Stage::set("api_key", "good").await;
    let gateway = stage
        .gateway(|config, folder| {
            let mut bootstrap = mesh::ingress(config, folder);
            mesh::serve_clusters(&mut bootstrap, folder);
            std::fs::remove_dir_all(folder.join("downward")).expect("the patch's files");
            bootstrap
        })
        .await;
    let ours = gateway.send(&chat()).await;
    assert_eq!((ours.status, ours.header("content-type")), (503, "application/json"));
    assert_eq!(ours.json()["error"]["code"], "no_backend", "{}", ours.text());
    let theirs = gateway.send(&neighbours::chat().header("host", proxy::NEIGHBOUR)).await;
    assert_eq!((theirs.status, theirs.text().as_str()), (503, "the shop is closed"));
}

/// As an application behind the sidecar asks too.
fn chat() -> Call {
    Call::chat("gpt-4o").header("host", "gateway.ai")
}

/// Two regions, of which the first wants the key `good`, which a Secret holds or does not.
struct Stage {
    eastus: Region,
    westus: Region,
    secret: Volume,
    field: &'static str,
    folder: TempDir,
}

impl Stage {
    async fn set(field: &'static str, key: &str) -> Self {
        let eastus = region_with("eastus", |config| config.api_key = Some("good".into())).await;
        let folder = tempfile::tempdir().expect("a folder");
        let secret = Volume::mount(&folder.path().join("keys"), &[("eastus", key)]);
        Self { eastus, westus: region("westus").await, secret, field, folder }
    }

    async fn gateway(&self, bootstrap: fn(&str, &Path) -> Value) -> Gateway {
        let config = format!(
            "
circuit_breaker: {{ trip: 1ms, max_trip: 1ms }}
backends:
  eastus: {{ url: \"{}\", {}: {{ file: \"{}\" }} }}
  westus: {{ url: \"{}\", api_key: \"${{KEY_WESTUS}}\" }}
models:
  gpt-4o: {{ pool: [{{ backend: eastus }}, {{ backend: westus, priority: 2 }}] }}
",
            self.eastus.url(),
            self.field,
            self.folder.path().join("keys/eastus").display(),
            self.westus.url()
        );
        let setup = Gateway::setup(&config, [&self.eastus, &self.westus]);
        setup.in_bootstrap(bootstrap).without(extensions::lacking()).start().await
    }

    /// Asks until this backend answers; in the meantime the other one does.
    async fn answered_by(&self, gateway: &Gateway, backend: &str) {
        eventually("the key", async || {
            self.eastus.clear();
            let answer = gateway.send(&chat()).await.ok();
            (answer.backend() == backend).then_some(())
        })
        .await;
    }

    /// What the first region found in this header of the last request, and that it found no other key.
    fn saw(&self, header: &str, key: Option<&str>) {
        let sent = self.eastus.requests().pop().expect("a request");
        assert_eq!(sent.header(header), key);
        let others = HEADERS.map(|(_, name, _)| name).into_iter().filter(|name| *name != header);
        for name in others.chain(["x-spillway-key"]) {
            assert_eq!(sent.header(name), None, "{name}");
        }
    }
}
