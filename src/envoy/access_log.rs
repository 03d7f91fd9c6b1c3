//! The access log: one line of JSON for each request.
//!
//! It says who asked for which model, which backends were tried and how they answered. It never
//! holds a key, a cookie, a query string or a body.

use serde_json::{Value, json};

use super::{Options, extension, failover, merge};
use crate::exchange::effect::Note;

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
pub(super) fn access_log(options: &Options) -> Vec<Value> {
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

fn line() -> Value {
    json!({
        "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "client": noted(Note::Client),
        "method": "%REQ(:METHOD)%",
        "path": "%PATH(NQ:PATH)%",
        "protocol": "%PROTOCOL%",
        "model": noted(Note::Model),
        "deployment": noted(Note::Deployment),
        "api_version": noted(Note::ApiVersion),
        "backend": "%UPSTREAM_CLUSTER%",
        "attempts": noted(Note::Attempts),
        "pinned": marked("pinned"),
        "stream": marked("stream"),
        "outcome": noted(Note::Outcome),
        "tokens": {
            "prompt": number(Note::PromptTokens),
            "completion": number(Note::CompletionTokens),
            "cached": number(Note::CachedTokens),
            "reasoning": number(Note::ReasoningTokens),
        },
        "region": "%RESP(X-MS-REGION)%",
        "backend_request_id": "%RESP(APIM-REQUEST-ID)%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "bytes_received": "%BYTES_RECEIVED%",
        "bytes_sent": "%BYTES_SENT%",
        "duration_ms": "%DURATION%",
        "first_byte_ms": "%RESPONSE_DURATION%",
        "user_agent": "%REQ(USER-AGENT)%",
    })
}

/// Text that the filter has noted.
fn noted(note: Note) -> String {
    format!("%FILTER_STATE(wasm.{}:PLAIN)%", note.property())
}

/// A number that it has noted, as a number. What is empty or missing makes none, and so `null`.
fn number(note: Note) -> String {
    format!("%TYPED_CEL(int(filter_state['wasm.{}']))%", note.property())
}

/// Whether the filter has marked the request so, as `true` or `false`.
fn marked(mark: &str) -> String {
    let marks = Note::Marks.property();
    format!("%TYPED_CEL(filter_state['wasm.{marks}'].contains('{mark}'))%")
}
