//! The plugins: the filters of the module, and the last-words filter with a module of its own.
//!
//! All filters of the module must say exactly the same about the VM: Envoy shares one VM per worker only
//! between plugins whose `vm_config` is equal, and the filters share their parsed configuration and their
//! weights through it. So there is one function for the VM, and one for the plugin around it.
//!
//! The last-words filter is a module of its own (docs/adr/0021), of which this file holds the bytes. It has a
//! VM of its own, shares nothing, and is the same whatever the configuration says.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Options, any, extension, merge};
use spillway::config::{Config, Secret};
use spillway::status::report::Refused;

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

/// The last-words filter: of the clients' listener, and nearest to the client.
pub(crate) fn last_words_filter() -> Value {
    let vm = json!({
        "vm_id": "spillway-writer",
        "runtime": "envoy.wasm.runtime.v8",
        "code": { "local": { "inline_bytes": STANDARD.encode(WRITER) } },
    });
    // Nothing in the module reads its configuration: that is for whoever reads the file.
    plugin("writer", &json!({ "seat": "writer" }), json!({ "vm_config": vm }))
}

/// The filters in the listeners: the gateway, in that of the clients, and the status, the only
/// one of its own: it finds the gateway's configuration in the VM that they share. `clusters`: by
/// backend, where the cluster's name is another. `refused`: a newer file, so that it is seen.
pub(crate) fn listener_filters(
    raw: &Value,
    clusters: &BTreeMap<String, String>,
    refused: Option<&Refused>,
    environment: &Environment,
    options: &Options,
) -> [Value; 2] {
    let any_host = super::status::answers_any_host(options);
    let status = json!({ "seat": "status", "any_host": any_host });
    let status = filter("status", &status, environment, options);
    [downstream_filter(raw, clusters, refused, environment, options), status]
}

/// What takes the gateway's place when the process ends: it ends what still runs, and takes nothing.
pub(super) fn shutdown_filter(environment: &Environment, options: &Options) -> Value {
    filter("gateway", &json!({ "seat": "shutdown" }), environment, options)
}

/// The names of [`listener_filters`], as Envoy knows them.
pub(super) const LISTENER_FILTERS: [&str; 2] = ["spillway.gateway", "spillway.status"];

/// The downstream filter gets the user's whole file.
fn downstream_filter(
    raw: &Value,
    clusters: &BTreeMap<String, String>,
    refused: Option<&Refused>,
    environment: &Environment,
    options: &Options,
) -> Value {
    let mut plugin = json!({ "seat": "gateway", "config": raw });
    if !clusters.is_empty() {
        merge(&mut plugin, json!({ "clusters": clusters }));
    }
    if let Some(refused) = refused {
        merge(&mut plugin, json!({ "refused": refused }));
    }
    if options.envoy.failover.redirects() {
        merge(&mut plugin, json!({ "failover": options.envoy.failover }));
    }
    if !options.envoy.reads_filter_state {
        merge(&mut plugin, json!({ "cluster_header": true }));
    }
    filter("gateway", &plugin, environment, options)
}

/// The upstream filter: the filter in every cluster. Byte for byte the same in all of them, so that
/// Envoy makes one plugin of it; which backend it serves, it learns from filter state.
pub(crate) fn upstream_filter(environment: &Environment, options: &Options) -> Value {
    filter("backend", &json!({ "seat": "backend" }), environment, options)
}

fn filter(
    name: &str,
    configuration: &Value,
    environment: &Environment,
    options: &Options,
) -> Value {
    let own = json!({
        // Without it a pause in the request's headers never sees the body (body routing).
        "allow_on_headers_stop_iteration": true,
        "vm_config": {
            "vm_id": "spillway",
            "runtime": "envoy.wasm.runtime.v8",
            "code": { "local": { "filename": options.filter } },
            "environment_variables": { "host_env_keys": environment.0 },
        },
    });
    plugin(name, configuration, own)
}

/// A plugin with these fields besides those that all have.
fn plugin(name: &str, configuration: &Value, own: Value) -> Value {
    let mut config = json!({
        "name": format!("spillway.{name}"),
        "root_id": name,
        "configuration": any("google.protobuf.StringValue", json!({ "value": configuration.to_string() })),
        // The default leaves a worker answering 503 for ever after one trap.
        "failure_policy": "FAIL_RELOAD",
        // The default waits a second before the first reload: a second of 503 on that worker.
        "reload_config": { "backoff": { "base_interval": "0.05s", "max_interval": "5s" } },
    });
    merge(&mut config, own);
    extension(
        &format!("spillway.{name}"),
        "envoy.extensions.filters.http.wasm.v3.Wasm",
        json!({ "config": config }),
    )
}

/// src/filter/last_words.wat, assembled.
const WRITER: &[u8] = include_bytes!("../../../src/filter/last_words.wasm");
