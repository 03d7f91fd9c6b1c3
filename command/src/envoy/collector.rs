//! The collector of spans: a cluster, how it is spoken to, and what it is sent besides.
//!
//! A header may be a key. `request_headers_to_add` of Envoy's exporter would show it in each config
//! dump, so a filter of the cluster adds it, from a variable of Envoy's environment: what is rendered
//! is the variable's name. Seen on 1.36.4, 1.38.2 and 1.40.0.

use serde_json::{Value, json};

use super::cluster::discovery;
use super::{Options, any, duration, extension, merge, socket_address, transport};
use crate::otlp::{Exporter, Protocol};
use spillway::config::BackendUrl;

/// How the exporter reaches it.
pub(super) fn service(exporter: &Exporter) -> Value {
    let timeout = duration(exporter.timeout);
    match exporter.protocol {
        Protocol::Http => json!({ "http_service": { "http_uri": {
            "uri": uri(&exporter.url),
            "cluster": CLUSTER,
            "timeout": timeout,
        }}}),
        Protocol::Grpc => json!({ "grpc_service": {
            "envoy_grpc": { "cluster_name": CLUSTER, "authority": exporter.url.authority() },
            "timeout": timeout,
        }}),
    }
}

/// The cluster.
pub(super) fn cluster(options: &Options) -> Option<Value> {
    let exporter = options.otlp.as_ref()?;
    let url = &exporter.url;
    let mut cluster = json!({
        "name": CLUSTER,
        "connect_timeout": "5s",
        "load_assignment": { "cluster_name": CLUSTER, "endpoints": [{ "lb_endpoints": [
            { "endpoint": { "address": socket_address(&url.host, url.port) } },
        ]}]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol(exporter),
        },
    });
    merge(&mut cluster, discovery(&url.host));
    if url.tls {
        let ca = exporter.ca_file.as_deref().unwrap_or(&options.ca_bundle);
        let speaks = match exporter.protocol {
            Protocol::Http => "http/1.1",
            Protocol::Grpc => "h2",
        };
        let socket = transport::socket(&url.host, ca, &[speaks]);
        merge(&mut cluster, json!({ "transport_socket": socket }));
    }
    Some(cluster)
}

/// How many spans are sent at once, and when, where something is said about it.
pub(super) fn runtime(options: &Options) -> Option<Value> {
    let exporter = options.otlp.as_ref()?;
    let mut values = json!({});
    if let Some(delay) = exporter.delay {
        merge(&mut values, json!({ "tracing.opentelemetry.flush_interval_ms": delay.0 }));
    }
    if let Some(batch) = exporter.batch {
        merge(&mut values, json!({ "tracing.opentelemetry.min_flush_spans": batch }));
    }
    let said = exporter.delay.is_some() || exporter.batch.is_some();
    said.then(|| {
        json!({ "layers": [
            { "name": "spans", "static_layer": values },
            // Envoy has this one by itself where nothing is said.
            { "name": "admin", "admin_layer": {} },
        ]})
    })
}

fn protocol(exporter: &Exporter) -> Value {
    let version = match exporter.protocol {
        Protocol::Http => json!({ "http_protocol_options": {} }),
        Protocol::Grpc => json!({ "http2_protocol_options": {} }),
    };
    // Where the gateway is, and how long it would wait, is nothing to a collector.
    let removed = ["x-forwarded-for", "x-envoy-internal", "x-envoy-expected-rq-timeout-ms"];
    let removed = removed.into_iter().map(|name| json!({ "remove": name }));
    let added = exporter.headers.iter().map(|header| {
        json!({ "append": {
            "header": { "key": header.name, "value": format!("%ENVIRONMENT({})%", header.variable) },
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }})
    });
    let mutations: Vec<Value> = removed.chain(added).collect();
    let filters = [
        extension(
            "envoy.filters.http.header_mutation",
            "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
            json!({ "mutations": { "request_mutations": mutations } }),
        ),
        extension(
            "envoy.filters.http.upstream_codec",
            "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
            json!({}),
        ),
    ];
    any(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        json!({ "explicit_http_config": version, "http_filters": filters }),
    )
}

fn uri(url: &BackendUrl) -> String {
    let scheme = if url.tls { "https" } else { "http" };
    format!("{scheme}://{}{}", url.authority(), url.base_path)
}

/// No backend has this name: theirs have no `_`.
const CLUSTER: &str = "spillway_otlp";
