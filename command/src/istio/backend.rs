//! Backends as clusters of our own.
//!
//! Istio would make a cluster of a `ServiceEntry` too. But that one belongs to everybody who calls
//! the host through this proxy, and what we put into it, the key above all, would be added to their
//! requests. So our clusters stand beside Istio's, and nothing has to be registered for them:
//! `REGISTRY_ONLY` restricts what istiod makes, not what an `EnvoyFilter` adds.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{NAME, Options, filters, key, patch};
use crate::envoy::cluster::{self, Known};
use crate::envoy::secret::Keys;
use crate::envoy::wasm::Environment;
use crate::envoy::{self, merge};
use spillway::config::{Backend, Config};

/// The name of a backend's cluster.
pub(super) fn cluster_name(backend: &str) -> String {
    format!("{NAME}-{backend}")
}

/// The clusters' names by backend, where the router goes by a header: it finds in it what the filter
/// knows.
pub(super) fn aliases(config: &Config, envoy: &envoy::Options) -> BTreeMap<String, String> {
    let all = if envoy.envoy.reads_filter_state { &[][..] } else { config.backends.as_slice() };
    all.iter().map(|backend| (backend.name.clone(), cluster_name(&backend.name))).collect()
}

/// A cluster for each backend.
pub(super) fn clusters(config: &Config, options: &Options) -> Vec<Value> {
    let one = |backend| patch::cluster(&options.place, cluster(backend, config, options));
    config.backends.iter().map(one).collect()
}

fn cluster(backend: &Backend, config: &Config, options: &Options) -> Value {
    let name = cluster_name(&backend.name);
    let environment = Environment::of(config);
    let known = Known { name: &name, keys: Keys::OfBackends, environment: &environment };
    let mut cluster = cluster::cluster(backend, known, config, &options.envoy());
    merge(
        &mut cluster,
        json!({
            "metadata": { "filter_metadata": { "istio": {
                // Istio's filter `istio.alpn` would have us speak `istio-http/1.1` to them.
                "alpn_override": "false",
                // Whom Istio's own metrics name as the destination.
                "services": [{
                    "host": backend.url.host,
                    "name": backend.name,
                    "namespace": options.place.namespace,
                }],
            }}},
        }),
    );
    let filters = "/typed_extension_protocol_options\
                   /envoy.extensions.upstreams.http.v3.HttpProtocolOptions/http_filters";
    if let Some(filters) = cluster.pointer_mut(filters).and_then(Value::as_array_mut) {
        let codec = filters.pop();
        filters.clear();
        filters.push(filters::backend());
        filters.extend(key::filters(backend));
        filters.extend(codec);
    }
    cluster
}
