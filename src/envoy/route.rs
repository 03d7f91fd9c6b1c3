//! One route for everything: the cluster comes from filter state, also on every retry.

use serde_json::{Map, Value, json};

use super::{any, duration};
use crate::config::Config;
use crate::time::Millis;

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
                    // `0s`: no limit on the whole, as a model may stream for many minutes. What a
                    // model says for itself, the gateway seat tells the router by headers.
                    "timeout": duration(config.timeouts.request.unwrap_or_default()),
                    // Never before `stream_idle`, which blames the backend and can be retried.
                    "idle_timeout": duration(longest_silence(config)),
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
        // Until the answer begins; what the backend seat holds back has not begun for the router.
        "per_try_timeout": duration(config.timeouts.first_byte),
        "per_try_idle_timeout": duration(config.timeouts.stream_idle),
        // Asks filter state for the cluster again: the next attempt goes to the next backend.
        "refresh_cluster_on_retry": true,
        // The next attempt goes elsewhere: there is nothing to wait for. The default is 25 ms.
        "retry_back_off": { "base_interval": "0.001s", "max_interval": "0.002s" },
    })
}

/// How long a request may be silent before Envoy ends it whoever is to blame: longer than any
/// time-out of a backend, connections included.
pub(super) fn longest_silence(config: &Config) -> Millis {
    let connect = config.backends.iter().map(|backend| backend.connect_timeout).max();
    let silence = config.timeouts.stream_idle.max(Millis::from_secs(600));
    Millis(silence.0.saturating_add(connect.unwrap_or_default().0).saturating_add(1000))
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
