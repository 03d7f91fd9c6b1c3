//! Spillway, rendered by its own command and run by the same Envoy as the others on Envoy.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::ensure;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::{Gateway, Parts, Running, Setup, envoy, there};
use crate::process::free_address;
use crate::work::On;

pub(super) const SPILLWAY: Gateway = Gateway { name: "Spillway", slower: 1, version, start };

/// What its Envoy finds in its environment.
pub(super) const KEYS: [(&str, &str); 2] = [("BACKEND_KEY", "a-backends-key"), ("CLIENT_KEY", KEY)];

const KEY: &str = "a-clients-key";

fn version(parts: &Parts) -> anyhow::Result<String> {
    there(&parts.dist.join("spillway.wasm"), "`make build` builds it")?;
    Ok(env!("CARGO_PKG_VERSION").to_owned())
}

fn start(parts: &Parts, setup: &Setup) -> anyhow::Result<Running> {
    let address = free_address()?;
    let bootstrap = rendered(parts, setup, address)?;
    let mut running = envoy::start(parts, setup, &bootstrap, address)?;
    if setup.everything() && setup.on != On::AllButKeys {
        running.headers.push((HeaderName::from_static("api-key"), HeaderValue::from_static(KEY)));
    }
    Ok(running)
}

/// What the command prints for this pool.
pub(super) fn rendered(
    parts: &Parts,
    setup: &Setup,
    address: SocketAddr,
) -> anyhow::Result<String> {
    let file = setup.folder.join("spillway.json");
    std::fs::write(&file, configuration(setup).to_string())?;
    let mut render = Command::new(parts.dist.join("spillway"));
    render.args(["render", "envoy"]).arg(&file).args(["--listen", &address.to_string()]);
    render.args(["--admin", &free_address()?.to_string(), "--status", "off"]);
    render.arg("--filter").arg(parts.dist.join("spillway.wasm")).arg("--access-log");
    match setup.everything() {
        true => render.arg(setup.folder.join("access.log")),
        false => render.arg("off"),
    };
    let rendered = render.output()?;
    ensure!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
    Ok(String::from_utf8(rendered.stdout)?)
}

/// The file that a person would write for this pool.
fn configuration(setup: &Setup) -> Value {
    let mut backends = serde_json::Map::new();
    let mut pool = vec![];
    let mut number = 0;
    for (tier, members) in setup.tiers.iter().enumerate() {
        for at in members {
            let name = format!("backend-{number}");
            pool.push(json!({ "backend": name, "priority": tier + 1 }));
            backends.insert(
                name,
                json!({ "url": format!("http://{at}"), "api_key": "${BACKEND_KEY}" }),
            );
            number += 1;
        }
    }
    if !setup.everything() {
        return json!({ "backends": backends, "models": { "gpt-4o": { "pool": pool } } });
    }
    let affinity = json!({ "cookie": "Spillway-Affinity" });
    let mut file = json!({
        "backends": backends,
        "models": { "gpt-4o": { "pool": pool, "session_affinity": affinity } },
    });
    if let Value::Object(file) = &mut file {
        if setup.on != On::AllButKeys {
            let clients = json!([{ "name": "bench", "key": "${CLIENT_KEY}" }]);
            file.insert("clients".into(), clients);
        }
        if setup.on == On::AllButStreamUsage {
            file.insert("usage".into(), json!({ "include_in_streams": false }));
        }
    }
    file
}
