//! Envoy's own replies in the shape that OpenAI's SDKs understand.
//!
//! Where no backend answered, Envoy writes a line of plain text of its own, some of which names
//! the upstream's address. Clients get fixed texts instead, as JSON, worded for whoever reads
//! them in a stack trace.
//!
//! In a mesh, other filters answer on our route too: those who authenticate, authorise and limit. Their
//! replies are theirs, so there only what Envoy itself is known to say is rewritten
//! ([`of_known_details`]).
//!
//! The filter's own replies must pass untouched. They carry neither a response flag nor response
//! code details, and every reply of Envoy's own carries details, so each mapper asks for one of
//! the two.

use serde_json::{Value, json};

use super::{extension, merge};
use spillway::reply::Lost;

/// What a client is told: the reply's text and the two words that programs look at.
struct Reply {
    when: When,
    kind: &'static str,
    code: &'static str,
    message: &'static str,
}

/// Which of Envoy's replies are meant.
enum When {
    /// Those with one of these response flags.
    Flags(&'static [&'static str]),
    /// Those whose details hold this word.
    Details(&'static str),
    /// Those with this status, whose details are known to be this.
    Status(u16, Option<&'static str>),
    /// Every other one.
    Any,
}

impl Reply {
    /// What the filter tells too, where it is the one that finds out.
    const fn of(when: When, why: Lost) -> Self {
        let (_, code, message) = why.told();
        Self { when, kind: SERVER, code, message }
    }
}

const SERVER: &str = "server_error";
const INVALID: &str = "invalid_request_error";

/// Where no backend is left, it is the filter that finds out while Envoy may still try again; the texts
/// of [`Lost`] are its own too. The first that fits is taken: the time-outs before the failures that
/// Envoy takes them for.
const REPLIES: [Reply; 19] = [
    Reply::of(When::Details("connection_timeout"), Lost::ConnectTimeout),
    Reply::of(When::Details("upstream_per_try_timeout"), Lost::FirstByte),
    Reply::of(When::Details("upstream_max_stream_duration_reached"), Lost::PerTry),
    Reply::of(When::Details("upstream_per_try_idle_timeout"), Lost::Idle),
    Reply {
        when: When::Details("response_timeout"),
        kind: SERVER,
        code: "request_timeout",
        message: "The request took too long over all its attempts. Try again; see `timeouts.request`.",
    },
    Reply::of(When::Flags(&["UF"]), Lost::Unreachable),
    Reply::of(When::Flags(&["UC", "UR", "LR", "UPE"]), Lost::Connection),
    Reply {
        when: When::Flags(&["SI"]),
        kind: SERVER,
        code: "idle_timeout",
        message: "Nothing was received or sent for too long, so the gateway ended the request.",
    },
    Reply {
        when: When::Flags(&["UH", "UO", "NC", "NR"]),
        kind: SERVER,
        code: "no_backend",
        message: "No backend can take this request now. Try again later.",
    },
    Reply {
        when: When::Flags(&["NFCF"]),
        kind: SERVER,
        code: "gateway_misconfigured",
        message: "The gateway's filter is not loaded. The gateway's operator finds the reason in Envoy's log.",
    },
    Reply {
        when: When::Details("path_normalization_failed"),
        kind: INVALID,
        code: "path_ambiguous",
        message: "The path can be read in more than one way. Write it as in `/openai/deployments/NAME/chat/completions`: without `#`, control characters, escaped slashes and backslashes (`%2F`, `%5C`), and `.` and `..` segments.",
    },
    Reply {
        when: When::Status(400, None),
        kind: INVALID,
        code: "bad_request",
        message: "The request is not valid HTTP.",
    },
    Reply {
        when: When::Status(403, Some("upgrade_failed")),
        kind: INVALID,
        code: "upgrade_not_supported",
        message: "This gateway does not take connection upgrades such as WebSocket.",
    },
    Reply {
        when: When::Status(404, None),
        kind: INVALID,
        code: "not_found",
        message: "This gateway does not serve that method or address.",
    },
    Reply {
        when: When::Status(408, None),
        kind: INVALID,
        code: "request_incomplete",
        message: "The request did not arrive in time.",
    },
    Reply {
        when: When::Status(413, Some("request_payload_too_large")),
        kind: INVALID,
        code: "request_too_large",
        message: "The request body is longer than this gateway takes; see `max_request_body`.",
    },
    Reply {
        when: When::Status(431, None),
        kind: INVALID,
        code: "headers_too_large",
        message: "The request's headers are more or longer than this gateway takes.",
    },
    Reply {
        when: When::Status(507, Some("request_payload_exceeded_retry_buffer_limit")),
        kind: INVALID,
        code: "request_too_large",
        message: "The request body is too long to be sent to another backend.",
    },
    Reply {
        when: When::Any,
        kind: SERVER,
        code: "gateway_error",
        message: "The gateway could not handle this request. Try again.",
    },
];

/// Rewrites every reply of Envoy's own: for an Envoy in which no other filter replies.
pub(super) fn local_replies() -> Value {
    let mapper = |reply: &Reply| mapper(reply, filter(&reply.when));
    json!({ "mappers": REPLIES.iter().map(mapper).collect::<Vec<Value>>() })
}

/// Rewrites the replies that are known to be Envoy's: for an Envoy in which other filters reply too.
pub(crate) fn of_known_details() -> Value {
    let mapper = |reply: &Reply| {
        let when = match reply.when {
            When::Flags(_) | When::Details(_) => filter(&reply.when),
            When::Status(_, Some(details)) => filter(&When::Details(details)),
            When::Status(_, None) | When::Any => return None,
        };
        Some(mapper(reply, when))
    };
    json!({ "mappers": REPLIES.iter().filter_map(mapper).collect::<Vec<Value>>() })
}

/// Says that the filter's module was not fetched, where Istio's agent has put a filter in its place that
/// denies everything. `reached`: that the request came so far; others who deny came before.
pub(crate) fn of_no_module(reached: &Value) -> Value {
    const REPLY: Reply = Reply {
        when: When::Details("rbac_access_denied_matched_policy[none]"),
        kind: SERVER,
        code: "gateway_misconfigured",
        message: "The gateway could not fetch its filter. The gateway's operator finds the reason in the log of Istio's agent.",
    };
    let denied = filter(&REPLY.when);
    let mut mapper = mapper(&REPLY, json!({ "and_filter": { "filters": [denied, reached] } }));
    merge(&mut mapper, json!({ "status_code": 503 }));
    mapper
}

fn mapper(reply: &Reply, filter: Value) -> Value {
    let body = json!({ "error": {
        "message": reply.message,
        "type": reply.kind,
        "param": null,
        "code": reply.code,
    }});
    json!({
        "filter": filter,
        "body_format_override": {
            // Text, not `json_format`: that sorts the keys and turns `null` into a string.
            // In a format, `%` begins a command.
            "text_format_source": { "inline_string": body.to_string().replace('%', "%%") },
            "content_type": "application/json",
        },
    })
}

fn filter(when: &When) -> Value {
    let expression = match when {
        When::Flags(flags) => return json!({ "response_flag_filter": { "flags": flags } }),
        When::Details(word) => format!("response.code_details.contains('{word}')"),
        When::Status(status, _) => {
            format!("response.code == {status} && response.code_details != ''")
        }
        When::Any => "response.code_details != ''".to_owned(),
    };
    json!({ "extension_filter": extension(
        "envoy.access_loggers.extension_filters.cel",
        "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
        json!({ "expression": expression }),
    )})
}
