//! The side of the backends: clusters, what they speak, and their keys.

use super::Rule::{AtLeast, AtMost, NoLess, Same, There};
use super::{Row, error, note, warning, yours};

/// More than the 1,024 that Envoy allows by default, and than any burst that was seen.
const MANY: u32 = 10_000;
/// Enough for 1,000 clients at once, measured.
const ENOUGH_RETRIES: u32 = 1_000;

pub(super) const CLUSTER: &[Row] = &[
    yours("name", "the backend's own: it is what filter state and the access log say"),
    warning(
        "connect_timeout",
        Same,
        "the backend's `connect_timeout`; what the bootstrap says is what holds",
    )
    .by_default("\"5s\""),
    note(
        "per_connection_buffer_limit_bytes",
        AtLeast,
        "what one connection may hold in memory before Envoy stops reading from the faster side",
    )
    .by_default("1048576"),
    yours("circuit_breakers.thresholds[priority=DEFAULT].priority", "requests have no other"),
    warning(
        "circuit_breakers.thresholds[priority=DEFAULT].max_connections",
        NoLess(MANY),
        "the default of 1,024 turns a burst into 503s; Spillway's own circuits decide when a \
         backend is left alone, so this only stops a runaway",
    )
    .by_default("1024"),
    warning(
        "circuit_breakers.thresholds[priority=DEFAULT].max_pending_requests",
        NoLess(MANY),
        "as for `max_connections`",
    )
    .by_default("1024"),
    warning(
        "circuit_breakers.thresholds[priority=DEFAULT].max_requests",
        NoLess(MANY),
        "as for `max_connections`",
    )
    .by_default("1024"),
    error(
        "circuit_breakers.thresholds[priority=DEFAULT].max_retries",
        NoLess(ENOUGH_RETRIES),
        "the default allows 3 retries at once: with 16 clients, three quarters of the first \
         backend's 429s reached them",
    )
    .by_default("3")
    .unless(&["circuit_breakers.thresholds[priority=DEFAULT].retry_budget"]),
    yours("circuit_breakers.thresholds[priority=HIGH]", "the same for routes of that priority"),
    warning(
        "common_lb_config.update_merge_window",
        Same,
        "changes of a host's health count at once, not up to a second later",
    )
    .by_default("\"1s\""),
    note(
        "upstream_connection_options.tcp_keepalive",
        There,
        "a model may think for minutes without a byte, and firewalls and load balancers forget \
         quiet connections; Azure's after four minutes",
    ),
    note(
        "upstream_bind_config.socket_options",
        There,
        "Linux's `TCP_USER_TIMEOUT`: ends a connection whose other side takes connections and reads \
         nothing; Envoy's own timers start when a request has left",
    ),
    yours("type", "a backend that is an address needs no look-up"),
    yours(
        "cluster_type",
        "all of a name's addresses, looked up as often as DNS says; IPv4 first, because with all \
         families every IPv6 address fails where the network has none",
    ),
    note(
        "metadata.filter_metadata.spillway.provider",
        Same,
        "whose API it serves, for the access log and spans",
    ),
    yours("load_assignment.cluster_name", "Envoy wants it"),
    yours("load_assignment.endpoints[priority=0]", "the backend's host and port"),
    warning(
        "load_assignment.endpoints[priority=1]",
        There,
        "an address where nothing listens: a name that does not resolve leaves a cluster without \
         hosts, which Envoy answers with 503 at once; a connection that fails is tried elsewhere",
    ),
    error(
        "transport_socket",
        There,
        "the backend's `url` begins with `https`; without it Envoy sends the key in the clear",
    ),
    yours("typed_extension_protocol_options", "the table below"),
];

pub(super) const TLS: &[Row] = &[
    warning(
        "common_tls_context.validation_context.trusted_ca",
        There,
        "Envoy checks nothing by default: without it, any certificate passes",
    )
    .unless(OTHER_VALIDATION),
    warning(
        "common_tls_context.validation_context.match_typed_subject_alt_names",
        There,
        "without it, any trusted site's certificate passes for the backend's; `exact` on a name \
         also accepts a wildcard certificate, as browsers do",
    )
    .unless(OTHER_VALIDATION),
    warning(
        "sni",
        There,
        "a server with several names answers with the wrong certificate without it; an address \
         has none, RFC 6066",
    )
    .unless(&["auto_host_sni"]),
];

const OTHER_VALIDATION: &[&str] = &[
    "common_tls_context.combined_validation_context",
    "common_tls_context.validation_context_sds_secret_config",
];

pub(super) const PROTOCOL: &[Row] = &[
    warning(
        "common_http_protocol_options.idle_timeout",
        AtMost,
        "the backend's `idle_timeout`, below the server's own: a request on a connection that the \
         server is just closing costs an attempt",
    )
    .by_default("\"3600s\""),
    warning(
        "common_http_protocol_options.max_headers_count",
        AtLeast,
        "Azure answers with many rate-limit and tracing headers",
    )
    .by_default("100"),
    note(
        "common_http_protocol_options.max_response_headers_kb",
        AtLeast,
        "as for `max_headers_count`",
    )
    .by_default("60"),
    warning(
        "common_http_protocol_options.max_stream_duration",
        Same,
        "`timeouts.per_try`: how long one attempt may take as a whole",
    ),
    yours(
        "http_filters",
        "the upstream filter, the backend's key, and `upstream_codec`, which sends",
    ),
    yours(
        "explicit_http_config",
        "HTTP/1.1 without TLS: there is no ALPN, and few servers speak HTTP/2 in the clear",
    ),
    note(
        "auto_config.http_protocol_options",
        There,
        "HTTP/2 where the server speaks it, by ALPN: over HTTP/1.1 a retried answer costs its \
         connection, and the next request a TLS handshake",
    ),
    note(
        "auto_config.http2_protocol_options.connection_keepalive",
        There,
        "finds a dead connection under a quiet stream",
    ),
    yours(
        "auto_config.http2_protocol_options.initial_stream_window_size",
        "bounds what one stream may hold",
    ),
    yours(
        "auto_config.http2_protocol_options.initial_connection_window_size",
        "room for many streams on one connection",
    ),
];

pub(super) const INJECTOR: &[Row] = &[
    warning(
        "overwrite",
        Same,
        "whatever credential is on the request, the backend gets its own key",
    )
    .by_default("false"),
    warning(
        "allow_request_without_credential",
        Same,
        "without it, Envoy itself answers the client 401 while the file with the key is empty, and \
         no other backend is asked; with it, the attempt goes without a key, and the backend's 401 \
         is a refusal like any other. A backend that checks no keys then serves without one",
    )
    .by_default("false"),
    error("credential.typed_config.header", Same, "the header in which the backend wants its key")
        .by_default("\"authorization\""),
    error("credential.typed_config.header_value_prefix", Same, "what stands before a bearer token")
        .by_default("\"\""),
    yours(
        "credential.typed_config.credential",
        "the key's name; Envoy keeps, rotates and redacts it, and it never enters the VM",
    ),
];

pub(super) const GOOD_KEY: &[Row] = &[
    warning(
        "xds_matcher",
        Same,
        "what a good key is: printable ASCII, white space around it aside. Without this filter, Envoy \
         answers the client 503 while the key has a line break inside, and no other backend is asked",
    ),
    warning(
        "extension_config",
        Same,
        "takes every other key away, so that the backend refuses the attempt and another is asked",
    ),
];

pub(super) const SECRET: &[Row] = &[
    yours("name", "what the cluster's filter asks for"),
    yours(
        "generic_secret.secret.environment_variable",
        "the key itself stands nowhere in what is rendered",
    ),
];
