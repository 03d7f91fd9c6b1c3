//! Which proxies, and which requests that pass them.

use serde_json::{Map, Value, json};

use super::{Minor, NAME};
use crate::envoy::merge;

/// Where Spillway is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name of the resources.
    pub name: String,
    /// The Istio of the proxies. Those of another one are left alone.
    pub version: Minor,
    /// The namespace of the proxies.
    pub namespace: String,
    /// The labels of their pods.
    pub selector: Vec<(String, String)>,
    /// What kind of proxies these are.
    pub attach: Attach,
    /// The hosts that clients ask for, in small letters; one at least.
    pub hosts: Vec<String>,
    /// The port that clients ask for: the `Gateway`'s, or the `Service`'s.
    pub port: u16,
    /// The ports that the proxies listen on for that.
    pub listener_ports: Vec<u16>,
    /// What clients' paths begin with; empty, or `/like-this`.
    pub path_prefix: String,
}

const GATEWAY_API: &str = "gateway.networking.k8s.io";

/// The kind of proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attach {
    /// An ingress gateway.
    Ingress {
        /// The `Gateway` that the host belongs to: `name`, or `namespace/name`.
        gateway: String,
    },
    /// A gateway of the Kubernetes Gateway API, which istiod runs.
    GatewayApi {
        /// The `Gateway`'s name.
        gateway: String,
    },
    /// The sidecar of an application, for what the application sends.
    Sidecar,
}

impl Place {
    /// Istio's word for the proxy's role.
    pub(super) fn context(&self) -> &'static str {
        match self.attach {
            Attach::Ingress { .. } | Attach::GatewayApi { .. } => "GATEWAY",
            Attach::Sidecar => "SIDECAR_OUTBOUND",
        }
    }

    /// Matches our listeners. A sidecar's has the port that the application asks for. A gateway's
    /// has the port of its pod, which is not known here, so all of a gateway's listeners are meant.
    pub(super) fn listeners(&self) -> Value {
        match self.attach {
            Attach::Ingress { .. } | Attach::GatewayApi { .. } => json!({}),
            Attach::Sidecar => json!({ "portNumber": self.port }),
        }
    }

    /// What of an `EnvoyFilter` says which proxies are meant. A proxy of the Gateway API belongs to its
    /// `Gateway`, whose labels are istiod's to choose.
    pub(super) fn target(&self) -> Value {
        if let Attach::GatewayApi { gateway } = &self.attach {
            return json!({ "targetRefs": [
                { "group": GATEWAY_API, "kind": "Gateway", "name": gateway },
            ]});
        }
        json!({ "workloadSelector": { "labels": self.labels() } })
    }

    fn labels(&self) -> Value {
        let label = |(key, value): &(String, String)| (key.clone(), json!(value));
        Value::Object(self.selector.iter().map(label).collect::<Map<_, _>>())
    }

    fn path(&self) -> &str {
        if self.path_prefix.is_empty() { "/" } else { &self.path_prefix }
    }
}

/// What makes istiod give the host a virtual host at these proxies, which our route then joins.
///
/// At a gateway that is a `VirtualService`, whose own route answers what is asked before the
/// `EnvoyFilter` is there, or after it has gone. At one of the Gateway API it is an `HTTPRoute` without
/// backends, which answers 500. In a sidecar it is a `Service` without pods: its
/// name resolves everywhere, and where no sidecar with our route is in between, nobody answers.
pub(super) fn home(place: &Place) -> Value {
    match &place.attach {
        Attach::Ingress { gateway } => json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": { "name": place.name, "namespace": place.namespace },
            "spec": {
                "hosts": place.hosts,
                "gateways": [gateway],
                "http": [{
                    "name": "spillway-absent",
                    "match": [{ "uri": { "prefix": place.path() } }],
                    "directResponse": {
                        "status": 503,
                        "body": { "string": "Spillway is not attached to this gateway.\n" },
                    },
                }],
            },
        }),
        Attach::GatewayApi { gateway } => {
            let mut spec = json!({
                "parentRefs": [{ "name": gateway }],
                "rules": [{ "matches": [{ "path": { "type": "PathPrefix", "value": place.path() } }] }],
            });
            if !place.hosts.iter().any(|host| host == "*") {
                merge(&mut spec, json!({ "hostnames": place.hosts }));
            }
            json!({
                "apiVersion": format!("{GATEWAY_API}/v1"),
                "kind": "HTTPRoute",
                "metadata": { "name": place.name, "namespace": place.namespace },
                "spec": spec,
            })
        }
        Attach::Sidecar => {
            let host = place.hosts.first().map(String::as_str).unwrap_or_default();
            let name = host.split('.').next().unwrap_or(NAME);
            json!({
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": { "name": name, "namespace": place.namespace },
                "spec": { "ports": [{
                    "name": "http",
                    "port": place.port,
                    "appProtocol": "http",
                }]},
            })
        }
    }
}
