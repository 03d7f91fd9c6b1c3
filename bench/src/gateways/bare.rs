//! Envoy alone, with what it has for this work: the limit of what a filter inside it can reach.

use serde_json::{Value, json};

use super::{Gateway, Parts, Running, Setup, envoy};
use crate::process::free_address;

pub(super) const BARE: Gateway =
    Gateway { name: "bare Envoy", slower: 1, version: envoy::version, start };

fn start(parts: &Parts, setup: &Setup) -> anyhow::Result<Running> {
    let address = free_address()?;
    let clusters: Vec<Value> =
        envoy::names(setup).map(|(name, _)| json!({ "name": name, "weight": 1 })).collect();
    let action = json!({
        "weighted_clusters": { "clusters": clusters },
        "timeout": "0s",
        "retry_policy": envoy::retries(),
    });
    let bootstrap = envoy::bootstrap(parts, setup, address, &[], &action)?;
    envoy::start(parts, setup, &bootstrap.to_string(), address)
}
