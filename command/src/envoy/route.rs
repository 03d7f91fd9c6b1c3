//! One route for everything: the cluster comes from filter state, also on every retry.

use serde_json::{Map, Value, json};

use super::{Options, any, duration, failover, merge};
use spillway::config::Config;
use spillway::exchange::effect::RETRY;
use spillway::filter::CLUSTER_HEADER;
use spillway::time::Millis;

/// The filter-state key with the name of the backend; `set_property(["spillway.cluster"], …)`.
pub(crate) const CLUSTER_KEY: &str = "wasm.spillway.cluster";

/// What Envoy or a client may have put on the request and no backend should see.
const NOT_FOR_BACKENDS: [&str; 6] = [
    "x-envoy-external-address",
    "x-envoy-internal",
    "x-envoy-original-path",
    "x-envoy-original-url", // with an internal redirect: the backend that was asked before
    "x-forwarded-for",      // our clients' addresses are not the backends' to know
    RETRY,
];

/// The route table's name.
pub(super) const NAME: &str = "spillway";

/// The route table, which leads to these clusters.
pub(crate) fn routes<'a>(
    config: &Config,
    clusters: impl IntoIterator<Item = &'a str>,
    options: &Options,
) -> Value {
    let mut route = json!({
        // `0s`: no limit on the whole, as a model may stream for many minutes. What a model says for
        // itself, the downstream filter tells the router by headers.
        "timeout": duration(config.timeouts.request.unwrap_or_default()),
        // Never before `stream_idle`, which blames the backend and can be retried.
        "idle_timeout": duration(longest_silence(config)),
    });
    merge(&mut route, choice(clusters, options));
    merge(&mut route, failover::policy(config, options));
    json!({
        "name": NAME,
        "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            // Held for body routing and for retries: a request that cannot be held cannot be
            // sent a second time. Envoy's own limit is 1 MiB, and a 3 MB body got 413.
            "request_body_buffer_limit": body_limit(config, options),
            "request_headers_to_remove": not_for_backends(options),
            "response_headers_to_remove": [RETRY],
            "routes": [{ "match": { "prefix": "/" }, "route": route }],
        }],
    })
}

/// An older router counts a body twice that a filter has held: once as what it gets, once as what
/// is kept for another attempt. The filter itself sees to it that none is too long.
fn body_limit(config: &Config, options: &Options) -> u64 {
    let most = config.max_request_body;
    if options.envoy.counts_bodies_once { most } else { most.saturating_mul(2) }
}

/// Envoy's note about the client's own connection is not for backends either. But Envoy finds no
/// route for a request without it, and a request that is redirected has lost what was removed.
fn not_for_backends(options: &Options) -> Vec<&'static str> {
    let note = (!options.envoy.failover.redirects()).then_some("x-forwarded-proto");
    let cluster = (!options.envoy.reads_filter_state).then_some(CLUSTER_HEADER);
    NOT_FOR_BACKENDS.into_iter().chain(note).chain(cluster).collect()
}

/// How the router is told the cluster. By a header it is told once: what is tried again stays there, so
/// that this goes with redirects alone.
fn choice<'a>(clusters: impl IntoIterator<Item = &'a str>, options: &Options) -> Value {
    if options.envoy.reads_filter_state {
        json!({ "inline_cluster_specifier_plugin": { "extension": specifier(clusters) } })
    } else {
        json!({ "cluster_header": CLUSTER_HEADER })
    }
}

/// How long a request may be silent before Envoy ends it whoever is to blame: longer than any
/// time-out of a backend, connections included.
fn longest_silence(config: &Config) -> Millis {
    let connect = config.backends.iter().map(|backend| backend.connect_timeout).max();
    let silence = config.timeouts.stream_idle.max(Millis::from_secs(600));
    Millis(silence.0.saturating_add(connect.unwrap_or_default().0).saturating_add(1000))
}

/// Reads the backend's name from filter state. No header carries it here, so no client can forge it.
fn specifier<'a>(clusters: impl IntoIterator<Item = &'a str>) -> Value {
    let clusters: Map<String, Value> = clusters
        .into_iter()
        .map(|cluster| {
            let action = any(
                "envoy.extensions.router.cluster_specifiers.matcher.v3.ClusterAction",
                json!({ "cluster": cluster }),
            );
            let on_match = json!({ "action": { "name": cluster, "typed_config": action } });
            (cluster.to_owned(), on_match)
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
