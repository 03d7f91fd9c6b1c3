//! Traces: a span for each request and one for each attempt, sent to an OpenTelemetry collector.
//!
//! Envoy makes the spans and passes the trace's context on (`traceparent`, `tracestate`), from the
//! client or begun here. What the filter knows stands on them under the names of OpenTelemetry's
//! conventions for generative AI; a prompt, a completion or a key never does.
//!
//! An attempt's span is ended when its upstream request is destroyed (`UpstreamRequest::cleanUp`
//! calls `finalizeUpstreamSpan`, which applies the same tags as to the request's own span, from the
//! same filter state). The filter notes the tokens with the last byte of the answer, just before.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::access_log::OPERATION_NAME;
use super::{Options, any, extension, merge, provider, socket_address};
use spillway::exchange::effect::LogField;

/// Envoy's `tracing`; nothing where no collector is named.
pub(super) fn tracing(options: &Options) -> Option<Value> {
    let collector = options.otlp?;
    let provider = extension(
        "envoy.tracers.opentelemetry",
        "envoy.config.trace.v3.OpenTelemetryConfig",
        json!({
            "service_name": "spillway",
            "http_service": { "http_uri": {
                "uri": format!("http://{collector}/v1/traces"),
                "cluster": CLUSTER,
                "timeout": "5s",
            }},
        }),
    );
    let formats = options.envoy.formats_tags;
    let mut tracing = json!({
        "provider": provider,
        "spawn_upstream_span": true,
        // Envoy's tag of the URL has the query, and a client's key may stand there: it ends with the
        // host. The path has a tag of its own.
        "max_path_tag_length": 0,
        "custom_tags": tags(formats),
    });
    if formats {
        let operation = format!(
            "'wasm.spillway.operation' in filter_state ? ({OPERATION_NAME}) : request.method"
        );
        let name = format!("%CEL({operation})% %CEL(filter_state['wasm.spillway.model'])%");
        merge(&mut tracing, json!({ "operation": name, "upstream_operation": name }));
    }
    Some(tracing)
}

/// How requests get their ids where spans are made. By itself, Envoy writes the reason for a trace
/// into the client's own id, makes no span for an id that is no UUID, and decides by the id what the
/// `traceparent` has decided already.
pub(super) fn request_ids() -> Value {
    json!({ "typed_config": any(
        "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig",
        json!({ "pack_trace_reason": false, "use_request_id_for_trace_sampling": false }),
    )})
}

/// The collector as a cluster.
pub(super) fn cluster(options: &Options) -> Option<Value> {
    let collector: SocketAddr = options.otlp?;
    let endpoint = socket_address(&collector.ip().to_string(), collector.port());
    Some(json!({
        "name": CLUSTER,
        "connect_timeout": "5s",
        "load_assignment": { "cluster_name": CLUSTER, "endpoints": [{ "lb_endpoints": [
            { "endpoint": { "address": endpoint } },
        ]}]},
    }))
}

/// A tag whose text is empty or missing is not set. Envoy's tags are text: a count is one too.
fn tags(formats: bool) -> Vec<Value> {
    // The provider of an attempt is its backend's, which the cluster says.
    let provider = json!({ "tag": "gen_ai.provider.name", "metadata": {
        "kind": { "cluster": {} },
        "metadata_key": { "key": provider::NAMESPACE, "path": [{ "key": provider::KEY }] },
    }});
    if !formats {
        return vec![provider];
    }
    let noted = [
        ("gen_ai.request.model", LogField::Model),
        ("gen_ai.response.model", LogField::ResponseModel),
        ("gen_ai.usage.input_tokens", LogField::PromptTokens),
        ("gen_ai.usage.output_tokens", LogField::CompletionTokens),
        ("gen_ai.usage.cache_read.input_tokens", LogField::CachedTokens),
        ("gen_ai.usage.reasoning.output_tokens", LogField::ReasoningTokens),
        ("spillway.client", LogField::Client),
    ];
    let value = |note: LogField| format!("%FILTER_STATE(wasm.{}:PLAIN)%", note.property());
    let noted = noted.into_iter().map(|(tag, note)| json!({ "tag": tag, "value": value(note) }));
    let others = [
        ("gen_ai.operation.name", format!("%CEL({OPERATION_NAME})%")),
        ("error.type", format!("%CEL({ERROR_TYPE})%")),
        ("grpc.status_code", format!("%CEL({BROKEN})%")),
        ("url.path", "%PATH(NQ:PATH)%".to_owned()),
    ];
    let others = others.into_iter().map(|(tag, value)| json!({ "tag": tag, "value": value }));
    noted.chain(others).chain([provider]).collect()
}

/// What the filter has noted; of an attempt that had no answer it hears nothing, and Envoy knows.
const ERROR_TYPE: &str = "\
    filter_state['wasm.spillway.error_type'] != '' ? filter_state['wasm.spillway.error_type'] : \
    response.code == 0 ? 'no_answer' : ''";

/// Envoy derives the status of a span from the answer's own, which is good where the answer breaks off
/// later. The only other tag that it derives it from is this one: 14, unavailable, is an error.
const BROKEN: &str = "\
    response.code < 400 && filter_state['wasm.spillway.error_type'] != '' && \
    filter_state['wasm.spillway.error_type'] != 'client_left' ? '14' : ''";

/// No backend has this name: theirs have no `_`.
const CLUSTER: &str = "spillway_otlp";
