//! A cluster for each backend: how Envoy connects, what it speaks, and the chain of filters that
//! every attempt runs through.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::secret::Keys;
use super::wasm::Environment;
use super::{
    Options, any, duration, extension, merge, provider, secret, socket_address, transport, wasm,
};
use spillway::config::{Backend, Config, Model};
use spillway::time::Millis;

/// What Envoy allows at once towards one backend: connections, requests waiting and running, and
/// retries. Its defaults (1024 each, and 3 retries) turn bursts into 503s and undo failover: with
/// 16 clients, three quarters of the first backend's 429s reached them. Spillway's own breaker
/// decides when a backend is left alone, so these only stop a runaway.
const AT_ONCE: u32 = 100_000;

/// What one connection may hold in memory before Envoy stops reading from the faster side.
pub(super) const CONNECTION_BUFFER: u32 = 1024 * 1024;

/// How a backend is known to Envoy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    /// The cluster's name. Where it is not the backend's, statistics and logs say the backend's all
    /// the same.
    pub(crate) name: &'a str,
    /// How Envoy finds its key.
    pub(crate) keys: Keys,
    /// What the filter reads from Envoy's environment.
    pub(crate) environment: &'a Environment,
}

/// A backend as a cluster of its own.
pub(crate) fn cluster(
    backend: &Backend,
    known: Known<'_>,
    config: &Config,
    options: &Options,
) -> Value {
    let mut cluster = json!({
        "name": known.name,
        "connect_timeout": duration(backend.connect_timeout),
        "per_connection_buffer_limit_bytes": CONNECTION_BUFFER,
        "circuit_breakers": { "thresholds": [thresholds("DEFAULT"), thresholds("HIGH")] },
        // Changes of a host's health count at once, not up to a second later.
        "common_lb_config": { "update_merge_window": "0s" },
        // A model may think for minutes without a byte; keep-alive stops firewalls and load
        // balancers on the way (Azure's forgets a quiet connection after four minutes).
        "upstream_connection_options": {
            "tcp_keepalive": { "keepalive_time": 60, "keepalive_interval": 15, "keepalive_probes": 4 },
        },
        "upstream_bind_config": { "socket_options": [unread_limit(backend, config)] },
        "load_assignment": { "cluster_name": known.name, "endpoints": endpoints(backend) },
        "metadata": provider::metadata(backend),
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol(backend, known, config, options),
        },
    });
    if known.name != backend.name {
        merge(&mut cluster, json!({ "alt_stat_name": backend.name }));
    }
    merge(&mut cluster, discovery(&backend.url.host));
    if let Some(tls) = transport::tls(backend, options) {
        merge(&mut cluster, json!({ "transport_socket": tls }));
    }
    cluster
}

/// How long a backend may leave unread what it was sent: `first_byte`, but no longer than a quiet
/// connection's keep-alive takes to find it dead.
///
/// Envoy's own timers for an attempt start when the request has left, and what a backend does not read
/// never leaves. The kernel's `TCP_USER_TIMEOUT` (Linux) also ends a connection whose other side
/// answers and takes nothing.
fn unread_limit(backend: &Backend, config: &Config) -> Value {
    let asks = |model: &&Model| {
        model.pool.iter().any(|member| {
            member.backend.of(&config.backends).is_some_and(|other| other.name == backend.name)
        })
    };
    let own = config.models.iter().filter(asks).map(|model| model.timeouts.first_byte).max();
    let limit = own.unwrap_or(config.timeouts.first_byte).min(MOST_UNREAD);
    json!({
        "description": "TCP_USER_TIMEOUT",
        "level": 6,
        "name": 18,
        "int_value": limit.0,
        "state": "STATE_PREBIND",
    })
}

/// 60 s, and four probes 15 s apart.
const MOST_UNREAD: Millis = Millis::from_secs(120);

/// The backend's host, and behind it an address that nothing can listen on.
///
/// A name that does not resolve leaves a cluster without hosts, and Envoy answers that at once
/// with 503, without a retry. The second endpoint is only used then: its connection fails, which
/// is a failure that Envoy does try again, on the next backend.
fn endpoints(backend: &Backend) -> Value {
    let host = endpoint(0, &backend.url.host, backend.url.port);
    if is_address(&backend.url.host) {
        return json!([host]);
    }
    json!([host, endpoint(1, "127.0.0.1", 0)])
}

fn endpoint(priority: u32, host: &str, port: u16) -> Value {
    json!({
        "priority": priority,
        "lb_endpoints": [{ "endpoint": { "address": socket_address(host, port) } }],
    })
}

fn is_address(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
}

fn thresholds(priority: &str) -> Value {
    json!({
        "priority": priority,
        "max_connections": AT_ONCE,
        "max_pending_requests": AT_ONCE,
        "max_requests": AT_ONCE,
        "max_retries": AT_ONCE,
    })
}

/// How the host's addresses are found.
///
/// All of a name's addresses are used (`STRICT_DNS` in Envoy's older words), which a headless
/// Kubernetes service needs, and requests in flight may finish when DNS drops an address.
/// `all_addresses_in_single_endpoint` (`LOGICAL_DNS`) would only ever use the first one.
pub(super) fn discovery(host: &str) -> Value {
    if is_address(host) {
        return json!({ "type": "STATIC" });
    }
    json!({ "cluster_type": extension(
        "envoy.cluster.dns",
        "envoy.extensions.clusters.dns.v3.DnsCluster",
        json!({
            // With `ALL`, every IPv6 address becomes a host of its own, and each request that is
            // sent to it fails where the network has no IPv6.
            "dns_lookup_family": "V4_PREFERRED",
            "respect_dns_ttl": true,
            "dns_failure_refresh_rate": { "base_interval": "1s", "max_interval": "10s" },
        }),
    )})
}

fn protocol(backend: &Backend, known: Known<'_>, config: &Config, options: &Options) -> Value {
    let mut filters = vec![wasm::upstream_filter(known.environment, options)];
    filters.extend(secret::injector(backend, known.keys, options));
    // Always last: it is what sends the request.
    filters.push(extension(
        "envoy.filters.http.upstream_codec",
        "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
        json!({}),
    ));
    let mut options = json!({
        "common_http_protocol_options": {
            // Below the server's own limit: a request on a connection that the server is just
            // closing costs an attempt.
            "idle_timeout": duration(backend.idle_timeout),
            // Azure answers with many rate-limit and tracing headers.
            "max_headers_count": 1000,
            "max_response_headers_kb": 96,
        },
        "http_filters": filters,
    });
    if let (Some(limit), Some(common)) =
        (config.timeouts.per_try, options.get_mut("common_http_protocol_options"))
    {
        merge(common, json!({ "max_stream_duration": duration(limit) }));
    }
    let http1 = json!({ "enable_trailers": true });
    let known = if backend.url.tls {
        // By ALPN: over HTTP/1.1 a retried answer costs its connection, and the next request a
        // TLS handshake. `connection_keepalive` finds a dead connection under a quiet stream.
        json!({ "auto_config": {
            "http_protocol_options": http1,
            "http2_protocol_options": {
                "initial_stream_window_size": CONNECTION_BUFFER,
                "initial_connection_window_size": CONNECTION_BUFFER * 16,
                "connection_keepalive": { "interval": "30s", "timeout": "15s" },
            },
        }})
    } else {
        // Without TLS there is no ALPN, and few servers speak HTTP/2 in the clear.
        json!({ "explicit_http_config": { "http_protocol_options": http1 } })
    };
    merge(&mut options, known);
    any("envoy.extensions.upstreams.http.v3.HttpProtocolOptions", options)
}
