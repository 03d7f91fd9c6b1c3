//! What belongs around the pods.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Entry, METRICS_PORT, Options, PORT};
use spillway::config::Config;

/// Where applications in the cluster connect.
const SERVICE_PORT: u16 = 80;

pub(super) fn service_account(options: &Options) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": options.metadata(),
        "automountServiceAccountToken": false,
    })
}

pub(super) fn config_map(text: &str, options: &Options) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": options.metadata(),
        "data": { "spillway.yaml": text },
    })
}

pub(super) fn service(options: &Options) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": options.metadata(),
        "spec": {
            "selector": options.labels(),
            "ports": [{ "name": "http", "port": SERVICE_PORT, "targetPort": "http", "appProtocol": "http" }],
        },
    })
}

pub(super) fn disruption_budget(options: &Options) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": options.metadata(),
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": { "matchLabels": options.labels() },
        },
    })
}

pub(super) fn autoscaler(options: &Options) -> Value {
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": options.metadata(),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": options.name,
            },
            "minReplicas": options.min_replicas,
            "maxReplicas": options.max_replicas,
            "metrics": [{
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "target": { "type": "Utilization", "averageUtilization": 70 },
                },
            }],
        },
    })
}

pub(super) fn network_policy(config: &Config, options: &Options) -> Value {
    let ports: BTreeSet<u16> = config.backends.iter().map(|backend| backend.url.port).collect();
    let collector = options.otlp.read(&|_| None).ok().and_then(|found| found.exporter);
    let ports: BTreeSet<u16> =
        ports.into_iter().chain(collector.map(|exporter| exporter.url.port)).collect();
    let to_backends: Vec<Value> =
        ports.into_iter().map(|port| json!({ "protocol": "TCP", "port": port })).collect();
    let dns = json!([{ "protocol": "UDP", "port": 53 }, { "protocol": "TCP", "port": 53 }]);
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": options.metadata(),
        "spec": {
            "podSelector": { "matchLabels": options.labels() },
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{ "ports": [
                { "protocol": "TCP", "port": PORT },
                { "protocol": "TCP", "port": METRICS_PORT },
            ] }],
            "egress": [{ "ports": dns }, { "ports": to_backends }],
        },
    })
}

/// Without a limit in time: the usual one would cut every long answer.
pub(super) fn http_route(entry: &Entry, options: &Options) -> Value {
    let gateway = match entry.gateway.split_once('/') {
        Some((namespace, name)) => json!({ "name": name, "namespace": namespace }),
        None => json!({ "name": entry.gateway }),
    };
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": options.metadata(),
        "spec": {
            "parentRefs": [gateway],
            "hostnames": [entry.host],
            "rules": [{
                "timeouts": { "request": "0s", "backendRequest": "0s" },
                "backendRefs": [{ "name": options.name, "port": SERVICE_PORT }],
            }],
        },
    })
}
