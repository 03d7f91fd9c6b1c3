//! Where operators look: a second listener, on which the filter answers by itself.
//!
//! It is a listener of its own, so that no path of a client's ever means the status, and the status
//! is not where clients are. Nothing on it is sent anywhere: the route table is empty.

use serde_json::{Value, json};

use super::{Options, extension, health, socket_address};

/// Its name in Envoy's own words.
pub(super) const NAME: &str = "spillway-status";

/// Whether it may be asked for by any name: a name only tells something where no other machine can ask.
pub(super) fn answers_any_host(options: &Options) -> bool {
    options.status.is_some_and(|address| !address.ip().is_loopback())
}

/// The listener with this filter, where one is wanted.
pub(super) fn listener(filter: Value, options: &Options) -> Option<Value> {
    let address = options.status?;
    let manager = json!({
        "stat_prefix": NAME,
        "codec_type": "AUTO",
        "max_request_headers_kb": 16,
        "common_http_protocol_options": { "idle_timeout": "60s", "max_headers_count": 100 },
        "request_headers_timeout": "10s",
        "request_timeout": "10s",
        "stream_idle_timeout": "30s",
        "use_remote_address": true,
        "server_header_transformation": "PASS_THROUGH",
        "generate_request_id": false,
        "http_filters": [
            health::filter(),
            filter,
            extension(
                "envoy.filters.http.router",
                "envoy.extensions.filters.http.router.v3.Router",
                json!({}),
            ),
        ],
        "route_config": { "name": NAME, "virtual_hosts": [] },
    });
    Some(json!({
        "name": NAME,
        "address": socket_address(&address.ip().to_string(), address.port()),
        "per_connection_buffer_limit_bytes": CONNECTION_BUFFER,
        "filter_chains": [{ "filters": [extension(
            "envoy.filters.network.http_connection_manager",
            "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            manager,
        )]}],
    }))
}

/// No request here has a body worth keeping.
const CONNECTION_BUFFER: u32 = 64 * 1024;
