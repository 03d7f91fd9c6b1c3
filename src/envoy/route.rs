//! One route for everything: the cluster comes from filter state, also on every retry.

use serde_json::{Map, Value, json};

use super::any;
use crate::config::Config;

/// The filter-state key with the name of the backend; `set_property(["spillway.cluster"], …)`.
const CLUSTER_KEY: &str = "wasm.spillway.cluster";

/// The response header with which the backend seat asks for another attempt.
const RETRY_HEADER: &str = "x-spillway-retry";

/// What Envoy or a client may have put on the request and no backend should see.
const NOT_FOR_BACKENDS: [&str; 6] = [
    "x-envoy-external-address",
    "x-envoy-internal",
    "x-envoy-original-path",
    "x-forwarded-for",   // our clients' addresses are not the backends' to know
    "x-forwarded-proto", // Envoy's note about the client's own connection
    RETRY_HEADER,
];

/// The route table.
pub(super) fn routes(config: &Config) -> Value {
    json!({
        "name": "spillway",
        "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            // Held for body routing and for retries: a request that cannot be held cannot be
            // sent a second time. Envoy's own limit is 1 MiB, and a 3 MB body got 413.
            "request_body_buffer_limit": config.max_request_body,
            "request_headers_to_remove": NOT_FOR_BACKENDS,
            "response_headers_to_remove": [RETRY_HEADER],
            "routes": [{
                "match": { "prefix": "/" },
                "route": {
                    // No limit on the whole: a model may stream for many minutes. Attempts are
                    // limited by the pool's `per_try_timeout`, which the gateway seat sets as a
                    // header because it differs by model.
                    "timeout": "0s",
                    // Ends a stream that has been silent in both directions for so long.
                    "idle_timeout": "600s",
                    "retry_policy": retry_policy(config),
                    "inline_cluster_specifier_plugin": { "extension": specifier(config) },
                },
            }],
        }],
    })
}

fn retry_policy(config: &Config) -> Value {
    let largest_pool = config.models.iter().map(|m| m.pool.len()).max().unwrap_or(1);
    json!({
        // The backend seat marks what is worth another attempt; only failures without an answer
        // are left to Envoy.
        "retry_on": "connect-failure,refused-stream,reset,retriable-headers",
        "retriable_headers": [{ "name": RETRY_HEADER, "present_match": true }],
        // An upper bound; the gateway seat lowers it for each request (`x-envoy-max-retries`).
        "num_retries": largest_pool.saturating_sub(1),
        // Asks filter state for the cluster again: the next attempt goes to the next backend.
        "refresh_cluster_on_retry": true,
        // The next attempt goes elsewhere: there is nothing to wait for. The default is 25 ms.
        "retry_back_off": { "base_interval": "0.001s", "max_interval": "0.002s" },
    })
}

/// Reads the backend's name from filter state. No header carries it, so no client can forge it.
fn specifier(config: &Config) -> Value {
    let clusters: Map<String, Value> = config
        .backends
        .iter()
        .map(|backend| {
            let action = any(
                "envoy.extensions.router.cluster_specifiers.matcher.v3.ClusterAction",
                json!({ "cluster": backend.name }),
            );
            let on_match = json!({ "action": { "name": backend.name, "typed_config": action } });
            (backend.name.clone(), on_match)
        })
        .collect();
    let input = any(
        "envoy.extensions.matching.common_inputs.network.v3.FilterStateInput",
        json!({ "key": CLUSTER_KEY }),
    );
    super::extension(
        "envoy.router.cluster_specifier_plugin.matcher",
        "envoy.extensions.router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier",
        json!({ "cluster_matcher": { "matcher_tree": {
            "input": { "name": "backend", "typed_config": input },
            "exact_match_map": { "map": clusters },
        }}}),
    )
}
