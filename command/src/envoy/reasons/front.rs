//! The side of the clients: process, listener, connection manager, and the filters.

use super::Rule::{AtLeast, AtMost, Holds, NoSooner, Same, There};
use super::{Row, error, note, warning, yours};

pub(super) const BOOTSTRAP: &[Row] = &[
    yours(
        "node",
        "Envoy wants a name for itself where it follows files with keys, here or by \
         `--service-node` and `--service-cluster`",
    ),
    yours("admin", "it can stop Envoy, so it listens on loopback"),
    note(
        "overload_manager",
        There,
        "Envoy warns where nothing limits the connections of clients: a flood of them ends in a \
         process without file descriptors",
    ),
    note(
        "stats_config",
        There,
        "Envoy keeps a metric's labels in its name; these rules make labels of them again, and give \
         its histograms buckets that fit",
    ),
];

pub(super) const LISTENER: &[Row] = &[
    yours("name", "for logs and counters"),
    yours("address", "where clients connect; plain HTTP, because TLS ends in front or is added"),
    yours(
        "traffic_direction",
        "when `spillway up` ends, it closes the inbound listeners and leaves those for metrics and \
         status open until the last request is over",
    ),
    warning(
        "per_connection_buffer_limit_bytes",
        AtLeast,
        "what Envoy holds for a client's connection, and the longest part of a body that it reads \
         at once; before Envoy 1.37 also the longest body that a filter may hold, so that a longer \
         one gets 413",
    )
    .by_default("1048576"),
];

pub(super) const MANAGER: &[Row] = &[
    yours("stat_prefix", "for counters"),
    yours("codec_type", "HTTP/1.1 and HTTP/2 on one port"),
    yours("http_protocol_options.accept_http_10", "old tools still speak HTTP/1.0"),
    yours(
        "http_protocol_options.default_host_for_http_10",
        "a client of HTTP/1.0 may leave out the host; the upstream filter sets the real one anyway",
    ),
    yours("http_protocol_options.enable_trailers", "trailers pass like everything else"),
    yours(
        "http2_protocol_options.max_concurrent_streams",
        "bounds what one connection may ask for",
    ),
    yours("http2_protocol_options.initial_stream_window_size", "bounds what one stream may hold"),
    yours(
        "http2_protocol_options.initial_connection_window_size",
        "room for several long bodies at once on one connection",
    ),
    note("max_request_headers_kb", AtLeast, "clients send long tokens and tracing headers")
        .by_default("60"),
    note("common_http_protocol_options.max_headers_count", AtLeast, "the same, in number")
        .by_default("100"),
    note(
        "common_http_protocol_options.headers_with_underscores_action",
        Same,
        "a client's own header must not vanish because of its name",
    )
    .by_default("\"ALLOW\""),
    note(
        "request_headers_timeout",
        There,
        "a client gets this long to send its headers, so that slow ones cannot pile up",
    ),
    note(
        "stream_idle_timeout",
        NoSooner,
        "ends what is silent in both directions; a model may think for minutes without a byte",
    )
    .by_default("\"300s\""),
    warning(
        "use_remote_address",
        Same,
        "the client's address is the connection's: without it, any client says by a header who it \
         is, and whether it is internal",
    )
    .by_default("false"),
    yours(
        "skip_xff_append",
        "backends are other companies' servers: our clients' addresses are not theirs to know",
    ),
    warning(
        "internal_address_config",
        There,
        "internal callers steer Envoy with `x-envoy-*` request headers (retries, time-outs), and \
         may be every private address; rendered so that nobody is",
    ),
    warning(
        "early_header_mutation_extensions",
        There,
        "Envoy 1.36 takes the time-out `x-envoy-upstream-stream-duration-ms` from any client; it \
         is removed before the filter sets it",
    ),
    note("generate_request_id", Same, "every request can be found in the log").by_default("true"),
    yours(
        "preserve_external_request_id",
        "a client that sends an id wants to find it in our log; nothing trusts it",
    ),
    note(
        "always_set_request_id_in_response",
        Same,
        "what a developer sees in an exception is what an operator finds in the log; it replaces \
         the backend's own id, as API Management does",
    )
    .by_default("false"),
    warning(
        "normalize_path",
        Same,
        "dot segments, backslashes and escapes of letters have one reading before routes are \
         matched: a path that a backend would read in another way reaches no other route. The \
         filter refuses such paths also where Envoy leaves them as they are",
    )
    .by_default("false"),
    warning(
        "merge_slashes",
        Same,
        "repeated slashes are one slash, as most servers read them: `//openai` matches the route \
         that `/openai` matches",
    )
    .by_default("false"),
    warning(
        "path_with_escaped_slashes_action",
        Same,
        "`%2F` and `%5C` are a slash for some servers and a letter for others: such a path has two \
         readings, and is refused",
    )
    .by_default("\"KEEP_UNCHANGED\""),
    note(
        "server_header_transformation",
        Same,
        "clients see the backend's `server` header, and none on the gateway's own answers",
    )
    .by_default("\"OVERWRITE\""),
    warning(
        "scheme_header_transformation",
        Same,
        "over HTTP/2 the request's `:scheme` must be the backend's, not that of the client",
    ),
    yours("access_log", "a line for each request: who asked for which model, and who answered"),
    note(
        "local_reply_config",
        There,
        "where no backend answered, clients get Envoy's own line of plain text instead of JSON \
         that their SDK reads; it holds for all routes of the connection manager, so leave it out \
         where there are others",
    ),
    yours("route_config.name", "for logs and `/config_dump`"),
    yours(
        "http_filters[].typed_config.pass_through_mode",
        "Envoy answers `GET /healthz` by itself, 503 while it drains, so that no probe needs the \
         admin interface",
    ),
    yours("http_filters[].typed_config.headers[].name", "the path alone makes a probe"),
    yours("http_filters[].typed_config.headers[].string_match.exact", "`/healthz`"),
    yours(
        "http_filters[].disabled",
        "only in pieces: off for the routes that are there, on for Spillway's own",
    ),
];

