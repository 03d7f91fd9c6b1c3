//! A gateway in Kubernetes where none is yet: `spillway up` in a hardened Deployment, and what
//! belongs around it.
//!
//! The pods run an image with Envoy, the command and the filter. The configuration is the user's own
//! file, in a ConfigMap; keys stay where they are, in a Secret that is only referred to.
//!
//! docs/rendered/kubernetes.md has the reason of each field.

mod around;
mod files;
mod pod;

use serde_json::{Value, json};

use crate::otlp::Flags;
use spillway::config::{Config, Problem};

/// What rendering needs besides the configuration itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The image with Envoy, the command and the filter.
    pub image: String,
    /// The name of everything.
    pub name: String,
    /// Where it all goes.
    pub namespace: String,
    /// The Secret with the keys that the configuration refers to.
    pub secret: String,
    /// The fewest pods.
    pub min_replicas: u32,
    /// The most pods.
    pub max_replicas: u32,
    /// How clients outside of the cluster get there.
    pub entry: Option<Entry>,
    /// Where spans go.
    pub otlp: Flags,
}

/// A way in from outside: a host at a Gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The Gateway: `name`, or `namespace/name`.
    pub gateway: String,
    /// The host that clients ask for.
    pub host: String,
}

/// The port that Envoy listens on: above 1024, so that no privilege is needed.
const PORT: u16 = 10_000;

/// Where Prometheus finds the metrics, and nothing else of the admin interface.
const METRICS_PORT: u16 = 9902;

/// What this configuration and these flags want and a pod cannot give.
pub fn problems(config: &Config, otlp: &Flags) -> Vec<Problem> {
    files::problems(config, otlp)
}

/// The resources, in the order in which they are wanted; `text` is the file as it was written.
pub fn resources(config: &Config, text: &str, options: &Options) -> Vec<Value> {
    let mut resources = vec![
        around::service_account(options),
        around::config_map(text, options),
        pod::deployment(config, options),
        around::service(options),
        around::disruption_budget(options),
        around::autoscaler(options),
        around::network_policy(config, options),
    ];
    resources.extend(options.entry.as_ref().map(|entry| around::http_route(entry, options)));
    resources
}

impl Options {
    /// The labels by which the pods are known.
    fn labels(&self) -> Value {
        json!({ "app.kubernetes.io/name": "spillway", "app.kubernetes.io/instance": self.name })
    }

    fn metadata(&self) -> Value {
        json!({ "name": self.name, "namespace": self.namespace, "labels": self.labels() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spillway::config::check;

    #[test]
    fn a_pod_gets_what_spans_need() {
        let file = json!({
            "backends": { "a": { "url": "https://a.example.com", "api_key": "${KEY}" } },
            "models": { "m": { "pool": ["a"] } },
        });
        let otlp = Flags {
            otlp: Some("https://collector:4318".into()),
            otlp_header: vec!["api-key=${OTLP_KEY}".into()],
            otlp_ca: Some("/run/ca/otlp.pem".into()),
            ..Flags::default()
        };
        let options = Options {
            image: "i".into(),
            name: "gateway".into(),
            namespace: "default".into(),
            secret: "keys".into(),
            min_replicas: 1,
            max_replicas: 1,
            entry: None,
            otlp,
        };
        let config = check(&file).expect("a right file");
        assert_eq!(problems(&config, &options.otlp), []);
        let all = resources(&config, "", &options);
        let pod = &all[2]["spec"]["template"]["spec"];
        let arguments = pod["containers"][0]["args"].as_array().expect("a list");
        let spans = [
            "--otlp",
            "https://collector:4318",
            "--otlp-ca",
            "/run/ca/otlp.pem",
            "--otlp-header",
            "api-key=${OTLP_KEY}",
        ];
        assert!(arguments.ends_with(&spans.map(|text| json!(text))), "{arguments:?}");
        let from = json!({ "secretKeyRef": { "name": "keys", "key": "OTLP_KEY" } });
        let variable = json!({ "name": "OTLP_KEY", "valueFrom": from });
        assert!(pod["containers"][0]["env"].as_array().expect("a list").contains(&variable));
        let authority =
            json!({ "name": "gateway-ca", "items": [{ "key": "otlp.pem", "path": "otlp.pem" }] });
        assert!(
            pod["volumes"].as_array().expect("a list").iter().any(|v| v["configMap"] == authority)
        );
        let egress = &all[6]["spec"]["egress"][1]["ports"];
        assert!(
            egress.as_array().expect("a list").iter().any(|port| port["port"] == 4318),
            "{egress}"
        );
    }
}
