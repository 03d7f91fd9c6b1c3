//! Spillway's filters in a chain that others use too.

use serde_json::{Value, json};

use super::place::Place;
use super::{Options, backend, patch};
use crate::envoy::wasm::{self, Environment};
use crate::envoy::{extension, merge};
use spillway::config::Config;
use spillway::exchange::timeouts::PER_TRY;

/// The filter that takes away what clients may not say.
pub(super) const SWEEPER: &str = "spillway.sweeper";

/// The filter that notes that a request has come as far as ours.
const MARKER: &str = "spillway.marker";

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// What Istio's agent puts in the place of a filter whose module it cannot fetch: it denies everything.
/// Behind the router nothing takes its type, and a filter that is missing denies everything as well.
const RBAC: &str = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";

/// Request headers by which Envoy lets itself be steered. A gateway takes most of them from no
/// client; a sidecar takes them from its application, and Envoy 1.36 takes [`PER_TRY`] from anyone.
/// What the filter wants of them, it sets after this.
const STEERING: [&str; 10] = [
    PER_TRY,
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-stream-duration-ms",
    "x-envoy-max-retries",
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-upstream-rq-timeout-alt-response",
];

/// The configurations of the filters, which discovery brings: a proxy that cannot take one of them
/// refuses that one, and goes on with everything else. The last-words filter has its module with it, and
/// nothing that could be refused.
pub(super) fn discovered(config: &Config, raw: &Value, options: &Options) -> Vec<Value> {
    let (envoy, environment) = (options.envoy(), Environment::of(config));
    let clusters = backend::aliases(config, &envoy);
    let [gateway, _] = wasm::listener_filters(raw, &clusters, None, &environment, &envoy);
    [gateway, wasm::upstream_filter(&environment, &envoy)]
        .into_iter()
        .map(|filter| patch::extension_config(&options.place, with_code(filter, options)))
        .collect()
}

/// The listener's filters: sweeper, last-words filter, downstream filter. They are there for every request,
/// and switched off; our route switches them on.
pub(super) fn downstream(options: &Options) -> Vec<Value> {
    let place: &Place = &options.place;
    let gateway = by_discovery("spillway.gateway", &[WASM, RBAC]);
    let mut filters = vec![sweeper(), wasm::last_words_filter()];
    filters.extend(options.module.is_fetched().then(marker));
    filters.push(gateway);
    let off = |mut filter: Value| {
        merge(&mut filter, json!({ "disabled": true }));
        patch::before_router(place, filter)
    };
    filters.into_iter().map(off).collect()
}

/// The cluster's filter.
pub(super) fn backend() -> Value {
    by_discovery("spillway.backend", &[WASM])
}

/// What a route says of the filters that are switched off everywhere else.
pub(super) fn switched_on(options: &Options) -> Value {
    let on =
        json!({ "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {} });
    let mut all = json!({ SWEEPER: on, "spillway.writer": on, "spillway.gateway": on });
    if options.module.is_fetched() {
        merge(&mut all, json!({ MARKER: on }));
    }
    all
}

/// Matches requests that have come as far as the agent's denial: an `AuthorizationPolicy` denies with the
/// same words, but before.
pub(super) fn marked() -> Value {
    json!({ "metadata_filter": {
        "matcher": {
            "filter": MARKER,
            "path": [{ "key": "reached" }],
            "value": { "bool_match": true },
        },
        "match_if_key_not_found": false,
    }})
}

fn marker() -> Value {
    extension(
        MARKER,
        "envoy.extensions.filters.http.set_metadata.v3.Config",
        json!({ "metadata": [{ "metadata_namespace": MARKER, "value": { "reached": true } }] }),
    )
}

fn sweeper() -> Value {
    let removed: Vec<Value> = STEERING.iter().map(|name| json!({ "remove": name })).collect();
    extension(
        SWEEPER,
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        json!({ "mutations": { "request_mutations": removed } }),
    )
}

/// The filter of this name, which discovery has. While it is not there, our requests get a 500.
fn by_discovery(name: &str, type_urls: &[&str]) -> Value {
    json!({
        "name": name,
        "config_discovery": {
            "config_source": {
                "ads": {},
                "resource_api_version": "V3",
                // So long a new proxy waits for a module before it takes anybody's requests.
                "initial_fetch_timeout": "15s",
            },
            "type_urls": type_urls,
        },
    })
}

/// The same filter with the module's address in place of the file.
fn with_code(mut filter: Value, options: &Options) -> Value {
    let vm = filter.pointer_mut("/typed_config/config/vm_config");
    if let (Some(code), Some(vm)) = (options.module.remote_code(), vm) {
        merge(vm, json!({ "code": code }));
    }
    filter
}
