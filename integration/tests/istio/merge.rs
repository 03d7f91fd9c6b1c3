//! What istiod does with an `EnvoyFilter`: lays its patches over the configuration of a proxy.
//!
//! As far as Spillway's patches need it, and by Istio's rules: patches of one kind in their order;
//! what is merged follows protobuf (fields replace, lists grow, objects are merged); what matches
//! nothing is passed over without a word.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

const CONNECTION_MANAGER: &str = "envoy.filters.network.http_connection_manager";

/// The configurations that filters refer to by name, for whoever plays discovery.
pub(super) type Extensions = BTreeMap<String, Value>;

/// Lays an `EnvoyFilter` over the bootstrap of a proxy that says this of its version.
pub(super) fn apply(
    filter: &Value,
    context: &str,
    version: &str,
    bootstrap: &mut Value,
) -> Extensions {
    let patches = filter["spec"]["configPatches"].as_array().expect("patches");
    let of = |kind: &str| -> Vec<&Value> {
        patches
            .iter()
            .filter(|patch| patch["applyTo"] == kind && is_for(patch, context, version))
            .collect()
    };
    let known =
        ["LISTENER", "NETWORK_FILTER", "HTTP_FILTER", "HTTP_ROUTE", "CLUSTER", "EXTENSION_CONFIG"];
    let all: usize = known.iter().map(|kind| of(kind).len()).sum();
    assert_eq!(
        all,
        patches.len(),
        "a patch of a kind, for a context or a proxy that is not known here"
    );

    for listener in bootstrap["static_resources"]["listeners"].as_array_mut().expect("listeners") {
        for patch in of("LISTENER") {
            if is_listener(listener, patch) {
                expected(patch, "MERGE");
                merge(listener, &patch["patch"]["value"]);
            }
        }
        let chains = listener["filter_chains"].as_array().expect("chains").len();
        for chain in 0..chains {
            for patch in of("NETWORK_FILTER") {
                let fits = is_listener(listener, patch) && names(patch, CONNECTION_MANAGER);
                if let Some(manager) = manager(listener, chain).filter(|_| fits) {
                    expected(patch, "MERGE");
                    merge(manager, &patch["patch"]["value"]["typed_config"]);
                }
            }
            for patch in of("HTTP_FILTER") {
                let fits = is_listener(listener, patch) && names(patch, CONNECTION_MANAGER);
                if let Some(manager) = manager(listener, chain).filter(|_| fits) {
                    insert_before(manager, patch);
                }
            }
            for patch in of("HTTP_ROUTE") {
                if let Some(manager) = manager(listener, chain) {
                    insert_first(manager, patch);
                }
            }
        }
    }
    for patch in of("CLUSTER") {
        expected(patch, "ADD");
        let clusters = bootstrap["static_resources"]["clusters"].as_array_mut();
        clusters.expect("clusters").push(patch["patch"]["value"].clone());
    }
    let extension = |patch: &&Value| {
        expected(patch, "ADD");
        let value = patch["patch"]["value"].clone();
        (text(&value["name"]).to_owned(), value)
    };
    of("EXTENSION_CONFIG").iter().map(extension).collect()
}

/// Whether a patch is for this kind of proxy, of this version.
fn is_for(patch: &Value, context: &str, version: &str) -> bool {
    let versions = text(&patch["match"]["proxy"]["proxyVersion"]);
    let versions = Regex::new(versions).expect("a regular expression");
    let own = [context, "ANY"].contains(&text(&patch["match"]["context"]));
    own && versions.is_match(version)
}

fn is_listener(listener: &Value, patch: &Value) -> bool {
    let port = &patch["match"]["listener"]["portNumber"];
    // The port that the mesh knows it by stands in its name; the test's own is another.
    port.is_null() || text(&listener["name"]).ends_with(&format!("_{port}"))
}

fn names(patch: &Value, filter: &str) -> bool {
    patch["match"]["listener"]["filterChain"]["filter"]["name"] == filter
}

fn manager(listener: &mut Value, chain: usize) -> Option<&mut Value> {
    let filters = listener["filter_chains"][chain]["filters"].as_array_mut()?;
    let manager = filters.iter_mut().find(|filter| filter["name"] == CONNECTION_MANAGER)?;
    manager.get_mut("typed_config")
}

fn insert_before(manager: &mut Value, patch: &Value) {
    expected(patch, "INSERT_BEFORE");
    let next = &patch["match"]["listener"]["filterChain"]["filter"]["subFilter"]["name"];
    let filters = manager["http_filters"].as_array_mut().expect("filters");
    if let Some(at) = filters.iter().position(|filter| filter["name"] == *next) {
        filters.insert(at, patch["patch"]["value"].clone());
    }
}

fn insert_first(manager: &mut Value, patch: &Value) {
    expected(patch, "INSERT_FIRST");
    let matched = &patch["match"]["routeConfiguration"];
    let port = &matched["portNumber"];
    // A sidecar's table has the port for its name.
    if !port.is_null() && manager["route_config"]["name"] != port.to_string().as_str() {
        return;
    }
    let host = &matched["vhost"]["domainName"];
    let hosts = manager["route_config"]["virtual_hosts"].as_array_mut().expect("hosts");
    let is_of = |found: &&mut Value| {
        found["domains"].as_array().is_some_and(|domains| domains.contains(host))
    };
    for found in hosts.iter_mut().filter(is_of) {
        let routes = found["routes"].as_array_mut().expect("routes");
        routes.insert(0, patch["patch"]["value"].clone());
    }
}

/// Protobuf's merge, in JSON.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(from)) => into.extend(from.iter().cloned()),
        (into, from) => *into = from.clone(),
    }
}

fn expected(patch: &Value, operation: &str) {
    assert_eq!(patch["patch"]["operation"], operation);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
