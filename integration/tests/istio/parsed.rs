//! Every patch of every rendering, each by itself, held to the descriptors of the Envoy at hand: strictly,
//! with all messages inside.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Value, json};
use spillway_integration::find;

use super::descriptors::Descriptors;
use super::{extensions, mesh};

/// Of the Envoy at hand.
static DESCRIPTORS: LazyLock<Descriptors> = LazyLock::new(|| Descriptors::of(&find::envoy()));

#[test]
fn every_patch_is_what_this_envoy_is_built_with() {
    let descriptors = &*DESCRIPTORS;
    let folder = tempfile::tempdir().expect("a folder");
    let mut kinds = BTreeSet::new();
    for arguments in extensions::RENDERINGS {
        let config = extensions::config().to_string();
        let rendered = mesh::render(&config, folder.path(), arguments);
        let filter = rendered.last().expect("the EnvoyFilter");
        for patch in filter["spec"]["configPatches"].as_array().expect("patches") {
            let kind = patch["applyTo"].as_str().expect("a kind").to_owned();
            let wrong = descriptors.wrong(message(&kind), &patch["patch"]["value"]);
            assert_eq!(wrong, None, "{arguments:?}: {kind}");
            kinds.insert(kind);
        }
        let patch = [arguments, &["--proxy-patch"]].concat();
        let patch = mesh::render(&config, folder.path(), &patch).remove(0);
        let annotations = &patch["spec"]["template"]["metadata"]["annotations"];
        let key = annotations["keys.spillway/d"].as_str().expect("where a key is");
        let answer: Value = serde_json::from_str(key).expect("JSON");
        assert_eq!(descriptors.wrong(DISCOVERY, &answer), None);
    }
    assert!(kinds.len() >= 5, "{kinds:?}");
}

/// A test that finds nothing finds what is there to be found.
#[test]
fn what_this_envoy_does_not_know_is_found() {
    let descriptors = &*DESCRIPTORS;
    let folder = tempfile::tempdir().expect("a folder");
    let config = extensions::config().to_string();
    let rendered = mesh::render(&config, folder.path(), extensions::RENDERINGS[0]);
    let patches = rendered.last().expect("the EnvoyFilter")["spec"]["configPatches"].clone();
    for patch in patches.as_array().expect("patches") {
        let message = message(patch["applyTo"].as_str().expect("a kind"));
        for place in places(&patch["patch"]["value"], String::new()) {
            let mut value = patch["patch"]["value"].clone();
            let object = value.pointer_mut(&place).expect("it").as_object_mut().expect("an object");
            object.insert("mispelt".into(), json!(1));
            let wrong = descriptors.wrong(message, &value);
            assert!(wrong.is_some_and(|it| it.contains("mispelt")), "{message}{place}");
        }
    }
}

/// The places of messages: of objects whose names are no data of their own.
fn places(value: &Value, at: String) -> Vec<String> {
    let Value::Object(fields) = value else {
        let items = value.as_array().into_iter().flatten().enumerate();
        return items.flat_map(|(index, item)| places(item, format!("{at}/{index}"))).collect();
    };
    let means_nothing = at.contains("/typed_per_filter_config/") && at.ends_with("/config");
    if means_nothing || STRUCTS.iter().any(|name| at.ends_with(name)) {
        return Vec::new();
    }
    let is_map = MAPS.iter().any(|name| at.ends_with(name));
    let inside = fields.iter().flat_map(|(name, value)| {
        let name = name.replace('~', "~0").replace('/', "~1");
        places(value, format!("{at}/{name}"))
    });
    let own = (!is_map).then(|| at.clone());
    own.into_iter().chain(inside).collect()
}

/// Maps by names that somebody chose.
const MAPS: [&str; 3] = ["/map", "/typed_extension_protocol_options", "/typed_per_filter_config"];

/// Data of any shape.
const STRUCTS: [&str; 3] = ["/filter_metadata", "/json_format", "/metadata/0/value"];

const DISCOVERY: &str = "envoy.service.discovery.v3.DiscoveryResponse";

/// What istiod parses a patch of this kind as.
fn message(kind: &str) -> &'static str {
    match kind {
        "LISTENER" => "envoy.config.listener.v3.Listener",
        "NETWORK_FILTER" => "envoy.config.listener.v3.Filter",
        "HTTP_FILTER" => "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter",
        "HTTP_ROUTE" => "envoy.config.route.v3.Route",
        "CLUSTER" => "envoy.config.cluster.v3.Cluster",
        "EXTENSION_CONFIG" => "envoy.config.core.v3.TypedExtensionConfig",
        other => panic!("{other} is not known here"),
    }
}
