//! Our route in a virtual host that others may use too.

use serde_json::{Value, json};

use super::place::Place;
use super::{Options, backend, filters, patch};
use crate::envoy::{self, merge};
use spillway::config::Config;

/// The route's name, by which conditions know our requests.
pub(super) const NAME: &str = super::NAME;

/// What a bootstrap's virtual host says for all its routes, our route says for itself.
const FOR_ALL_ROUTES: [&str; 3] =
    ["request_body_buffer_limit", "request_headers_to_remove", "response_headers_to_remove"];

/// The route, before all others of each of our hosts.
pub(super) fn routes(config: &Config, options: &Options, envoy: &envoy::Options) -> Vec<Value> {
    let place = &options.place;
    let route = route(config, options, envoy);
    place.hosts.iter().map(|host| patch::first_route(place, host, route.clone())).collect()
}

fn route(config: &Config, options: &Options, envoy: &envoy::Options) -> Value {
    let names = config.backends.iter().map(|backend| backend.name.as_str());
    let rendered = envoy::route::routes(config, names, envoy);
    let host = rendered.pointer("/virtual_hosts/0").unwrap_or(&Value::Null);
    let mut route = json!({ "name": NAME });
    merge(&mut route, host.pointer("/routes/0").cloned().unwrap_or_default());
    for field in FOR_ALL_ROUTES {
        if let Some(value) = host.get(field) {
            merge(&mut route, json!({ field: value }));
        }
    }
    merge(
        &mut route,
        json!({
            "match": matched(&options.place),
            "typed_per_filter_config": filters::switched_on(options),
            // What a developer sees in an exception is what an operator finds in the log.
            "response_headers_to_add": [{
                "header": { "key": "x-request-id", "value": "%REQ(x-request-id)%" },
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }],
        }),
    );
    if let Some(removed) = route.get_mut("response_headers_to_remove").and_then(Value::as_array_mut)
    {
        // The router's own, which only a router of ours could be told to leave out.
        removed.push(json!("x-envoy-upstream-service-time"));
    }
    point_at_our_clusters(&mut route);
    spell_out(&mut route);
    route
}

/// Everything below the prefix, and nothing that only begins with the same letters.
fn matched(place: &Place) -> Value {
    if place.path_prefix.is_empty() {
        json!({ "prefix": "/" })
    } else {
        json!({ "path_separated_prefix": place.path_prefix })
    }
}

/// Says the cluster specifier's type in a way that istiod need not know it: one that was built before
/// Envoy had this type refuses the whole `EnvoyFilter`. A proxy that lacks it all the same refuses our
/// requests, and not the whole route table.
fn spell_out(route: &mut Value) {
    if let Some(plugin) = route.pointer_mut("/route/inline_cluster_specifier_plugin") {
        merge(plugin, json!({ "is_optional": true }));
    }
    let extension = "/route/inline_cluster_specifier_plugin/extension";
    let Some(extension) = route.pointer_mut(extension).and_then(Value::as_object_mut) else {
        return;
    };
    let Some(Value::Object(mut fields)) = extension.remove("typed_config") else { return };
    let name = fields.remove("@type");
    let value = Value::Object(fields);
    let typed = json!({ "type_url": name, "value": value });
    extension.insert("typed_config".into(), envoy::any("udpa.type.v1.TypedStruct", typed));
}

/// The filter writes a backend's name; the cluster has a longer one, as it is one of many here.
fn point_at_our_clusters(route: &mut Value) {
    let map = "/route/inline_cluster_specifier_plugin/extension/typed_config\
               /cluster_matcher/matcher_tree/exact_match_map/map";
    let Some(clusters) = route.pointer_mut(map).and_then(Value::as_object_mut) else { return };
    for (name, on_match) in clusters {
        if let Some(cluster) = on_match.pointer_mut("/action/typed_config/cluster") {
            *cluster = json!(backend::cluster_name(name));
        }
    }
}
