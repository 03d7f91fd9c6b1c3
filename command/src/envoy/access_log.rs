//! The access log: one line of JSON for each request.
//!
//! It says who asked for which model, which backends were tried and how they answered. It never
//! holds a key, a cookie, a query string or a body.

use serde_json::{Value, json};

use super::{Options, extension, failover, merge};
use spillway::exchange::effect::LogField;

/// Where the access log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLog {
    /// Nowhere.
    Off,
    /// To Envoy's standard output.
    Stdout,
    /// To a file, which Envoy appends to and opens again on SIGUSR1.
    File(String),
}

impl std::str::FromStr for AccessLog {
    type Err = std::convert::Infallible;

    /// As on the command line: `off`, `-`, or a path.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "off" => Self::Off,
            "-" => Self::Stdout,
            path => Self::File(path.to_owned()),
        })
    }
}

/// The list of access loggers; empty where there is none.
pub(crate) fn access_log(options: &Options) -> Vec<Value> {
    let format = json!({ "json_format": line() });
    let mut log = match &options.access_log {
        AccessLog::Off => return vec![],
        AccessLog::Stdout => extension(
            "envoy.access_loggers.stdout",
            "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
            json!({ "log_format": format }),
        ),
        AccessLog::File(path) => extension(
            "envoy.access_loggers.file",
            "envoy.extensions.access_loggers.file.v3.FileAccessLog",
            json!({ "path": path, "log_format": format }),
        ),
    };
    if options.envoy.failover.redirects() {
        merge(&mut log, json!({ "filter": failover::last_run_only() }));
    }
    vec![log]
}

/// A field of the line.
#[derive(Debug)]
pub struct Field {
    /// Its name; a dot leads into an object.
    pub name: &'static str,
    /// What it means, in a sentence or two.
    pub doc: &'static str,
    from: From,
}

