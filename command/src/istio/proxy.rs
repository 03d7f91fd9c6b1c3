//! What the proxies' own pods need: keys in their environment, files, and annotations.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Attach, Options, Place, mount};
use crate::envoy::merge;
use spillway::config::Config;

/// A patch for the Deployment that the proxies run in, for `kubectl patch` or kustomize.
///
/// kustomize takes it with the Deployment's name in it alone. It names Secret and variables; the keys themselves only ever stand in the Secret.
pub fn proxy_patch(config: &Config, options: &Options) -> Value {
    let sidecar = options.place.attach == Attach::Sidecar;
    let mut annotations = mount::annotations(config);
    let mut own = Map::new();
    let mut pod = Map::new();
    let environment = environment(config, &[], &options.secret);
    if !environment.is_empty() {
        own.insert("env".into(), json!(environment));
    }
    if sidecar {
        annotations.extend(for_the_injector(config, options));
    } else {
        let (mounts, volumes) = volumes(config, options);
        if !volumes.is_empty() {
            own.insert("volumeMounts".into(), json!(mounts));
            pod.insert("volumes".into(), json!(volumes));
        }
    }
    if !own.is_empty() {
        let mut container = json!({ "name": "istio-proxy" });
        if sidecar {
            // The injector replaces it and keeps what stands beside it.
            merge(&mut container, json!({ "image": "auto" }));
        }
        merge(&mut container, Value::Object(own));
        pod.insert("containers".into(), json!([container]));
    }
    let mut template = json!({});
    if !annotations.is_empty() {
        merge(&mut template, json!({ "metadata": { "annotations": annotations } }));
    }
    if !pod.is_empty() {
        merge(&mut template, json!({ "spec": pod }));
    }
    let mut patch = json!({});
    if let Some(name) = &options.deployment {
        merge(
            &mut patch,
            json!({
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": { "name": name, "namespace": options.place.namespace },
            }),
        );
    }
    merge(&mut patch, json!({ "spec": { "template": template } }));
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
    let annotations = mount::annotations(config);
    if !annotations.is_empty() {
        merge(&mut values, json!({ "podAnnotations": annotations }));
    }
    let environment = environment(config, &[], &options.secret);
    if !environment.is_empty() {
        merge(&mut values, json!({ "envVarFrom": environment }));
    }
    let (mounts, volumes) = volumes(config, options);
    if !volumes.is_empty() {
        merge(&mut values, json!({ "volumeMounts": mounts, "volumes": volumes }));
    }
    values
}

/// The container's mounts, and the pod's volumes.
fn volumes(config: &Config, options: &Options) -> (Vec<Value>, Vec<Value>) {
    let one = |mount: mount::Mount| {
        let mut volume = json!({ "name": mount.name });
        merge(&mut volume, mount.source);
        let mount = json!({ "name": mount.name, "mountPath": mount.folder, "readOnly": true });
        (mount, volume)
    };
    mount::all(config, options).into_iter().map(one).unzip()
}

/// The same as annotations that the injector reads: the application's own container has no share in it.
fn for_the_injector(config: &Config, options: &Options) -> Map<String, Value> {
    let (mut mounts, mut volumes) = (Map::new(), Map::new());
    for mount in mount::all(config, options) {
        let place = json!({ "mountPath": mount.folder, "readOnly": true });
        mounts.insert(mount.name.clone(), place);
        volumes.insert(mount.name, mount.source);
    }
    let all = [("userVolume", volumes), ("userVolumeMount", mounts)];
    let some = all.into_iter().filter(|(_, fields)| !fields.is_empty());
    let annotation =
        |(name, fields)| (format!("sidecar.istio.io/{name}"), json!(json!(fields).to_string()));
    some.map(annotation).collect()
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
