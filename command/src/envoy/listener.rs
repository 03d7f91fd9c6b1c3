//! Where clients come in: the listener and its HTTP connection manager.

use serde_json::{Value, json};

use super::cluster::CONNECTION_BUFFER;
use super::{Options, access_log, extension, health, local_reply, merge, socket_address, tracing};
use spillway::config::Config;
use spillway::exchange::timeouts::PER_TRY;

/// Its name in Envoy's own words.
pub(super) const NAME: &str = "spillway";

/// What one client's connection may hold before Envoy reads no more of it, which makes it the longest
/// part of a body that the filter gets. Of a long body that names its model early the last part is
/// copied out and in again, so that a megabyte that is there at once should not be one part. Parts
/// of 32 KiB cost as much in calls as they save in copies.
const CLIENT_BUFFER: u32 = CONNECTION_BUFFER / 2;

/// What a listener sends its requests through.
#[derive(Debug)]
pub(super) struct Way {
    /// Spillway's filters, in front of the router.
    pub(super) filters: Vec<Value>,
    /// The field that says where the routes are.
    pub(super) routes: Value,
}

/// The listener, plain HTTP: TLS ends in front of it, or is added to what `render` prints.
///
/// Apart from the way, nothing in it follows the file, or a reload could not change that. What else
/// a request is granted stands in its route. (`client_buffer` is the exception, for old Envoys.)
pub(super) fn listener(way: Way, config: &Config, options: &Options) -> Value {
    let buffer = client_buffer(config, options);
    json!({
        "name": NAME,
        "address": socket_address(&options.listen.ip().to_string(), options.listen.port()),
        // It is the one that is closed first when the process ends (`admin::Admin::stop_listening`).
        "traffic_direction": "INBOUND",
        "per_connection_buffer_limit_bytes": buffer,
        "filter_chains": [{ "filters": [extension(
            "envoy.filters.network.http_connection_manager",
            "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            connection_manager(way, options, buffer),
        )]}],
    })
}

/// What Envoy holds for a client: a whole body, where only this limits what a filter may hold. Where
/// bodies are read to their end, parts need not be small.
pub(crate) fn client_buffer(config: &Config, options: &Options) -> u64 {
    let redirects = options.envoy.failover.redirects();
    let usual = u64::from(if redirects { CONNECTION_BUFFER } else { CLIENT_BUFFER });
    if options.envoy.limits_bodies_by_route { usual } else { usual.max(config.max_request_body) }
}

fn connection_manager(way: Way, options: &Options, buffer: u64) -> Value {
    let mut filters = vec![health::filter()];
    filters.extend(way.filters);
    filters.push(extension(
        "envoy.filters.http.router",
        "envoy.extensions.filters.http.router.v3.Router",
        // No `x-envoy-*` towards backends and clients.
        json!({ "suppress_envoy_headers": true }),
    ));
    let mut manager = json!({
        "stat_prefix": "spillway",
        "codec_type": "AUTO",
        "http_protocol_options": {
            "accept_http_10": true,
            // A 1.0 client may leave out the host; the upstream filter sets the real one anyway.
            "default_host_for_http_10": "spillway",
            "enable_trailers": true,
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 1024,
            "initial_stream_window_size": buffer.max(u64::from(CONNECTION_BUFFER)),
            "initial_connection_window_size": buffer.max(u64::from(CONNECTION_BUFFER) * 16),
        },
        "max_request_headers_kb": 96,
        "common_http_protocol_options": {
            "max_headers_count": 1000,
            // Names with `_` pass: the SDKs send none, but a client's own must not vanish.
            "headers_with_underscores_action": "ALLOW",
        },
        // A client gets this long to send its headers, so that slow ones cannot pile up.
        "request_headers_timeout": "60s",
        // The route's `idle_timeout` takes its place, which follows the file, as soon as a request's
        // headers are there.
        "stream_idle_timeout": "600s",
        // The client's address is the connection's: no header can claim another.
        "use_remote_address": true,
        // Backends are other companies' servers: our clients' addresses are not theirs to know.
        "skip_xff_append": true,
        // Nobody is internal. Envoy lets internal callers steer it with `x-envoy-*` request
        // headers (retries, timeouts), and would take every private address for internal.
        "internal_address_config": {
            "cidr_ranges": [{ "address_prefix": "255.255.255.255", "prefix_len": 32 }],
        },
        // Envoy 1.36 takes this time-out from any client; the filter sets it afterwards.
        "early_header_mutation_extensions": [extension(
            "envoy.http.early_header_mutation.header_mutation",
            "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            json!({ "mutations": [{ "remove": PER_TRY }] }),
        )],
        "generate_request_id": true,
        // A client that sends an id wants to find it in our log. Nothing trusts it.
        "preserve_external_request_id": true,
        // What a developer sees in an exception is what an operator finds in the log. It replaces
        // the backend's own id, as API Management does; the log keeps Azure's `apim-request-id`.
        "always_set_request_id_in_response": true,
        // One reading of the path before routes are matched. The filter refuses what has two also
        // without these, as in a mesh whose listeners are not ours.
        "normalize_path": true,
        "merge_slashes": true,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        // The backend's `server` header, and none on our own answers.
        "server_header_transformation": "PASS_THROUGH",
        // Over HTTP/2 the request's `:scheme` must be the backend's, not that of the client.
        "scheme_header_transformation": { "match_upstream": true },
        "access_log": health::not_logged(access_log::access_log(options)),
        "local_reply_config": local_reply::local_replies(),
        "http_filters": filters,
    });
    if let Some(tracing) = tracing::tracing(options) {
        merge(
            &mut manager,
            json!({ "tracing": tracing, "request_id_extension": tracing::request_ids() }),
        );
    }
    merge(&mut manager, way.routes);
    manager
}
