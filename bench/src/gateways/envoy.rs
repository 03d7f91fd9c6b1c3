//! What all gateways on Envoy share: the binary and how it is started, and a bootstrap for those
//! that are not rendered.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::{Parts, Running, Setup, there};
use crate::process::{Process, free_address};

/// Envoy's version.
pub(super) fn version(parts: &Parts) -> anyhow::Result<String> {
    let envoy = binary(parts);
    there(&envoy, "`make setup` installs it")?;
    let said = Command::new(envoy).arg("--version").output()?.stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    // envoy  version: commit/1.40.0/Clean/RELEASE/BoringSSL
    let version = said.split("version: ").nth(1).and_then(|rest| rest.split('/').nth(1));
    Ok(version.context("Envoy's version")?.to_owned())
}

/// Starts Envoy with this bootstrap.
pub(super) fn start(
    parts: &Parts,
    setup: &Setup,
    bootstrap: &str,
    address: SocketAddr,
) -> anyhow::Result<Running> {
    let file = setup.folder.join("envoy.yaml");
    std::fs::write(&file, bootstrap)?;
    let mut command = Command::new(binary(parts));
    command.arg("-c").arg(&file).args(["--log-level", "error", "--disable-hot-restart"]);
    command.args(["--concurrency", &setup.workers.to_string()]);
    for (name, value) in super::spillway::KEYS {
        command.env(name, value);
    }
    let log = setup.folder.join("envoy.log");
    let mut process = Process::start(&command, &setup.processors, &log)?;
    let ready_after = process.listens(address, PATIENCE)?;
    Ok(Running::new(process, address, ready_after))
}

fn binary(parts: &Parts) -> PathBuf {
    parts.tools.join("envoy/bin/envoy")
}

/// A bootstrap as an engineer would write it by hand for the same work: the pool as clusters of
/// equal weight, retries on another one, limits that do not undo them, and the access log of a
/// rendered one.
pub(super) fn bootstrap(
    parts: &Parts,
    setup: &Setup,
    address: SocketAddr,
    filters: &[Value],
    action: &Value,
) -> anyhow::Result<Value> {
    let mut http_filters = filters.to_vec();
    http_filters.push(any_named(
        "envoy.filters.http.router",
        "envoy.extensions.filters.http.router.v3.Router",
        json!({ "suppress_envoy_headers": true }),
    ));
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "ingress",
        "access_log": if setup.everything() { access_log(parts, setup)? } else { json!([]) },
        "use_remote_address": true,
        "generate_request_id": true,
        "http_filters": http_filters,
        "route_config": { "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "request_body_buffer_limit": 32 * 1024 * 1024,
            "routes": [{ "match": { "prefix": "/" }, "route": action }],
        }] },
    });
    let clusters: Vec<Value> = match setup.spills() {
        true => vec![cluster(TIERED, &setup.tiers)],
        false => names(setup).map(|(name, at)| cluster(&name, &[vec![at]])).collect(),
    };
    Ok(json!({
        "admin": { "address": socket(free_address()?) },
        "static_resources": {
            "listeners": [{
                "name": "clients",
                "address": socket(address),
                "per_connection_buffer_limit_bytes": 1024 * 1024,
                "filter_chains": [{ "filters": [{
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": manager,
                }] }],
            }],
            "clusters": clusters,
        },
    }))
}

/// The cluster of a pool with tiers.
pub(super) const TIERED: &str = "tiers";

/// The same for a pool whose tiers are priorities of one cluster: elsewhere is the next tier.
pub(super) fn retries_by_priority() -> Value {
    let mut policy = retries();
    if let Value::Object(fields) = &mut policy {
        let priority = any_named(
            "envoy.retry_priorities.previous_priorities",
            "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
            json!({ "update_frequency": 1 }),
        );
        fields.insert("retry_priority".into(), priority);
    }
    policy
}

/// The retry policy that does what a pool does: at once, elsewhere, on what a backend may say.
pub(super) fn retries() -> Value {
    json!({
        "retry_on": "retriable-status-codes,connect-failure,reset,refused-stream",
        "retriable_status_codes": [429, 500, 502, 503, 504],
        "num_retries": 3,
        "retry_back_off": { "base_interval": "0.001s", "max_interval": "0.002s" },
    })
}

/// A name for each backend.
pub(super) fn names(setup: &Setup) -> impl Iterator<Item = (String, SocketAddr)> {
    setup.tiers.iter().flatten().enumerate().map(|(number, at)| (format!("backend-{number}"), *at))
}

/// A cluster with these hosts, by priority.
fn cluster(name: &str, tiers: &[Vec<SocketAddr>]) -> Value {
    let endpoints: Vec<Value> = tiers
        .iter()
        .enumerate()
        .map(|(priority, tier)| {
            let hosts = tier.iter().map(|at| json!({ "endpoint": { "address": socket(*at) } }));
            json!({ "priority": priority, "lb_endpoints": hosts.collect::<Vec<_>>() })
        })
        .collect();
    let thresholds = json!({ "max_connections": 100_000, "max_pending_requests": 100_000,
                             "max_requests": 100_000, "max_retries": 100_000 });
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "per_connection_buffer_limit_bytes": 1024 * 1024,
        "circuit_breakers": { "thresholds": [thresholds] },
        "load_assignment": { "cluster_name": name, "endpoints": endpoints },
    })
}

/// The loggers that Spillway renders, so that both write the same line: what the filter would have
/// said is null in it.
fn access_log(parts: &Parts, setup: &Setup) -> anyhow::Result<Value> {
    let rendered = super::spillway::rendered(parts, setup, free_address()?)?;
    let rendered: Value = serde_saphyr::from_str(&rendered)?;
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let log = rendered.pointer(manager).and_then(|manager| manager.get("access_log"));
    log.cloned().context("a rendered access log")
}

/// A typed extension with its name.
pub(super) fn any_named(name: &str, message: &str, fields: Value) -> Value {
    let mut typed = serde_json::Map::new();
    typed.insert("@type".into(), json!(format!("type.googleapis.com/{message}")));
    if let Value::Object(fields) = fields {
        typed.extend(fields);
    }
    json!({ "name": name, "typed_config": typed })
}

fn socket(at: SocketAddr) -> Value {
    json!({ "socket_address": { "address": at.ip().to_string(), "port_value": at.port() } })
}

/// A thousand backends take their time, more so on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);