/// Where a field comes from.
#[derive(Debug)]
enum From {
    /// Envoy knows it.
    Envoy(&'static str),
    /// Text that the filter has noted.
    Noted(LogField),
    /// A number that it has noted.
    Number(LogField),
    /// Whether it has marked the request so.
    Marked(&'static str),
    /// An expression's value, with its type.
    Expression(&'static str),
}

/// Every field, in the line's order.
pub static FIELDS: [Field; 36] = [
    field(
        "time",
        From::Envoy("%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%"),
        "When the request arrived, in UTC.",
    ),
    field(
        "request_id",
        From::Envoy("%REQ(X-REQUEST-ID)%"),
        "The correlation id: the client's own `x-request-id`, or one that Envoy made. It is on the \
         answer and at the backend too.",
    ),
    field(
        "client",
        From::Noted(LogField::Client),
        "The name of the client whose key was sent; `null` where everyone may call, or nobody was known.",
    ),
    field("method", From::Envoy("%REQ(:METHOD)%"), "The method."),
    field(
        "path",
        From::Envoy("%PATH(NQ:PATH)%"),
        "The path without its query: the last attempt's, or the client's where nothing was sent.",
    ),
    field("protocol", From::Envoy("%PROTOCOL%"), "What the client spoke, such as `HTTP/1.1`."),
    field(
        "operation",
        From::Noted(LogField::Operation),
        "What was asked for: the first word of its path behind the API's own, such as `chat`, \
         `completions`, `embeddings`, `responses`, `messages`, `images` or `audio`; `other` for a path of \
         `paths.allow`; `null` for one that is refused.",
    ),
    field(
        "gen_ai.operation.name",
        From::Expression(OPERATION_NAME),
        "The same as OpenTelemetry names it: `chat` for `responses` and `messages` too, \
         `text_completion` for `completions`, otherwise the word of `operation`.",
    ),
    field(
        "gen_ai.provider.name",
        From::Envoy(PROVIDER),
        "Of the backend of the last attempt: `azure.ai.openai` for a host of Azure, else `openai`.",
    ),
    field(
        "gen_ai.request.model",
        From::Noted(LogField::Model),
        "The model that the request was for, as `models` names it.",
    ),
    field(
        "gen_ai.response.model",
        From::Noted(LogField::ResponseModel),
        "The model that the answer names, where its tokens are reported too: `gpt-4o-2024-11-20`. \
         `null` for a name that is longer than 96 characters, or of others than letters, digits, `-`, \
         `_`, `.`, `:` and `/`.",
    ),
    field(
        "deployment",
        From::Noted(LogField::Deployment),
        "What the backend that was asked last calls the model.",
    ),
    field(
        "api_version",
        From::Noted(LogField::ApiVersion),
        "The `api-version` that the client asked for; `null` where it is not a short word of letters, \
         digits, `-`, `_` and `.`.",
    ),
    field("backend", From::Envoy("%UPSTREAM_CLUSTER%"), "The backend of the last attempt."),
    field(
        "attempts",
        From::Expression("filter_state['wasm.spillway.attempt_list']"),
        "A list of the attempts, each with `backend`, the `status` that it answered, `duration_ms` until \
         its answer began or it had failed, and `end` where the status does not say how it ended: \
         `error` where the answer turned out to be one, `broken` where it broke off, `cut` where the \
         gateway was stopped, `failed` where there was none, `unfinished` where the client left before. \
         `null`: no backend was asked.",
    ),
    field(
        "pinned",
        From::Marked("pinned"),
        "Whether the backend that was asked last is the one that the client's cookie named.",
    ),
    field("stream", From::Marked("stream"), "Whether the answer was a stream of events."),
    field(
        "outcome",
        From::Noted(LogField::Outcome),
        "How the request ended: `answered`, `client_error`, `rejected`, `exhausted`, `unavailable`, \
         `backend_refused`, `broken`, `shut_down` or `client_left`, as in [metrics.md](metrics.md).",
    ),
    field(
        "error.type",
        From::Expression(
            "filter_state['wasm.spillway.error_type'] != '' ? \
             filter_state['wasm.spillway.error_type'] : null",
        ),
        "What went wrong; `null`: nothing. If the gateway answered by itself, the code of its \
         error, such as `invalid_api_key` or `model_not_found`. Otherwise the status that the last \
         attempt got, such as `429`, or a word: `stream_interrupted` (the answer broke off), \
         `stream_error` (an error came inside of the answer), `bad_start` (the answer began with an \
         error), `no_answer`, `client_left`.",
    ),
    field(
        "gen_ai.usage.input_tokens",
        From::Number(LogField::PromptTokens),
        "Tokens of the input, as the backend reported them; `null` where it did not.",
    ),
    field(
        "gen_ai.usage.output_tokens",
        From::Number(LogField::CompletionTokens),
        "Tokens of the answer, likewise.",
    ),
    field(
        "gen_ai.usage.cache_read.input_tokens",
        From::Number(LogField::CachedTokens),
        "Those of the input that came from a cache.",
    ),
    field(
        "gen_ai.usage.reasoning.output_tokens",
        From::Number(LogField::ReasoningTokens),
        "Those of the answer that were spent on reasoning.",
    ),
    field(
        "region",
        From::Envoy("%RESP(X-MS-REGION)%"),
        "Azure's name of the region that answered.",
    ),
    field(
        "backend_request_id",
        From::Envoy("%RESP(APIM-REQUEST-ID)%"),
        "Azure's own id of the request, for its support.",
    ),
    field(
        "status",
        From::Envoy("%RESPONSE_CODE%"),
        "The status that the client got; 0 where it got none.",
    ),
    field(
        "flags",
        From::Envoy("%RESPONSE_FLAGS%"),
        "Envoy's flags, such as `DC` for a client that has left; `-`: none.",
    ),
    field("details", From::Envoy("%RESPONSE_CODE_DETAILS%"), "Envoy's reason for the status."),
    field("bytes_received", From::Envoy("%BYTES_RECEIVED%"), "Bytes of the request's body."),
    field("bytes_sent", From::Envoy("%BYTES_SENT%"), "Bytes of the answer's body."),
    field("duration_ms", From::Envoy("%DURATION%"), "From the request's arrival to its end."),
    field(
        "first_byte_ms",
        From::Envoy("%RESPONSE_DURATION%"),
        "From the request's arrival to the first byte of the answer.",
    ),
    field("user_agent", From::Envoy("%REQ(USER-AGENT)%"), "What the client calls itself."),
    field("trace_id", From::Envoy("%TRACE_ID%"), "The trace, where spans are sent to a collector."),
    field(
        "config",
        From::Envoy("%FILTER_STATE(wasm.spillway.digest:PLAIN)%"),
        "Which configuration the request was served with: its digest, as the status page shows it.",
    ),
    field("instance", From::Envoy("%HOSTNAME%"), "The name of the host, or of the pod."),
];

const fn field(name: &'static str, from: From, doc: &'static str) -> Field {
    Field { name, doc, from }
}

fn line() -> Value {
    let mut line = json!({});
    for Field { name, from, .. } in &FIELDS {
        let format = match from {
            From::Envoy(format) => (*format).to_owned(),
            From::Noted(note) => noted(*note),
            From::Number(note) => number(*note),
            From::Marked(mark) => marked(mark),
            From::Expression(expression) => format!("%TYPED_CEL({expression})%"),
        };
        put(&mut line, name, json!(format));
    }
    line
}

/// Each dot of a name leads into an object.
fn put(into: &mut Value, name: &str, value: Value) {
    match name.split_once('.') {
        Some((object, name)) => {
            let mut fields = into.get(object).cloned().unwrap_or_else(|| json!({}));
            put(&mut fields, name, value);
            merge(into, json!({ object: fields }));
        }
        None => merge(into, json!({ name: value })),
    }
}

/// Text that the filter has noted.
fn noted(note: LogField) -> String {
    format!("%FILTER_STATE(wasm.{}:PLAIN)%", note.property())
}

/// A number that it has noted, as a number. What is empty or missing makes none, and so `null`.
fn number(note: LogField) -> String {
    format!("%TYPED_CEL(int(filter_state['wasm.{}']))%", note.property())
}

/// Whether the filter has marked the request so, as `true` or `false`.
fn marked(mark: &str) -> String {
    let marks = LogField::Marks.property();
    format!("%TYPED_CEL(filter_state['wasm.{marks}'].contains('{mark}'))%")
}

/// The operation by its name in OpenTelemetry's conventions, where these have one.
pub(super) const OPERATION_NAME: &str = "\
    filter_state['wasm.spillway.operation'] == 'completions' ? 'text_completion' : \
    filter_state['wasm.spillway.operation'] in ['responses', 'messages'] ? 'chat' : \
    filter_state['wasm.spillway.operation']";

/// What a backend's cluster says of its provider.
const PROVIDER: &str = "%METADATA(CLUSTER:spillway:provider)%";
