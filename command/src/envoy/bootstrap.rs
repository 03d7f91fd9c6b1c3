//! The whole file: admin, listener, clusters, secrets and the limits of the process.
//!
//! In two forms. [`bootstrap`] holds everything, for whoever runs Envoy themselves. [`following`]
//! holds what stays as it is while the process runs, and says where Envoy finds the rest and looks
//! for changes of it ([`super::xds_state`]).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::cluster::Known;
use super::listener::Way;
use super::secret::Keys;
use super::wasm::{self, Environment};
use super::{
    Options, cluster, collector, discovery, listener, merge, metrics_listener, route, secret,
    socket_address, stats, status,
};
use spillway::config::Config;

/// Connections that clients may hold open at once. Envoy warns where no limit is set, and without
/// one a flood of connections ends in a process without file descriptors.
const MAX_CLIENT_CONNECTIONS: u32 = 50_000;

/// Renders the bootstrap with everything in it.
///
/// `raw` is the file as the user wrote it: the downstream filter gets it verbatim and checks it with
/// the same code. It holds references to secrets, never a secret.
pub fn bootstrap(config: &Config, raw: &Value, options: &Options) -> Value {
    let environment = Environment::of(config);
    let names = || config.backends.iter().map(|backend| backend.name.as_str());
    let backends = config.backends.iter().map(|backend| {
        let (name, keys) = (&backend.name, Keys::OfBackends);
        let known = Known { name, keys, environment: &environment };
        cluster::cluster(backend, known, config, options)
    });
    let [gateway, status] =
        wasm::listener_filters(raw, &BTreeMap::new(), None, &environment, options);
    let way = Way {
        filters: vec![wasm::last_words_filter(), gateway],
        routes: json!({ "route_config": route::routes(config, names(), options) }),
    };
    let mut all = process(options);
    merge(
        &mut all,
        json!({ "static_resources": {
            "listeners": listeners(way, status, config, options),
            "clusters": backends.chain(clusters(options)).collect::<Vec<Value>>(),
            "secrets": secret::secrets(config),
        }}),
    );
    all
}

/// Renders the bootstrap of an Envoy that follows the files in `options.state_dir`. `variables`: what
/// its environment holds.
///
/// Two configurations that differ here cannot follow each other in one process.
pub fn following(config: &Config, variables: &BTreeSet<String>, options: &Options) -> Value {
    let [gateway, status] =
        wasm::LISTENER_FILTERS.map(|name| discovery::filter_by_discovery(name, options));
    let way = Way {
        filters: vec![wasm::last_words_filter(), gateway],
        routes: json!({ "rds": discovery::routes(options) }),
    };
    let mut all = process(options);
    merge(
        &mut all,
        json!({
            "static_resources": {
                "listeners": listeners(way, status, config, options),
                "clusters": clusters(options).collect::<Vec<Value>>(),
                "secrets": secret::environment(variables),
            },
            "dynamic_resources": { "cds_config": discovery::clusters(options) },
        }),
    );
    all
}

/// What is the process's, whatever the file says.
fn process(options: &Options) -> Value {
    let mut process = json!({
        "node": { "id": "spillway", "cluster": "spillway" },
        "admin": { "address": socket_address(&options.admin.ip().to_string(), options.admin.port()) },
        "overload_manager": {
            "resource_monitors": [super::extension(
                "envoy.resource_monitors.global_downstream_max_connections",
                "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                json!({ "max_active_downstream_connections": MAX_CLIENT_CONNECTIONS }),
            )],
        },
        "stats_config": stats::config(options.envoy),
    });
    if let Some(runtime) = collector::runtime(options) {
        merge(&mut process, json!({ "layered_runtime": runtime }));
    }
    process
}

/// Every listener; the clients' is the first.
fn listeners(way: Way, status: Value, config: &Config, options: &Options) -> Vec<Value> {
    let mut listeners = vec![listener::listener(way, config, options)];
    listeners.extend(options.metrics.map(metrics_listener::listener));
    listeners.extend(status::listener(status, options));
    listeners
}

/// The clusters that are no backends.
fn clusters(options: &Options) -> impl Iterator<Item = Value> {
    let admin = options.metrics.map(|_| metrics_listener::cluster(options.admin));
    collector::cluster(options).into_iter().chain(admin)
}
