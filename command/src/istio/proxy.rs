//! What the proxies' own pods need: the keys in their environment, and the module's file.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Attach, NAME, Options, Place};
use crate::envoy::merge;
use spillway::config::Config;

/// A patch for the Deployment that the proxies run in, for `kubectl patch` or kustomize.
///
/// It names Secret and variables; the keys themselves only ever stand in the Secret.
pub fn proxy_patch(config: &Config, options: &Options) -> Value {
    let mut container = json!({ "name": "istio-proxy" });
    if options.place.attach == Attach::Sidecar {
        // The injector replaces it and keeps what stands beside it.
        merge(&mut container, json!({ "image": "auto" }));
    }
    let environment = environment(config, &[], &options.secret);
    if !environment.is_empty() {
        merge(&mut container, json!({ "env": environment }));
    }
    let mut pod = Map::new();
    if let Some((mount, volume)) = module_file(options) {
        merge(&mut container, json!({ "volumeMounts": [mount] }));
        pod.insert("volumes".into(), json!([volume]));
    }
    pod.insert("containers".into(), json!([container]));
    let patch = json!({ "spec": { "template": { "spec": pod } } });
    match options.place.attach {
        Attach::GatewayApi { .. } => parameters(&patch, options),
        Attach::Ingress { .. } | Attach::Sidecar => patch,
    }
}

/// The Deployment of a `Gateway` is istiod's, which lays this over it (`spec.infrastructure.parametersRef`).
fn parameters(patch: &Value, options: &Options) -> Value {
    let Place { name, namespace, .. } = &options.place;
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": format!("{name}-parameters"), "namespace": namespace },
        "data": { "deployment": patch.to_string() },
    })
}

/// The same as values of Istio's `gateway` chart. Its `env` takes literals alone, so keys come by
/// `envVarFrom`, which the charts of 1.28 to 1.31 have.
pub fn chart_values(config: &Config, options: &Options) -> Value {
    let mut values = json!({});
    let environment = environment(config, &[], &options.secret);
    if !environment.is_empty() {
        merge(&mut values, json!({ "envVarFrom": environment }));
    }
    if let Some((mount, volume)) = module_file(options) {
        merge(&mut values, json!({ "volumeMounts": [mount], "volumes": [volume] }));
    }
    values
}

/// The module's file: where it is mounted, and the volume.
fn module_file(options: &Options) -> Option<(Value, Value)> {
    let (folder, file) = options.module.file()?.rsplit_once('/')?;
    let volume = format!("{NAME}-wasm");
    let folder = if folder.is_empty() { "/" } else { folder };
    let items = json!([{ "key": "spillway.wasm", "path": file }]);
    Some((
        json!({ "name": volume, "mountPath": folder, "readOnly": true }),
        json!({ "name": volume, "configMap": { "name": volume, "items": items } }),
    ))
}

/// The environment variables that the configuration refers to, and these, each once. Their values are
/// the Secret's entries of the same names.
pub(crate) fn environment(config: &Config, others: &[&str], secret: &str) -> Vec<Value> {
    let from_secret = |name| json!({ "name": name, "valueFrom": { "secretKeyRef": { "name": secret, "key": name } } });
    let secrets = config.secrets();
    let names: BTreeSet<&str> = secrets
        .iter()
        .filter_map(|(_, own)| own.variable())
        .chain(others.iter().copied())
        .collect();
    names.into_iter().map(from_secret).collect()
}
