//! Istio's resources, rendered from our configuration.
//!
//! In a mesh, Envoy's configuration is istiod's, and what Spillway needs is laid over it by an
//! `EnvoyFilter`: three filters in the connection manager, a route, and a cluster for each backend.
//! The proxy is shared with others, so nothing of it may change for them: the filters are switched
//! off and only our route switches them on, error texts and the access log ask whose route it is,
//! and the clusters are our own.
//!
//! `WasmPlugin` and `TrafficExtension` would not do: they put a filter into the listener's chain
//! alone, and half of Spillway sits in the clusters'. But what they use to fetch a module is there
//! for an `EnvoyFilter` too ([`module`]).
//!
//! docs/rendered/istio.md has the reason of each field; inside Envoy's own messages it is that of
//! `command/src/envoy`.

mod backend;
mod filters;
mod key;
pub mod module;
mod mount;
mod patch;
mod place;
mod proxy;
mod route;
mod shared;
pub mod version;

use serde_json::{Value, json};

use crate::envoy::{self, AccessLog};
use spillway::config::{Config, Problem};

pub use module::Module;
pub use place::{Attach, Place};
pub(crate) use proxy::environment;
pub use proxy::{chart_values, proxy_patch};
pub use version::Minor;

/// What rendering needs besides the configuration itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Which proxies these are.
    pub place: Place,
    /// Where they find the filter.
    pub module: Module,
    /// The Kubernetes Secret with the keys that the configuration refers to.
    pub secret: String,
    /// The Deployment that the proxies run in, for a patch that says so.
    pub deployment: Option<String>,
    /// Where the line for each of our requests goes, besides the mesh's own log.
    pub access_log: AccessLog,
    /// The CA bundle in the proxy's image.
    pub ca_bundle: String,
}

/// The name of all that is rendered, and the beginning of the clusters' names.
pub(crate) const NAME: &str = "spillway";

/// What this configuration wants and a mesh's proxy cannot give.
pub fn problems(config: &Config, options: &Options) -> Vec<Problem> {
    mount::problems(config, options)
}

/// What `kubectl apply` gets: what gives our host a place in the mesh, and the `EnvoyFilter`.
///
/// `raw` is the file as the user wrote it.
pub fn resources(config: &Config, raw: &Value, options: &Options) -> Vec<Value> {
    vec![place::home(&options.place), envoy_filter(config, raw, options)]
}

fn envoy_filter(config: &Config, raw: &Value, options: &Options) -> Value {
    let place = &options.place;
    let envoy = options.envoy();
    let mut patches = Vec::new();
    patches.extend(shared::listeners(config, place, &envoy));
    patches.push(shared::connection_manager(options, &envoy));
    patches.extend(filters::discovered(config, raw, options));
    patches.extend(filters::downstream(options));
    patches.extend(route::routes(config, options, &envoy));
    patches.extend(backend::clusters(config, options));
    let mut spec = place.target();
    envoy::merge(&mut spec, json!({ "configPatches": patches }));
    json!({
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": { "name": place.name, "namespace": place.namespace },
        "spec": spec,
    })
}

impl Options {
    /// What `command/src/envoy` wants to know. Addresses are not its business here: the listener is Istio's.
    fn envoy(&self) -> envoy::Options {
        envoy::Options {
            listen: ([0, 0, 0, 0], 0).into(),
            admin: ([127, 0, 0, 1], 0).into(),
            metrics: None,
            status: None,
            otlp: None,
            filter: self.module.file().unwrap_or_default().to_owned(),
            access_log: self.access_log.clone(),
            state_dir: String::new(),
            ca_bundle: self.ca_bundle.clone(),
            envoy: self.place.version.abilities(),
        }
    }
}
