//! The whole file: admin, listener, clusters, secrets and the limits of the process.

use serde_json::{Value, json};

use super::{
    Options, cluster, listener, metrics_listener, secret, socket_address, stats, status, tracing,
};
use crate::config::Config;

/// Connections that clients may hold open at once. Envoy warns where no limit is set, and without
/// one a flood of connections ends in a process without file descriptors.
const MAX_CLIENT_CONNECTIONS: u32 = 50_000;

/// Renders the bootstrap.
///
/// `raw` is the file as the user wrote it: the gateway seat gets it verbatim and checks it with
/// the same code. It holds references to secrets, never a secret.
pub fn bootstrap(config: &Config, raw: &Value, options: &Options) -> Value {
    let mut listeners = vec![listener::listener(config, raw, options)];
    listeners.extend(options.metrics.map(metrics_listener::listener));
    listeners.extend(status::listener(config, options));
    let mut clusters: Vec<Value> =
        config.backends.iter().map(|backend| cluster::cluster(backend, config, options)).collect();
    clusters.extend(tracing::cluster(options));
    clusters.extend(options.metrics.map(|_| metrics_listener::cluster(options.admin)));
    json!({
        "node": { "id": "spillway", "cluster": "spillway" },
        "admin": { "address": socket_address(&options.admin.ip().to_string(), options.admin.port()) },
        "overload_manager": {
            "resource_monitors": [super::extension(
                "envoy.resource_monitors.global_downstream_max_connections",
                "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                json!({ "max_active_downstream_connections": MAX_CLIENT_CONNECTIONS }),
            )],
        },
        "stats_config": stats::config(),
        "static_resources": {
            "listeners": listeners,
            "clusters": clusters,
            "secrets": secret::secrets(config),
        },
    })
}
