//! Traces: a span for each request and one for each attempt, sent to an OpenTelemetry collector.
//!
//! Envoy makes the spans and passes the trace's context on (`traceparent`, `tracestate`), from the
//! client or begun here. What the filter knows stands on them under the names of OpenTelemetry's
//! conventions for generative AI; a prompt, a completion or a key never does.
//!
//! An attempt's span is ended when its upstream request is destroyed (`UpstreamRequest::cleanUp`
//! calls `finalizeUpstreamSpan`, which applies the same tags as to the request's own span, from the
//! same filter state). The filter notes the tokens with the last byte of the answer, just before.

use serde_json::{Value, json};

use super::access_log::OPERATION_NAME;
use super::{Options, any, collector, extension, merge, provider};
use crate::otlp::{Root, Sampler};
use spillway::exchange::effect::LogField;

/// Envoy's `tracing`; nothing where no collector is named.
pub(super) fn tracing(options: &Options) -> Option<Value> {
    let exporter = options.otlp.as_ref()?;
    let mut fields = json!({
        "service_name": exporter.resource.service,
        "sampler": sampler(exporter.sampler),
    });
    merge(&mut fields, collector::service(exporter));
    if !exporter.resource.attributes.is_empty() {
        merge(
            &mut fields,
            json!({ "resource_detectors": [extension(
                "envoy.tracers.opentelemetry.resource_detectors.static_config",
                "envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig",
                json!({ "attributes": exporter.resource.attributes }),
            )] }),
        );
    }
    let provider = extension(
        "envoy.tracers.opentelemetry",
        "envoy.config.trace.v3.OpenTelemetryConfig",
        fields,
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

/// Envoy has no sampler that is always off: none of a million is.
fn sampler(sampler: Sampler) -> Value {
    let root = match sampler.root {
        Root::All => of_samplers("always_on", "AlwaysOnSamplerConfig", json!({})),
        Root::Share(millionths) => of_samplers(
            "trace_id_ratio_based",
            "TraceIdRatioBasedSamplerConfig",
            json!({ "sampling_percentage": { "numerator": millionths, "denominator": "MILLION" } }),
        ),
    };
    if sampler.by_parent {
        of_samplers("parent_based", "ParentBasedSamplerConfig", json!({ "wrapped_sampler": root }))
    } else {
        root
    }
}

fn of_samplers(name: &str, message: &str, fields: Value) -> Value {
    extension(
        &format!("envoy.tracers.opentelemetry.samplers.{name}"),
        &format!("envoy.extensions.tracers.opentelemetry.samplers.v3.{message}"),
        fields,
    )
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

/// What the filter has noted. Of an attempt that had no answer it hears nothing, and Envoy has no status.
const ERROR_TYPE: &str = "\
    'wasm.spillway.error_type' in filter_state && filter_state['wasm.spillway.error_type'] != '' ? \
    filter_state['wasm.spillway.error_type'] : has(response.code) ? '' : 'no_answer'";

/// Envoy derives the status of a span from the answer's own, which is good where the answer breaks off
/// later. The only other tag that it derives it from is this one: 14, unavailable, is an error.
const BROKEN: &str = "\
    response.code < 400 && filter_state['wasm.spillway.error_type'] != '' && \
    filter_state['wasm.spillway.error_type'] != 'client_left' ? '14' : ''";
