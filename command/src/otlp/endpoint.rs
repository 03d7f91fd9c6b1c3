//! Where the collector is.
//!
//! `OTEL_EXPORTER_OTLP_ENDPOINT` is a base for all signals, to which `v1/traces` is appended;
//! `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is used as it is (OpenTelemetry's specification of the OTLP
//! exporter, "Endpoint URLs for OTLP/HTTP"). gRPC has a path of its own.

use super::Protocol;
use spillway::config::{BackendUrl, Problem, url};

pub(super) const BASE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
pub(super) const OF_TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

/// An endpoint as it is written, by where it is.
#[derive(Debug, Clone)]
pub(super) enum Named {
    /// On the command line: a base, or with the path for traces at its end.
    Flag(String),
    /// A base.
    Base(String),
    /// The whole of it.
    Traces(String),
}

/// Its URL. A host alone is spoken to in the clear, on the port that its protocol has.
pub(super) fn read(named: &Named, protocol: Protocol) -> Result<BackendUrl, Problem> {
    let (at, text) = match named {
        Named::Flag(text) => ("--otlp", text),
        Named::Base(text) => (BASE, text),
        Named::Traces(text) => (OF_TRACES, text),
    };
    let text = text.trim();
    let (scheme, is_bare) = if text.contains("://") { ("", false) } else { ("http://", true) };
    let whole = format!("{scheme}{text}");
    let mut url = url::parse(&whole).map_err(|problem| {
        // What a URL is refused for may be about backends: a key has another place here.
        let hint = if problem.message.contains("password") {
            "remove it and send the key as a header: `--otlp-header NAME=${VARIABLE}`, or \
             `OTEL_EXPORTER_OTLP_HEADERS`"
        } else {
            "write it as `host:4318` or `https://host/path`"
        };
        Problem::new("", format!("{at}: {}", problem.message), hint)
    })?;
    if is_bare && !has_port(text) {
        url.port = if protocol == Protocol::Grpc { 4317 } else { 4318 };
    }
    url.base_path = match named {
        _ if protocol == Protocol::Grpc => String::new(),
        Named::Flag(_) if url.base_path.ends_with(PATH) => url.base_path,
        Named::Flag(_) | Named::Base(_) => format!("{}{PATH}", url.base_path),
        Named::Traces(_) if url.base_path.is_empty() => "/".to_owned(),
        Named::Traces(_) => url.base_path,
    };
    Ok(url)
}

fn has_port(authority: &str) -> bool {
    let authority = authority.split('/').next().unwrap_or_default();
    let after = authority.rsplit_once(']').map_or(authority, |(_, after)| after);
    after.contains(':')
}

const PATH: &str = "/v1/traces";
