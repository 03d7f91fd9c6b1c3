//! A proxy's configuration as istiod makes it, with the names that an `EnvoyFilter` matches.
//!
//! What only Istio's own build of Envoy has is left out: `istio.stats`, `istio.alpn` and
//! `istio.metadata_exchange`, which watch and write, but do not decide where a request goes. Ports
//! are free ones, and routes stand inside of the listener instead of coming by discovery.

use std::path::Path;

use serde_json::{Value, json};

/// Who else is served by the same proxy.
pub(super) const NEIGHBOUR: &str = "shop.example.com";

/// An ingress gateway that serves the host of this `VirtualService` or `HTTPRoute`, and a neighbour's.
pub(super) fn ingress(service: &Value, port: u16, mesh_log: &Path) -> Value {
    let is_route = service["kind"] == "HTTPRoute";
    let hosts = &service["spec"][if is_route { "hostnames" } else { "hosts" }];
    let host = hosts[0].as_str().unwrap_or("*");
    let rules = &service["spec"][if is_route { "rules" } else { "http" }];
    let answer = if is_route { without_backends } else { as_it_says };
    let routes: Vec<Value> = rules.as_array().expect("routes").iter().map(answer).collect();
    let own = virtual_host(host, port, &json!([host]), &json!(routes));
    let mut manager = connection_manager("outbound_0.0.0.0_8080", "http.8080", own, port, mesh_log);
    manager["use_remote_address"] = json!(true);
    manager["forward_client_cert_details"] = json!("SANITIZE_SET");
    manager["set_current_client_cert_details"] =
        json!({ "subject": true, "dns": true, "uri": true });
    bootstrap(
        "router~10.0.0.1~istio-ingressgateway-0.istio-ingress~istio-ingress.svc.cluster.local",
        "0.0.0.0_8080",
        manager,
    )
}

/// Of a `VirtualService`.
fn as_it_says(http: &Value) -> Value {
    let reply = &http["directResponse"];
    json!({
        "name": http["name"],
        "match": { "prefix": http["match"][0]["uri"]["prefix"] },
        "direct_response": {
            "status": reply["status"],
            "body": { "inline_string": reply["body"]["string"] },
        },
    })
}

/// Of an `HTTPRoute` that names no backends.
fn without_backends(rule: &Value) -> Value {
    assert!(rule.get("backendRefs").is_none());
    json!({
        "match": { "prefix": rule["matches"][0]["path"]["value"] },
        "direct_response": { "status": 500 },
    })
}

/// A sidecar whose application may call this `Service`, and a neighbour's.
pub(super) fn sidecar(service: &Value, mesh_log: &Path) -> Value {
    let (name, namespace) = (&service["metadata"]["name"], &service["metadata"]["namespace"]);
    let (name, namespace) = (name.as_str().expect("a name"), namespace.as_str().expect("one"));
    let port = service["spec"]["ports"][0]["port"].as_u64().expect("a port");
    let port = u16::try_from(port).expect("a port");
    let host = format!("{name}.{namespace}.svc.cluster.local");
    let domains =
        json!([host, name, format!("{name}.{namespace}"), format!("{name}.{namespace}.svc")]);
    let cluster = format!("outbound|{port}||{host}");
    let routes =
        json!([{ "name": "default", "match": { "prefix": "/" }, "route": { "cluster": cluster } }]);
    let own = virtual_host(&host, port, &domains, &routes);
    let name = format!("0.0.0.0_{port}");
    let mut manager =
        connection_manager(&format!("outbound_{name}"), &port.to_string(), own, port, mesh_log);
    manager["route_config"]["validate_clusters"] = json!(false);
    let mut bootstrap =
        bootstrap("sidecar~10.0.0.2~chat-0.default~default.svc.cluster.local", &name, manager);
    bootstrap["static_resources"]["clusters"] = json!([{
        "name": cluster,
        "type": "STATIC",
        "connect_timeout": "10s",
    }]);
    bootstrap
}

fn virtual_host(host: &str, port: u16, domains: &Value, routes: &Value) -> Value {
    json!({
        "name": format!("{host}:{port}"),
        "domains": domains,
        "include_request_attempt_count": true,
        "routes": routes,
    })
}

fn connection_manager(stats: &str, routes: &str, own: Value, port: u16, mesh_log: &Path) -> Value {
    let extension = |name: &str, message: &str| {
        json!({
            "name": name,
            "typed_config": { "@type": format!("type.googleapis.com/envoy.extensions.filters.http.{message}") },
        })
    };
    let theirs = json!([{
        "name": "theirs",
        "match": { "prefix": "/" },
        "direct_response": { "status": 503, "body": { "inline_string": "the shop is closed" } },
    }]);
    let neighbour = virtual_host(NEIGHBOUR, port, &json!([NEIGHBOUR]), &theirs);
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": stats,
        "server_name": "istio-envoy",
        "stream_idle_timeout": "0s",
        "normalize_path": true,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "upgrade_configs": [{ "upgrade_type": "websocket" }],
        "access_log": [{
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": mesh_log,
                "log_format": { "text_format_source": { "inline_string": "%REQ(:AUTHORITY)% %RESPONSE_CODE%\n" } },
            },
        }],
        "http_filters": [
            extension("envoy.filters.http.grpc_stats", "grpc_stats.v3.FilterConfig"),
            extension("envoy.filters.http.fault", "fault.v3.HTTPFault"),
            extension("envoy.filters.http.cors", "cors.v3.Cors"),
            extension("envoy.filters.http.router", "router.v3.Router"),
        ],
        "route_config": {
            "name": routes,
            "ignore_port_in_host_matching": true,
            "max_direct_response_body_size_bytes": 1_048_576,
            "virtual_hosts": [neighbour, own],
        },
    })
}

fn bootstrap(node: &str, listener: &str, manager: Value) -> Value {
    let anywhere = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 0 } });
    json!({
        "node": { "id": node, "cluster": "mesh" },
        "admin": { "address": anywhere },
        "static_resources": {
            "listeners": [{
                "name": listener,
                "address": anywhere,
                "traffic_direction": "OUTBOUND",
                "per_connection_buffer_limit_bytes": 32768,
                "filter_chains": [{ "filters": [{
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": manager,
                }]}],
            }],
            "clusters": [],
        },
    })
}
