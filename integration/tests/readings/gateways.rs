//! The two gateways, with one configuration.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use spillway_integration::{Gateway, access_log_in, find, key_of};

use crate::rig::{CLIENT, DEFAULT_MODEL, MODELS, OTHER};

/// A model for each backend, and one whose backend has a base path.
pub(crate) fn config(nginx: SocketAddr, envoy: SocketAddr, python: SocketAddr) -> String {
    let backend = |url: String, variable: &str| json!({ "url": url, "api_key": variable });
    let mut models = json!({});
    for (model, backend) in MODELS {
        models[model] =
            json!({ "pool": [backend], "session_affinity": { "cookie": "Spillway-Affinity" } });
    }
    models[TENANTS_MODEL] = json!({ "pool": ["tenant"] });
    json!({
        "backends": {
            "nginx": backend(format!("http://{nginx}"), "${KEY_NGINX}"),
            "envoy": backend(format!("http://{envoy}"), "${KEY_ENVOY}"),
            "python": backend(format!("http://{python}"), "${KEY_PYTHON}"),
            "tenant": backend(format!("http://{python}/tenant1"), "${KEY_TENANT}"),
        },
        "models": models,
        "denied_models": ["o1*"],
        "default_model": DEFAULT_MODEL,
        "clients": [
            { "name": "chat-app", "key": "${CLIENT}" },
            { "name": "other-app", "key": "${OTHER}" },
        ],
    })
    .to_string()
}

/// As in a mesh: the listener hands every path on as it came.
pub(crate) async fn mesh(config: &str) -> Gateway {
    Gateway::of(config.to_owned(), environment()).workers(1).in_bootstrap(bootstrap).start().await
}

/// As `spillway up` starts it.
pub(crate) async fn rendered(config: &str) -> Gateway {
    Gateway::of(config.to_owned(), environment()).workers(1).start().await
}

fn environment() -> Vec<(String, String)> {
    let mut variables = vec![("CLIENT".to_owned(), CLIENT.to_owned())];
    variables.push(("OTHER".to_owned(), OTHER.to_owned()));
    for backend in ["nginx", "envoy", "python", "tenant"] {
        variables.push((format!("KEY_{}", backend.to_uppercase()), key_of(backend)));
    }
    variables
}

fn bootstrap(config: &str, folder: &Path) -> Value {
    let file = folder.join("rendered-from.json");
    fs::write(&file, config).expect("a file");
    let output = Command::new(find::command())
        .args(["render", "envoy", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .arg("--access-log")
        .arg(access_log_in(folder))
        .arg("--filter")
        .arg(find::filter())
        .arg(file)
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let mut bootstrap: Value = serde_saphyr::from_str(&text).expect("YAML");
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let manager = bootstrap.pointer_mut(manager).expect("a connection manager");
    assert_eq!(manager["stat_prefix"], "spillway", "the gateway's own");
    manager["normalize_path"] = json!(false);
    manager["merge_slashes"] = json!(false);
    manager["path_with_escaped_slashes_action"] = json!("KEEP_UNCHANGED");
    bootstrap
}

/// The model whose backend has a base path.
pub(crate) const TENANTS_MODEL: &str = "gpt-4.1-nano";
