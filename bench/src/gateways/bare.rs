//! Envoy alone, with what it has for this work: the limit of what a filter inside it can reach.

use serde_json::{Value, json};

use super::{Gateway, Parts, Running, Setup, envoy};
use crate::process::free_address;

pub(super) const BARE: Gateway =
    Gateway { name: "bare Envoy", slower: 1, version: envoy::version, start };

fn start(parts: &Parts, setup: &Setup) -> anyhow::Result<Running> {
    let address = free_address()?;
    let bootstrap = match setup.model_in_body {
        true => envoy::bootstrap(parts, setup, address, &[buffer()], &action(setup))?,
        false => envoy::bootstrap(parts, setup, address, &[], &action(setup))?,
    };
    envoy::start(parts, setup, &bootstrap.to_string(), address)
}

fn action(setup: &Setup) -> Value {
    if setup.spills() {
        return json!({
            "cluster": envoy::TIERED,
            "timeout": "0s",
            "retry_policy": envoy::retries_by_priority(),
        });
    }
    let clusters: Vec<Value> =
        envoy::names(setup).map(|(name, _)| json!({ "name": name, "weight": 1 })).collect();
    json!({
        "weighted_clusters": { "clusters": clusters },
        "timeout": "0s",
        "retry_policy": envoy::retries(),
    })
}

/// Holds a request until its body is there, as whoever looks for the model in it must.
fn buffer() -> Value {
    envoy::any_named(
        "envoy.filters.http.buffer",
        "envoy.extensions.filters.http.buffer.v3.Buffer",
        json!({ "max_request_bytes": 32 * 1024 * 1024 }),
    )
}
