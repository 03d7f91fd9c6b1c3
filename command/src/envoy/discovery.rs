//! What Envoy reads from files and reads again when these are replaced: the discovery services,
//! each in a file of its own.
//!
//! Envoy looks at a file again when another one is moved to its name, and takes it as a whole or
//! refuses it as a whole. So a file is written beside its place and then moved.

use serde_json::{Value, json};

use super::{Options, any, route};

/// One thing that Envoy discovers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The clusters.
    Clusters,
    /// The route table.
    Routes,
    /// One of Spillway's filters in the listener, by Envoy's name for it.
    Filter(&'static str),
}

impl Service {
    /// The name of its file.
    pub fn file(self) -> String {
        match self {
            Self::Clusters => "clusters.json".to_owned(),
            Self::Routes => "routes.json".to_owned(),
            Self::Filter(name) => format!("{name}.json"),
        }
    }

    /// What the names of Envoy's statistics about it begin with.
    pub fn statistics(self) -> String {
        match self {
            Self::Clusters => "cluster_manager.cds.".to_owned(),
            Self::Routes => format!("http.spillway.rds.{}.", route::NAME),
            Self::Filter(name) => format!("extension_config_discovery.http_filter.{name}."),
        }
    }

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clusters => "backends",
            Self::Routes => "routes",
            Self::Filter(_) => "filter",
        }
    }
}

/// What stands in a service's file: these resources, which are this version.
pub(super) fn answer(version: u64, resources: Vec<Value>) -> Value {
    json!({ "version_info": version.to_string(), "resources": resources })
}

/// A resource of this message.
pub(super) fn cluster(cluster: Value) -> Value {
    any("envoy.config.cluster.v3.Cluster", cluster)
}

/// The route table as a resource.
pub(super) fn route_table(table: Value) -> Value {
    any("envoy.config.route.v3.RouteConfiguration", table)
}

/// A filter as a resource.
pub(super) fn filter(filter: Value) -> Value {
    any("envoy.config.core.v3.TypedExtensionConfig", filter)
}

/// Where a filter's configuration is found.
pub(super) fn filter_by_discovery(name: &'static str, options: &Options) -> Value {
    json!({ "name": name, "config_discovery": {
        "config_source": source(Service::Filter(name), options),
        "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
    }})
}

/// Where the routes are found.
pub(super) fn routes(options: &Options) -> Value {
    json!({ "route_config_name": route::NAME, "config_source": source(Service::Routes, options) })
}

/// Where the clusters are found.
pub(super) fn clusters(options: &Options) -> Value {
    source(Service::Clusters, options)
}

fn source(service: Service, options: &Options) -> Value {
    json!({
        "path_config_source": { "path": format!("{}/{}", options.state_dir, service.file()) },
        "resource_api_version": "V3",
    })
}
