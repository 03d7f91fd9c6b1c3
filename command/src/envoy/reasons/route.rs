//! The route: how the backend is found, and how a request comes to another one.

use super::Rule::{Absent, AtLeast, AtMost, Holds, NoSooner, Same, SameSet};
use super::{Row, error, warning, yours};

pub(super) const HOST: &[Row] = &[
    yours("name", "for logs and `/config_dump`"),
    yours("domains", "whatever host clients were told to call"),
    error(
        "request_body_buffer_limit",
        AtLeast,
        "a body is held to find its model and to be sent a second time; Envoy's own limit is \
         1 MiB, and a longer one gets 413. Rendered: `max_request_body`, before Envoy 1.38 twice \
         that, because its router counts a held body twice",
    )
    .by_default("1048576"),
    warning(
        "request_headers_to_remove",
        Holds,
        "what Envoy or a client put on the request and no backend should see: our clients' \
         addresses, where else the request was, and Spillway's own mark",
    ),
    warning(
        "response_headers_to_remove",
        Holds,
        "the mark of the last attempt is for the router, not for clients",
    ),
    yours("routes[].match", "everything; in an Envoy of yours, the paths that you give to it"),
    yours(
        "routes[].typed_per_filter_config",
        "only in pieces: switches the filters on that are off for the other routes",
    ),
];

pub(super) const ROUTE: &[Row] = &[
    error(
        "timeout",
        Same,
        "the limit for the whole answer, from `timeouts.request`; `0s` is none, as a model may \
         stream for many minutes, where Envoy's default cuts it after 15 s",
    )
    .by_default("\"15s\""),
    warning(
        "idle_timeout",
        NoSooner,
        "longer than any time-out of a backend: those count against the backend and can be tried again, \
         this one ends the request",
    )
    .by_default("\"300s\""),
    yours(
        "inline_cluster_specifier_plugin",
        "reads the backend's name from filter state, also on every retry; no header carries it, so \
         no client can forge it",
    ),
    error(
        "retry_policy.retry_on",
        SameSet,
        "the filter marks what is worth another attempt, and only failures without an answer are \
         left to Envoy; with more, Envoy asks the same backend again, with less it gives up. \
         Before Envoy 1.39, any retry would stay at the same backend",
    ),
    error(
        "retry_policy.retriable_headers",
        Holds,
        "the mark of the upstream filter; without it, no answer is tried elsewhere",
    ),
    error(
        "retry_policy.num_retries",
        AtLeast,
        "the other members of the largest pool, and two repetitions for each member; the downstream \
         filter lowers it for each request",
    )
    .by_default("1"),
    error(
        "retry_policy.refresh_cluster_on_retry",
        Same,
        "asks filter state for the cluster again, so that the next attempt goes to the next \
         backend; without it, to the one that has just failed",
    )
    .by_default("false"),
    warning(
        "retry_policy.retry_back_off.base_interval",
        AtMost,
        "the next attempt goes elsewhere, so there is nothing to wait for",
    )
    .by_default("\"0.025s\""),
    warning("retry_policy.retry_back_off.max_interval", AtMost, "as for `base_interval`")
        .by_default("\"0.25s\""),
    error(
        "retry_policy.rate_limited_retry_back_off",
        Absent,
        "it waits out `Retry-After` inside the request, where another backend would answer at once",
    ),
    warning("hedge_policy", Absent, "it sends a second request while the first still runs"),
    warning(
        "retry_policy.per_try_timeout",
        Same,
        "`timeouts.first_byte`: how long an attempt may be silent until its answer begins; `0s` where \
         `timeouts.stream_idle` is no longer, because this timer stops the one for silences",
    ),
    warning(
        "retry_policy.per_try_idle_timeout",
        Same,
        "`timeouts.stream_idle`: how long it may be silent between its answer's parts",
    ),
    error(
        "internal_redirect_policy.redirect_response_codes",
        SameSet,
        "before Envoy 1.39: the status that the upstream filter gives to an answer that another \
         backend can replace; it sees to it that only its own have it",
    ),
    error(
        "internal_redirect_policy.max_internal_redirects",
        AtLeast,
        "each member of the largest pool twice, less the first attempt; the filter redirects to a \
         backend that has not been asked, and once more to one that has refused a field which the \
         gateway had added",
    )
    .by_default("1"),
    error(
        "internal_redirect_policy.allow_cross_scheme_redirect",
        Same,
        "the redirect is to the request's own address, but Envoy compares its scheme with the \
         connection's, and TLS may end in front of Envoy",
    )
    .by_default("false"),
];
