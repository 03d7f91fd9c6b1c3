//! One patch of an `EnvoyFilter`.

use serde_json::{Value, json};

use super::place::Place;
use crate::envoy::merge;

const CONNECTION_MANAGER: &str = "envoy.filters.network.http_connection_manager";
const ROUTER: &str = "envoy.filters.http.router";

/// Lays `value` over the listener at this port.
pub(super) fn listener(place: &Place, port: u16, value: Value) -> Value {
    patch("LISTENER", place, json!({ "listener": { "portNumber": port } }), "MERGE", value)
}

/// Lays `value` over the connection managers of our listeners.
pub(super) fn connection_managers(place: &Place, value: Value) -> Value {
    let filter = json!({ "name": CONNECTION_MANAGER });
    patch("NETWORK_FILTER", place, chain(place, filter), "MERGE", value)
}

/// Puts `value` before the router, behind all that is there already: those who authenticate and
/// authorise come first.
pub(super) fn before_router(place: &Place, value: Value) -> Value {
    let filter = json!({ "name": CONNECTION_MANAGER, "subFilter": { "name": ROUTER } });
    patch("HTTP_FILTER", place, chain(place, filter), "INSERT_BEFORE", value)
}

/// Adds a configuration that filters refer to by its name.
pub(super) fn extension_config(place: &Place, value: Value) -> Value {
    patch("EXTENSION_CONFIG", place, json!({}), "ADD", value)
}

/// Puts `value` before the other routes of this host, at a gateway on whichever port it is served.
pub(super) fn first_route(place: &Place, host: &str, value: Value) -> Value {
    // A sidecar has the host in other route tables too, whose listeners are not patched.
    let mut table = place.listeners();
    merge(&mut table, json!({ "vhost": { "domainName": host } }));
    patch("HTTP_ROUTE", place, json!({ "routeConfiguration": table }), "INSERT_FIRST", value)
}

/// Adds a cluster.
pub(super) fn cluster(place: &Place, value: Value) -> Value {
    patch("CLUSTER", place, json!({}), "ADD", value)
}

fn chain(place: &Place, filter: Value) -> Value {
    let mut listener = place.listeners();
    merge(&mut listener, json!({ "filterChain": { "filter": filter } }));
    json!({ "listener": listener })
}

fn patch(apply_to: &str, place: &Place, what: Value, operation: &str, value: Value) -> Value {
    let mut matched = json!({
        "context": place.context(),
        "proxy": { "proxyVersion": place.version.proxies() },
    });
    merge(&mut matched, what);
    json!({
        "applyTo": apply_to,
        "match": matched,
        "patch": { "operation": operation, "value": value },
    })
}
