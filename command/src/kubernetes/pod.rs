//! The Deployment and its pods.

use serde_json::{Value, json};

use super::{METRICS_PORT, Options, PORT, files};
use crate::envoy::{health, metrics_listener};
use crate::istio;
use spillway::config::Config;

/// Where the configuration is mounted: a folder, as a single file would not change with its
/// ConfigMap.
const FOLDER: &str = "/etc/spillway";

/// The user `envoy` of the official image.
const USER: u32 = 101;

/// How long a pod goes on taking requests after Kubernetes has begun to end it, in seconds: until
/// then, some of the cluster's nodes still send it some.
const LINGER: u64 = 5;

/// What Kubernetes leaves for the last goodbye, in seconds.
const MARGIN: u64 = 10;

pub(super) fn deployment(config: &Config, options: &Options) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": options.metadata(),
        // Without `replicas`, which the autoscaler sets: each `kubectl apply` would set it back.
        "spec": {
            "selector": { "matchLabels": options.labels() },
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 },
            },
            "template": {
                "metadata": {
                    "labels": options.labels(),
                    "annotations": {
                        "prometheus.io/scrape": "true",
                        "prometheus.io/port": METRICS_PORT.to_string(),
                        "prometheus.io/path": metrics_listener::PATH,
                    },
                },
                "spec": pod(config, options),
            },
        },
    })
}

fn pod(config: &Config, options: &Options) -> Value {
    let mut volumes = vec![
        json!({ "name": "config", "configMap": { "name": options.name } }),
        json!({ "name": "tmp", "emptyDir": { "sizeLimit": "64Mi" } }),
    ];
    volumes.extend(files::volumes(config, options));
    json!({
        "serviceAccountName": options.name,
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "terminationGracePeriodSeconds": LINGER + config.timeouts.drain.as_secs_rounded_up() + MARGIN,
        "topologySpreadConstraints": [
            spread("kubernetes.io/hostname", options),
            spread("topology.kubernetes.io/zone", options),
        ],
        "containers": [container(config, options)],
        "volumes": volumes,
    })
}

fn spread(key: &str, options: &Options) -> Value {
    json!({
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": { "matchLabels": options.labels() },
    })
}

fn container(config: &Config, options: &Options) -> Value {
    let of_collector = options.otlp.variables();
    let environment = istio::environment(config, &of_collector, &options.secret);
    let mut mounts = vec![
        json!({ "name": "config", "mountPath": FOLDER, "readOnly": true }),
        json!({ "name": "tmp", "mountPath": "/tmp" }),
    ];
    mounts.extend(files::mounts(config, options));
    let mut arguments = json!([
        "up",
        "--config",
        format!("{FOLDER}/spillway.yaml"),
        "--listen",
        format!("0.0.0.0:{PORT}"),
        "--admin",
        "127.0.0.1:9901",
        "--metrics",
        format!("0.0.0.0:{METRICS_PORT}"),
        // A `kubectl port-forward` reaches the pod's loopback: the page has no key.
        "--status",
        "127.0.0.1:10001",
        "--workers",
        "2",
    ]);
    let spans = options.otlp.arguments();
    arguments
        .as_array_mut()
        .into_iter()
        .for_each(|all| all.extend(spans.iter().map(|one| json!(one))));
    json!({
        "name": "spillway",
        "image": options.image,
        "command": ["spillway"],
        "args": arguments,
        "env": environment,
        "ports": [
            { "name": "http", "containerPort": PORT },
            { "name": "metrics", "containerPort": METRICS_PORT },
        ],
        "startupProbe": probe(1, 60, 1),
        "readinessProbe": probe(5, 2, 2),
        "livenessProbe": probe(10, 6, 5),
        "lifecycle": { "preStop": { "sleep": { "seconds": LINGER } } },
        "resources": {
            "requests": { "cpu": "1", "memory": "256Mi" },
            "limits": { "memory": "1Gi" },
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        },
        "volumeMounts": mounts,
    })
}

fn probe(period: u32, failures: u32, timeout: u32) -> Value {
    json!({
        "httpGet": { "path": health::PATH, "port": "http" },
        "periodSeconds": period,
        "failureThreshold": failures,
        "timeoutSeconds": timeout,
    })
}