pub(super) const FILTER: &[Row] = &[
    yours("name", "for logs"),
    yours("root_id", "for logs; the configuration says which filter it is"),
    yours(
        "configuration",
        "which filter it is; for the downstream filter also spillway.yaml as it was written, which the \
         filter checks with the same code as `spillway check`",
    ),
    error(
        "allow_on_headers_stop_iteration",
        Same,
        "without it, a filter that pauses at the headers never sees the body, and requests that \
         name their model there hang",
    )
    .by_default("false"),
    error(
        "failure_policy",
        Same,
        "the default leaves a worker answering 503 for ever after one trap",
    )
    .by_default("\"FAIL_CLOSED\""),
    warning(
        "reload_config.backoff.base_interval",
        AtMost,
        "the default waits a second before the first reload: a second of 503 on that worker",
    )
    .by_default("\"1s\""),
    note("reload_config.backoff.max_interval", AtMost, "a worker is never out for longer")
        .by_default("\"10s\""),
    yours(
        "vm_config.vm_id",
        "filters share a VM per worker, and with it turns, budgets and the request's own state, only \
         where all of `vm_config` is the same in all of them",
    ),
    yours("vm_config.code", "where Envoy finds the filter; the same in all filters"),
    error("vm_config.runtime", Same, "the filter is tested on V8 alone"),
    error(
        "vm_config.environment_variables.host_env_keys",
        Holds,
        "the filter reads clients' keys and the cookie key from these variables; without one of \
         them it refuses its configuration. Backends' keys are not among them",
    )
    .unless(&["vm_config.environment_variables.key_values"]),
];

pub(super) const LAST_WORDS: &[Row] = &[
    yours("name", "for logs"),
    yours("root_id", "for logs"),
    yours(
        "configuration",
        "the name of the filter, for `spillway check` and for readers; the module does not read it",
    ),
    error("failure_policy", Same, "as for the filter").by_default("\"FAIL_CLOSED\""),
    warning("reload_config.backoff.base_interval", AtMost, "as for the filter")
        .by_default("\"1s\""),
    note("reload_config.backoff.max_interval", AtMost, "as for the filter").by_default("\"10s\""),
    yours("vm_config.vm_id", "a VM of its own: it shares nothing with the filter"),
    error(
        "vm_config.code.local.inline_bytes",
        Same,
        "the module itself, `src/filter/last_words.wat`: it takes a stream's last words from where the \
         filter leaves them. The filter's own module does not know this filter, and refuses it",
    ),
    error("vm_config.runtime", Same, "it is tested on V8 alone"),
];

pub(super) const ROUTER: &[Row] = &[warning(
    "suppress_envoy_headers",
    Same,
    "no `x-envoy-*` headers towards backends and clients",
)
.by_default("false")];
