//! Every metric, with its kind, labels and meaning.

use super::metric::Kind::{Counter, Gauge, Histogram};
use super::metric::Label::{Backend, Client, Digest, Model, Tier, Word};
use super::metric::{Definition, Metric};
use super::words::{
    CAUSES, ERRORS, EXHAUSTED, FAILOVER_CAUSES, FIRST_BYTES, MICROSECONDS, MILLISECONDS,
    OPENING_CAUSES, OUTCOMES, REASONS, TOKEN_MICROSECONDS, TOKENS, UNKNOWN,
};
use crate::prose::prose;

/// Every metric, in the order of [`Metric`].
pub const DEFINITIONS: &[Definition; 28] = &[
    Definition {
        metric: Metric::Requests,
        name: "spillway_requests_total",
        kind: Counter,
        labels: &[Model, Backend, Client, Word("outcome", OUTCOMES)],
        unit: "requests",
        meaning: prose(
            "Requests that are over, by how they ended. `model` is absent where the request \
                  asked for none that is served; `backend` is the last one asked, and absent where \
                  none was; `client` is absent where the configuration names no clients, or the \
                  key was wrong. `answered`: the client has a good answer, as a whole. \
                  `client_error`: a backend's 4xx about the request itself. `rejected`: the \
                  gateway's own 4xx, or its answer before any backend was asked. `exhausted`: the \
                  backends are at their limits. `unavailable`: they fail. `backend_refused`: the \
                  last backend refused the gateway's own credential, and the client saw it. \
                  `broken`: the answer had begun, and its backend did not finish it. `shut_down`: \
                  the gateway was stopped first. `client_left`: the client was gone first.",
        ),
    },
    Definition {
        metric: Metric::Errors,
        name: "spillway_errors_total",
        kind: Counter,
        labels: &[Model, Word("outcome", ERRORS)],
        unit: "requests",
        meaning: prose(
            "Requests that ended with an error for the client, each in exactly one class: \
                  the `outcome` of `spillway_requests_total`, without its other labels, and \
                  there from the start. Alerts read it. A client that left by itself has no \
                  error.",
        ),
    },
    Definition {
        metric: Metric::Attempts,
        name: "spillway_attempts_total",
        kind: Counter,
        labels: &[Model, Backend, Word("cause", CAUSES)],
        unit: "attempts",
        meaning: prose(
            "Attempts at a backend, by what came of them; a request has one or several. \
                  `throttled` are the 429s that the backend said, and streams that began with as \
                  much. `refused`: it refused the gateway's own credential (401, 403) or lacks the \
                  deployment. `server_error`: 5xx, and other statuses that the pool counts as \
                  failures. `bad_start`: a good status, and then an error event or nothing that is \
                  an answer. `no_answer`: no connection, a lost one, or a time-out. `abandoned`: \
                  the client left first. `ok` is said at the answer's beginning: one that breaks \
                  off later is `broken` in `spillway_requests_total`.",
        ),
    },
    Definition {
        metric: Metric::Pinned,
        name: "spillway_pinned_attempts_total",
        kind: Counter,
        labels: &[Model, Backend],
        unit: "attempts",
        meaning: prose(
            "Attempts at a backend that the client's affinity cookie had named. Those at a \
                  backend of a lower tier stay there until the cookie or the backend is gone, or \
                  go back where `session_affinity` has `return_to_better_tier`.",
        ),
    },
    Definition {
        metric: Metric::Failovers,
        name: "spillway_failovers_total",
        kind: Counter,
        labels: &[Model, Backend, Word("cause", FAILOVER_CAUSES)],
        unit: "failovers",
        meaning: prose(
            "Attempts after which the request was sent on to another backend. `backend` is \
                  the one that was left, `cause` why, as in `spillway_attempts_total`.",
        ),
    },
    Definition {
        metric: Metric::Openings,
        name: "spillway_breaker_openings_total",
        kind: Counter,
        labels: &[Model, Backend, Word("cause", OPENING_CAUSES)],
        unit: "openings",
        meaning: prose(
            "Circuits that opened, a failed probe included; not those whose time was only \
                  extended. `throttled`: the backend said 429. `failed`: too many failures in a \
                  row. `failure_ratio`: too large a share of failures. `refused`: it refused the \
                  gateway's credential, or lacks the deployment. Counted for each model whose pool \
                  shares the circuit.",
        ),
    },
    Definition {
        metric: Metric::ClientOpenings,
        name: "spillway_client_openings_total",
        kind: Counter,
        labels: &[Model, Backend, Client, Word("cause", OPENING_CAUSES)],
        unit: "openings",
        meaning: prose(
            "The same, by the client whose request had the last word; only where the \
                  configuration names clients. If one client stands out, look at what it asks \
                  before you look at the backend. A series comes with its first opening, so read \
                  its value, not only its growth.",
        ),
    },
    Definition {
        metric: Metric::Tokens,
        name: "spillway_tokens_total",
        kind: Counter,
        labels: &[Model, Backend, Client, Word("kind", &TOKENS)],
        unit: "tokens",
        meaning: prose(
            "Tokens that backends reported for answers that clients got. `cached` is part of \
                  `prompt`, and `reasoning` part of `completion`: do not add all four. What nobody \
                  reported is not in it, but in `spillway_usage_unknown_total`.",
        ),
    },
    Definition {
        metric: Metric::UsageUnknown,
        name: "spillway_usage_unknown_total",
        kind: Counter,
        labels: &[Model, Backend, Word("why", &UNKNOWN)],
        unit: "requests",
        meaning: prose(
            "Requests for chats, completions and responses that a backend has worked for \
                  without saying how many tokens that took: `spillway_tokens_total` is too low \
                  by theirs. `unreported`: the answer is whole, and has no usage. `cut_short`: \
                  the answer broke off, or the client left while the backend was at work.",
        ),
    },
    Definition {
        metric: Metric::Rejections,
        name: "spillway_rejections_total",
        kind: Counter,
        labels: &[Word("reason", REASONS)],
        unit: "answers",
        meaning: prose(
            "Answers that the gateway gave by itself, by the error's `code`. The first seven \
                  are the caller's doing, the rest the backends' or the configuration's.",
        ),
    },
    Definition {
        metric: Metric::PoolExhausted,
        name: "spillway_pool_exhausted_total",
        kind: Counter,
        labels: &[Model, Word("kind", &EXHAUSTED)],
        unit: "requests",
        meaning: prose(
            "Requests whose model had no backend left that might be asked: because all are at \
                  their limits (`throttled`), because they fail (`failing`), or because the one \
                  that keeps the client's session is down (`session`).",
        ),
    },
    Definition {
        metric: Metric::ConfigRefusals,
        name: "spillway_config_refusals_total",
        kind: Counter,
        labels: &[],
        unit: "files",
        meaning: prose(
            "Configurations that were refused: by `spillway up`, which reads the file, or \
                  by the filter, to which Envoy brought one.",
        ),
    },
    Definition {
        metric: Metric::InFlight,
        name: "spillway_attempts_in_flight",
        kind: Gauge,
        labels: &[Model, Backend],
        unit: "attempts",
        meaning: prose(
            "Attempts that have begun at this backend, and that are not over yet, in all \
                  workers.",
        ),
    },
    Definition {
        metric: Metric::BreakerState,
        name: "spillway_breaker_state",
        kind: Gauge,
        labels: &[Model, Backend],
        unit: "0, 1 or 2",
        meaning: prose(
            "The circuit of this pool's member now: 0 closed (traffic flows, or returns bit \
                  by bit), 1 half-open (one request at a time tries it), 2 open (nobody asks it). \
                  It falls back by itself when the time is over, at most a second later; without \
                  traffic, a backend that had failed stays half-open.",
        ),
    },
    Definition {
        metric: Metric::OpenUntil,
        name: "spillway_breaker_open_until_seconds",
        kind: Gauge,
        labels: &[Model, Backend],
        unit: "seconds since 1970",
        meaning: prose("When the circuit may be asked again, rounded up; 0 where it is not open."),
    },
    Definition {
        metric: Metric::Headroom,
        name: "spillway_headroom_permille",
        kind: Gauge,
        labels: &[Model, Backend],
        unit: "of 1000",
        meaning: prose(
            "What is left of the scarcer of the backend's limits (tokens, requests), as its \
                  last answer announced it. Only of pools with `headroom: true`, and only once an \
                  answer has announced it; it says nothing about what happened since.",
        ),
    },
    Definition {
        metric: Metric::PoolMember,
        name: "spillway_pool_member_info",
        kind: Gauge,
        labels: &[Model, Backend, Tier],
        unit: "0 or 1",
        meaning: prose(
            "1: this backend is a member of the model's pool, in this tier. 0: it was, \
                  before a reload. Join with `spillway_pool_member_info == 1` to have other \
                  metrics by tier, and to leave out what is gone.",
        ),
    },
    Definition {
        metric: Metric::BuildInfo,
        name: "spillway_build_info",
        kind: Gauge,
        labels: &[Word("version", &[env!("CARGO_PKG_VERSION")])],
        unit: "always 1",
        meaning: prose("The version of the filter that runs."),
    },
    Definition {
        metric: Metric::ConfigInfo,
        name: "spillway_config_info",
        kind: Gauge,
        labels: &[Digest],
        unit: "0 or 1",
        meaning: prose(
            "1: this configuration is in force. 0: it was, before a reload. Gateways with \
                  equal configurations have equal digests.",
        ),
    },
    Definition {
        metric: Metric::ConfigLoaded,
        name: "spillway_config_loaded_seconds",
        kind: Gauge,
        labels: &[],
        unit: "seconds since 1970",
        meaning: prose("When the configuration that is in force was loaded."),
    },
    Definition {
        metric: Metric::ConfigRefused,
        name: "spillway_config_refused_seconds",
        kind: Gauge,
        labels: &[],
        unit: "seconds since 1970",
        meaning: prose(
            "When a newer configuration was refused, so that an older one is still in \
                  force; 0 where the newest is.",
        ),
    },
    Definition {
        metric: Metric::FirstByte,
        name: "spillway_first_byte_milliseconds",
        kind: Histogram(MILLISECONDS),
        labels: &[Model, Word("streamed", &["yes", "no"])],
        unit: "milliseconds",
        meaning: prose(
            "What a client has waited: from a request's head to the head of its answer on \
                  the way to the client, failovers included. Only of requests that a backend \
                  answered. A stream's head waits for its first content, so with \
                  `streamed=\"yes\"` it is the time to the first token; otherwise most of the \
                  answer has been made by then. For each backend's own time see \
                  `spillway_attempt_first_byte_milliseconds`.",
        ),
    },
    Definition {
        metric: Metric::Request,
        name: "spillway_request_milliseconds",
        kind: Histogram(MILLISECONDS),
        labels: &[Model],
        unit: "milliseconds",
        meaning: prose(
            "From a request's head to its end, however it ended. Only of requests for which \
                  a backend was asked.",
        ),
    },
    Definition {
        metric: Metric::AttemptFirstByte,
        name: "spillway_attempt_first_byte_milliseconds",
        kind: Histogram(MILLISECONDS),
        labels: &[Model, Backend, Word("answer", FIRST_BYTES)],
        unit: "milliseconds",
        meaning: prose(
            "How long a backend was waited for: from the start of the attempt until its \
                  answer was judged, or until it was clear that none would come. `stream`: until \
                  the first content of a good stream. `whole`: until the first bytes of another \
                  good answer. `error`: until the head of an answer that is none (an error status, a \
                  stream that began with an error). `none`: until the connection failed, was \
                  lost, or took too long. `abandoned`: until the client left.",
        ),
    },
    Definition {
        metric: Metric::Attempt,
        name: "spillway_attempt_milliseconds",
        kind: Histogram(MILLISECONDS),
        labels: &[Model, Backend],
        unit: "milliseconds",
        meaning: prose("From the start of an attempt to its end, however it ended."),
    },
    Definition {
        metric: Metric::OutputToken,
        name: "spillway_output_token_microseconds",
        kind: Histogram(TOKEN_MICROSECONDS),
        labels: &[Model, Backend],
        unit: "microseconds",
        meaning: prose(
            "How long a stream takes for each token after its first content: from there to \
                  its end, by the tokens of the answer that are not reasoning, less one. Only of \
                  streams that ended well and that reported their tokens. One million divided by \
                  it is the tokens a second that a reader sees.",
        ),
    },
    Definition {
        metric: Metric::OwnTime,
        name: "spillway_own_time_microseconds",
        kind: Histogram(MICROSECONDS),
        labels: &[],
        unit: "microseconds",
        meaning: prose(
            "What the gateway itself added to a request: from its head (or, where its body \
                  must be read, from its end) to the first attempt; from an answer that is not \
                  passed on to the next attempt, the router's back-off included; from the last \
                  answer's head (or first content) to its way to the client. It is measured by the \
                  clock on the wall between the filter's callbacks. Not in it: sockets, TLS and \
                  codecs before the first callback and after the last, the passing of bodies, and \
                  the back-off after an attempt that nobody answered.",
        ),
    },
    Definition {
        metric: Metric::HeldBodies,
        name: "spillway_held_body_bytes",
        kind: Gauge,
        labels: &[],
        unit: "bytes",
        meaning: prose(
            "What request bodies take that are held to be read, in all workers. Each worker \
                  tells what it holds in steps of 256 KiB, so a small amount may be missing. \
                  Requests that would exceed `max_held_bodies` are counted as \
                  `too_many_request_bodies` in `spillway_rejections_total`.",
        ),
    },
];

#[cfg(test)]
mod tests;
