//! A listener for Prometheus: Envoy's metrics, and nothing else of its admin interface.
//!
//! Envoy tells its metrics, the filter's among them, on its admin interface alone, and whoever
//! reaches that can stop Envoy and read its configuration. A scraper runs on another machine or in
//! another container, so it would have to be let in there. Instead a listener of its own passes
//! exactly one request on, `GET /stats/prometheus`, answers `/healthz` as the clients' listener does
//! (and goes on with both while that one is closed, when the process ends), and answers 404 to all
//! others; the admin interface stays on loopback.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::admin::Admin;
use super::{extension, health, socket_address};

/// What is scraped.
pub const PATH: &str = "/stats/prometheus";

/// The listener's name.
pub(super) const NAME: &str = "spillway-metrics";

/// The cluster that is Envoy's own admin interface. No backend can have this name: theirs hold no
/// dot.
const ADMIN: &str = "spillway.admin";

/// The listener at this address.
pub(super) fn listener(address: SocketAddr) -> Value {
    json!({
        "name": NAME,
        "address": socket_address(&address.ip().to_string(), address.port()),
        "filter_chains": [{ "filters": [extension(
            "envoy.filters.network.http_connection_manager",
            "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            json!({
                "stat_prefix": NAME,
                // The path that is matched is the one that is passed on: no other spelling of it.
                "normalize_path": true,
                "path_with_escaped_slashes_action": "REJECT_REQUEST",
                // Nobody scrapes for a minute: what is silent so long is no scraper.
                "request_headers_timeout": "60s",
                "stream_idle_timeout": "60s",
                "http_filters": [health::filter(), extension(
                    "envoy.filters.http.router",
                    "envoy.extensions.filters.http.router.v3.Router",
                    json!({ "suppress_envoy_headers": true }),
                )],
                "route_config": { "name": NAME, "virtual_hosts": [{
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{
                        "match": {
                            "path": PATH,
                            "headers": [{ "name": ":method", "string_match": { "exact": "GET" } }],
                        },
                        "route": { "cluster": ADMIN },
                    }],
                }]},
            }),
        )]}],
    })
}

/// The way to the admin interface, whose port must be known.
pub(super) fn cluster(admin: SocketAddr) -> Value {
    // Where it listens on every interface, it is reached on loopback.
    let address = Admin::at(admin).address();
    json!({
        "name": ADMIN,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": { "cluster_name": ADMIN, "endpoints": [{ "lb_endpoints": [{
            "endpoint": { "address": socket_address(&address.ip().to_string(), address.port()) },
        }]}]},
    })
}
