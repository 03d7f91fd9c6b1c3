//! The access log: one line of JSON for each request.
//!
//! It says who asked for which model, which backends were tried and how they answered. It never
//! holds a key, a cookie, a query string or a body.

use serde_json::{Value, json};

use super::{Options, extension, failover, merge};

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

fn line() -> Value {
    json!({
        "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "client": "%FILTER_STATE(wasm.spillway.client:PLAIN)%",
        "method": "%REQ(:METHOD)%",
        "path": "%PATH(NQ:PATH)%",
        "protocol": "%PROTOCOL%",
        "model": "%FILTER_STATE(wasm.spillway.model:PLAIN)%",
        "backend": "%UPSTREAM_CLUSTER%",
        "attempts": "%FILTER_STATE(wasm.spillway.attempts:PLAIN)%",
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
