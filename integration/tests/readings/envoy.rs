//! An Envoy as a backend: it resolves dot segments, merges slashes and decodes escaped ones before it
//! hands a request on.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::json;
use spillway_integration::Plain;

/// Starts it before this server.
pub(crate) async fn start(folder: &Path, server: SocketAddr) -> Plain {
    let extension = |kind: &str| format!("type.googleapis.com/envoy.extensions.{kind}");
    let trailers = json!({ "enable_trailers": true });
    let manager = json!({
        "@type": extension("filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "normalising",
        "normalize_path": true,
        "merge_slashes": true,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
        "http_protocol_options": trailers,
        "route_config": { "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "server" } }],
        }]},
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": extension("filters.http.router.v3.Router") },
        }],
    });
    let at = |address: SocketAddr| {
        json!({ "socket_address": {
            "address": address.ip().to_string(),
            "port_value": address.port(),
        }})
    };
    let anywhere = at(SocketAddr::from(([127, 0, 0, 1], 0)));
    let bootstrap = json!({
        "admin": { "address": anywhere },
        "static_resources": {
            "listeners": [{
                "name": "normalising",
                "address": anywhere,
                "filter_chains": [{ "filters": [{
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": manager,
                }]}],
            }],
            "clusters": [{
                "name": "server",
                "type": "STATIC",
                "typed_extension_protocol_options": {
                    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                        "@type": extension("upstreams.http.v3.HttpProtocolOptions"),
                        "explicit_http_config": { "http_protocol_options": trailers },
                    },
                },
                "load_assignment": {
                    "cluster_name": "server",
                    "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": at(server) } }] }],
                },
            }],
        },
    });
    fs::write(folder.join(BOOTSTRAP), bootstrap.to_string()).expect("a bootstrap");
    Plain::start(folder, BOOTSTRAP, &["--use-dynamic-base-id"], &[]).await
}

const BOOTSTRAP: &str = "normalising.json";
