//! The filter's seats.
//!
//! All seats must say exactly the same about the VM: Envoy shares one VM per worker only between
//! plugins whose `vm_config` is equal, and the seats share their parsed configuration and their
//! weights through it. So there is one function for the VM, and one for the plugin around it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Options, any, extension, merge};
use crate::config::{Config, Secret};

/// The environment variables that the filter itself must read: clients' keys and the cookie key.
/// Backends' keys are not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Environment(BTreeSet<String>);

impl Environment {
    /// What this configuration needs.
    pub(crate) fn of(config: &Config) -> Self {
        let secrets = config.filter_secrets().into_iter();
        let names = secrets.filter_map(|(_, secret)| match secret {
            Secret::Env(name) => Some(name.clone()),
            Secret::File(_) => None,
        });
        Self(names.collect())
    }

    /// What either needs.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }
}

/// The seats of the listeners. Of the clients', in the order in which a request meets them: the writer,
/// nearest to the client, and the gateway. Then the status, the only one of its listener: it finds
/// the others' configuration in the VM that they share. `clusters`: by backend, where the cluster's
/// name is another.
pub(crate) fn seats(
    raw: &Value,
    clusters: &BTreeMap<String, String>,
    environment: &Environment,
    options: &Options,
) -> [Value; 3] {
    let writer = seat("writer", &json!({ "seat": "writer" }), environment, options);
    let any_host = super::status::answers_any_host(options);
    let status = json!({ "seat": "status", "any_host": any_host });
    let status = seat("status", &status, environment, options);
    [writer, gateway_seat(raw, clusters, environment, options), status]
}

/// The names of [`seats`], as Envoy knows them.
pub(super) const SEATS: [&str; 3] = ["spillway.writer", "spillway.gateway", "spillway.status"];

/// The gateway seat gets the user's whole file.
fn gateway_seat(
    raw: &Value,
    clusters: &BTreeMap<String, String>,
    environment: &Environment,
    options: &Options,
) -> Value {
    let mut plugin = json!({ "seat": "gateway", "config": raw });
    if !clusters.is_empty() {
        merge(&mut plugin, json!({ "clusters": clusters }));
    }
    if options.envoy.failover.redirects() {
        merge(&mut plugin, json!({ "failover": options.envoy.failover }));
    }
    seat("gateway", &plugin, environment, options)
}

/// The backend seat: the filter in every cluster. Byte for byte the same in all of them, so that
/// Envoy makes one plugin of it; which backend it serves, it learns from filter state.
pub(crate) fn backend_seat(environment: &Environment, options: &Options) -> Value {
    seat("backend", &json!({ "seat": "backend" }), environment, options)
}

fn seat(name: &str, configuration: &Value, environment: &Environment, options: &Options) -> Value {
    extension(
        &format!("spillway.{name}"),
        "envoy.extensions.filters.http.wasm.v3.Wasm",
        json!({ "config": {
            "name": format!("spillway.{name}"),
            "root_id": name,
            "configuration": any("google.protobuf.StringValue", json!({ "value": configuration.to_string() })),
            // Without it a pause in the request's headers never sees the body (body routing).
            "allow_on_headers_stop_iteration": true,
            // The default leaves a worker answering 503 for ever after one trap.
            "failure_policy": "FAIL_RELOAD",
            // The default waits a second before the first reload: a second of 503 on that worker.
            "reload_config": { "backoff": { "base_interval": "0.05s", "max_interval": "5s" } },
            "vm_config": {
                "vm_id": "spillway",
                "runtime": "envoy.wasm.runtime.v8",
                "code": { "local": { "filename": options.filter } },
                "environment_variables": { "host_env_keys": environment.0 },
            },
        }}),
    )
}
