//! The filter's seats.
//!
//! All seats must say exactly the same about the VM: Envoy shares one VM per worker only between
//! plugins whose `vm_config` is equal, and the seats share their parsed configuration and their
//! weights through it. So there is one function for the VM, and one for the plugin around it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Options, any, extension, merge};
use crate::config::{Config, Secret};

/// The gateway seat: the listener's filter, which gets the user's whole file.
pub(crate) fn gateway_seat(config: &Config, raw: &Value, options: &Options) -> Value {
    let mut plugin = json!({ "seat": "gateway", "config": raw });
    if options.envoy.failover.redirects() {
        merge(&mut plugin, json!({ "failover": options.envoy.failover }));
    }
    seat("gateway", &plugin, config, options)
}

/// The writer seat: the listener's filter nearest to the client.
pub(crate) fn writer_seat(config: &Config, options: &Options) -> Value {
    seat("writer", &json!({ "seat": "writer" }), config, options)
}

/// The backend seat: the filter in every cluster. Byte for byte the same in all of them, so that
/// Envoy makes one plugin of it; which backend it serves, it learns from filter state.
pub(crate) fn backend_seat(config: &Config, options: &Options) -> Value {
    seat("backend", &json!({ "seat": "backend" }), config, options)
}

/// The status seat: the only filter of the status listener. It finds the others' configuration in
/// the VM that they share.
pub(super) fn status_seat(config: &Config, any_host: bool, options: &Options) -> Value {
    seat("status", &json!({ "seat": "status", "any_host": any_host }), config, options)
}

fn seat(name: &str, configuration: &Value, config: &Config, options: &Options) -> Value {
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
                "environment_variables": { "host_env_keys": filter_env(config) },
            },
        }}),
    )
}

/// The environment variables that the filter itself must read: clients' keys and the cookie key.
/// Backends' keys are not among them.
fn filter_env(config: &Config) -> BTreeSet<&str> {
    let secrets = config.filter_secrets().into_iter();
    secrets
        .filter_map(|(_, secret)| match secret {
            Secret::Env(name) => Some(name.as_str()),
            Secret::File(_) => None,
        })
        .collect()
}
