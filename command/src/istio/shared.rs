//! What is laid over parts of the proxy that others use too.
//!
//! As little as can be, and each with a condition that only our requests meet.

use serde_json::{Value, json};

use super::place::Place;
use super::route::NAME;
use super::{Options, filters, patch};
use crate::envoy::{self, access_log, extension, listener, local_reply, merge};
use spillway::config::Config;
use spillway::filter::CLUSTER_HEADER;

/// The buffer of our listeners, where the filter may hold no more than it (Envoy 1.36). A gateway's
/// listener comes with 32 KiB.
pub(super) fn listeners(config: &Config, place: &Place, envoy: &envoy::Options) -> Vec<Value> {
    if envoy.envoy.limits_bodies_by_route {
        return Vec::new();
    }
    let most = listener::client_buffer(config, envoy);
    let value = json!({ "per_connection_buffer_limit_bytes": most });
    let patched = |port: &u16| patch::listener(place, *port, value.clone());
    place.listener_ports.iter().map(patched).collect()
}

/// Envoy's own replies in OpenAI's shape, and our line in the access log: for our route alone. Where the
/// router goes by a header, no client may send it: the route is chosen before any filter runs.
pub(super) fn connection_manager(options: &Options, envoy: &envoy::Options) -> Value {
    let mut replies = local_reply::of_known_details();
    if let Some(mappers) = replies.get_mut("mappers").and_then(Value::as_array_mut) {
        if options.module.is_fetched() {
            mappers.insert(0, local_reply::of_no_module(&filters::marked()));
        }
        mappers.iter_mut().for_each(only_ours);
    }
    let mut logs = access_log::access_log(envoy);
    logs.iter_mut().for_each(only_ours);
    let mut fields = json!({ "access_log": logs, "local_reply_config": replies });
    if !envoy.envoy.reads_filter_state {
        merge(&mut fields, json!({ "early_header_mutation_extensions": [early_sweeper()] }));
    }
    let value = extension(
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        fields,
    );
    patch::connection_managers(&options.place, value)
}

/// Takes the header that leads to a cluster away from clients.
fn early_sweeper() -> Value {
    extension(
        "envoy.http.early_header_mutation.header_mutation",
        "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        json!({ "mutations": [{ "remove": CLUSTER_HEADER }] }),
    )
}

/// Adds our route's name to the conditions of something that has a `filter`.
fn only_ours(of: &mut Value) {
    let ours = json!({ "extension_filter": extension(
        "envoy.access_loggers.extension_filters.cel",
        "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
        json!({ "expression": format!("xds.route_name == '{NAME}'") }),
    )});
    let Some(fields) = of.as_object_mut() else { return };
    let all = match fields.remove("filter") {
        None => ours,
        Some(other) => json!({ "and_filter": { "filters": [ours, other] } }),
    };
    fields.insert("filter".into(), all);
}
