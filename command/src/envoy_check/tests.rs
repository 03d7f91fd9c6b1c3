//! What is rendered is found right, and whatever is taken from it or changed in it is found.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

mod complete;
mod earlier;
mod rows;

use serde_json::{Map, Value, json};

use super::*;
use crate::envoy::pieces::{Piece, pieces};
use crate::envoy::version::Version;
use spillway::config::check;

const VERSIONS: [&str; 5] = ["1.36.4", "1.37.0", "1.38.2", "1.39.3", "1.40.0"];

/// A configuration for which every field there is is rendered.
fn everything() -> Value {
    json!({
        "backends": {
            "eastus": { "url": "https://eastus.example.com", "api_key": "${EASTUS}" },
            "west-us": { "url": "https://westus.example.com", "bearer_token": { "file": "/run/key" } },
            "lab": { "url": "http://10.0.0.7:8080", "bearer_token": "${LAB}" },
            "cellar": { "url": "https://10.0.0.8", "api_key": "${CELLAR}" },
            "open": { "url": "http://localhost:9" },
        },
        "models": {
            "gpt-4o": { "pool": ["eastus", "west-us", "lab", "cellar", "open"] },
        },
        "timeouts": { "per_try": "90s" },
        "cookie_key": "${COOKIE}",
        "clients": [{ "name": "a", "key": "${CLIENT}" }],
    })
}

fn example() -> Value {
    let text = std::fs::read_to_string("../docs/example.yaml").unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

fn abilities(version: &str) -> Abilities {
    Version::named(version).unwrap().abilities()
}

fn rendered(raw: &Value, version: &str) -> Value {
    bootstrap(&check(raw).unwrap(), raw, &options(abilities(version)))
}

/// What is found, without what is said about spillway.yaml itself.
fn around(value: &Value) -> Vec<Finding> {
    around_for(value, None)
}

fn around_for(value: &Value, version: Option<&str>) -> Vec<Finding> {
    let mut found = look(value, version.map(abilities)).found;
    found.retain(|one| !one.problem.path.contains("configuration.value.config"));
    found
}

fn said(found: &[Finding]) -> String {
    found.iter().map(|one| format!("{:?} {}\n", one.severity, one.problem)).collect()
}

#[test]
fn what_is_rendered_is_right() {
    for raw in [example(), everything()] {
        for version in VERSIONS {
            let bootstrap = rendered(&raw, version);
            assert_eq!(said(&around(&bootstrap)), "", "{version}");
            assert_eq!(said(&around_for(&bootstrap, Some(version))), "", "{version}");
        }
    }
}

#[test]
fn pieces_in_a_bootstrap_of_the_readers_are_right() {
    for version in VERSIONS {
        assert_eq!(said(&around(&pasted(version))), "", "{version}");
    }
}

/// A bootstrap with a route of its own, and the pieces where they say that they go.
fn pasted(version: &str) -> Value {
    let raw = everything();
    let all = pieces(&check(&raw).unwrap(), &raw, &options(abilities(version)));
    let piece = |wanted: Piece| all.iter().find(|(piece, _)| *piece == wanted).unwrap().1.clone();
    let fields = |mut own: Value, piece: Value| {
        let Value::Object(fields) = piece else { panic!("fields") };
        own.as_object_mut().unwrap().extend(fields);
        own
    };
    let items = |piece: Value, own: Value| {
        let Value::Array(mut all) = piece else { panic!("items") };
        all.push(own);
        Value::Array(all)
    };
    let router = json!({ "name": "envoy.filters.http.router", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        "suppress_envoy_headers": true,
    }});
    let mine = json!({ "match": { "prefix": "/" }, "route": { "cluster": "mine" } });
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "mine",
        "route_config": { "virtual_hosts": [{
            "name": "mine", "domains": ["*"], "routes": items(piece(Piece::Route), mine),
        }]},
        "http_filters": items(piece(Piece::Filters), router),
    });
    let manager = fields(fields(manager, piece(Piece::Manager)), piece(Piece::Replies));
    let listener = json!({
        "name": "mine",
        "address": { "socket_address": { "address": "127.0.0.1", "port_value": 8080 } },
        "filter_chains": [{ "filters": [{ "name": "hcm", "typed_config": manager }] }],
    });
    fields(
        json!({ "static_resources": {
            "listeners": [fields(listener, piece(Piece::Listener))],
            "clusters": items(piece(Piece::Clusters), json!({ "name": "mine" })),
            "secrets": piece(Piece::Secrets),
        }}),
        piece(Piece::Process),
    )
}

// === what no row says ===

fn without(path: &str) -> Value {
    with(path, None)
}

fn with(path: &str, value: Option<Value>) -> Value {
    let mut bootstrap = rendered(&everything(), "1.40.0");
    set(&mut bootstrap, &steps(path), value);
    bootstrap
}

const MANAGER: &str = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
const ROUTE: &str = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].routes[0].route";
const PROTOCOL: &str =
    "typed_extension_protocol_options.\"envoy.extensions.upstreams.http.v3.HttpProtocolOptions\"";

/// Where the clusters of these backends stand: they are in the order of their names.
const EASTUS: usize = 1;
const WEST_US: usize = 4;

fn chain(cluster: usize) -> String {
    format!("static_resources.clusters[{cluster}].{PROTOCOL}.http_filters")
}

#[track_caller]
fn finds(bootstrap: &Value, severity: Severity, path: &str, message: &str) {
    let found = around(bootstrap);
    assert_eq!(found.len(), 1, "{}", said(&found));
    assert_eq!(found[0].severity, severity);
    assert_eq!(found[0].problem.path, path);
    assert!(found[0].problem.message.contains(message), "{}", found[0].problem);
}

#[test]
fn every_filter_must_be_there_and_in_its_place() {
    use Severity::{Error, Warning};
    let filters = format!("{MANAGER}.http_filters");
    finds(&without(&format!("{filters}[1]")), Warning, &filters, "last-words filter is missing");
    let found = around(&without(&format!("{filters}[2]")));
    assert!(said(&found).contains("no HTTP connection manager"), "{}", said(&found));

    let swapped = |path: &str, one: usize, other: usize| {
        let mut bootstrap = rendered(&everything(), "1.40.0");
        let list = bootstrap.pointer_mut(&pointer(&steps(path))).unwrap().as_array_mut().unwrap();
        list.swap(one, other);
        bootstrap
    };
    let writer = format!("{filters}[2].typed_config.config");
    finds(&swapped(&filters, 1, 2), Warning, &writer, "behind the downstream filter");

    let chain = chain(EASTUS);
    finds(&without(&format!("{chain}[0]")), Error, &chain, "upstream filter is missing");
    finds(&without(&format!("{chain}[1]")), Error, &chain, "nothing adds the key");
    finds(&without(&format!("{chain}[2]")), Warning, &chain, "takes a bad key away");
    finds(&without(&format!("{chain}[3]")), Error, &chain, "upstream_codec");
    finds(&swapped(&chain, 0, 1), Error, &format!("{chain}[0]"), "before the upstream filter");
    finds(&swapped(&chain, 1, 2), Warning, &format!("{chain}[1]"), "before the filter that adds");
    finds(&swapped(&chain, 2, 3), Error, &format!("{chain}[2]"), "not the last");

    let mut old = rendered(&everything(), "1.36.4");
    set(&mut old, &steps(&format!("{}[2]", self::chain(WEST_US))), None);
    finds(&old, Error, &self::chain(WEST_US), "`Bearer`");
}

#[test]
fn every_backend_must_have_its_cluster_and_its_secret() {
    use Severity::Error;
    let map = format!(
        "{ROUTE}.inline_cluster_specifier_plugin.extension.typed_config.cluster_matcher.matcher_tree.exact_match_map.map"
    );
    finds(
        &without(&format!("static_resources.clusters[{EASTUS}]")),
        Error,
        &format!("{map}.eastus"),
        "no cluster",
    );
    finds(&without(&format!("{map}.west-us")), Error, &format!("{map}.west-us"), "not set");
    let leads = format!("{map}.lab.action.typed_config.cluster");
    finds(&with(&leads, Some(json!("eastus"))), Error, &leads, "own cluster `lab`");
    let name = format!("{}[1].typed_config.credential.typed_config.credential.name", chain(EASTUS));
    finds(&without("static_resources.secrets[1]"), Error, &name, "no secret `eastus-key`");
    let table = format!("{MANAGER}.route_config");
    let found = without(&format!("{ROUTE}.inline_cluster_specifier_plugin"));
    // The route is then one of the reader's own, whose requests the filter gets too.
    let found = around(&found);
    assert!(found.iter().any(|one| one.problem.path == table && one.severity == Error));
}

#[test]
fn filters_that_are_off_must_be_on_where_they_are_wanted() {
    let mut bootstrap = pasted("1.40.0");
    let entry = format!("{MANAGER}.route_config.virtual_hosts[0].routes[0]");
    let on = format!("{entry}.typed_per_filter_config.\"spillway.gateway\"");
    set(&mut bootstrap, &steps(&on), None);
    finds(&bootstrap, Severity::Error, &on, "disabled elsewhere");

    let mut bootstrap = pasted("1.40.0");
    let gateway = format!("{MANAGER}.http_filters[1]");
    set(&mut bootstrap, &steps(&format!("{gateway}.disabled")), None);
    let at = format!("{gateway}.typed_config.config");
    finds(&bootstrap, Severity::Error, &at, "refuses them");
}

#[test]
fn a_key_in_a_file_needs_an_envoy_with_a_name() {
    finds(&without("node"), Severity::Warning, "node", "a key comes from a file");
}

#[test]
fn what_everybody_can_reach_or_read_is_said() {
    use Severity::{Note, Warning};
    let admin = "admin.address.socket_address.address";
    finds(&with(admin, Some(json!("0.0.0.0"))), Warning, admin, "public address");
    let listen = "static_resources.listeners[0].address.socket_address.address";
    finds(&with(listen, Some(json!("0.0.0.0"))), Note, listen, "in the clear");

    let secret = "static_resources.secrets[0].generic_secret.secret";
    let shown = with(secret, Some(json!({ "inline_string": "sk-123" })));
    finds(&shown, Warning, &format!("{secret}.inline_string"), "in the clear");
    assert!(!said(&around(&shown)).contains("sk-123"));
    let mut variables = rendered(&example(), "1.40.0");
    let own = "vm_config.environment_variables";
    let paths: Vec<String> =
        BootstrapView::of(&variables).plugins().map(|plugin| plugin.config.path_of(own)).collect();
    let given = json!({ "key_values": { "CHAT_APP_KEY": "sk-123", "TZ": "UTC" } });
    for path in &paths {
        set(&mut variables, &steps(path), Some(given.clone()));
    }
    let found = around(&variables);
    assert_eq!(found.len(), paths.len(), "one for each filter, and nothing else: {}", said(&found));
    assert!(found.iter().all(|one| one.problem.path.ends_with("key_values.CHAT_APP_KEY")));
    assert!(!said(&found).contains("sk-123"));

    let header = json!([{ "header": { "key": "api-key", "value": "sk-123" } }]);
    let path = format!("{MANAGER}.route_config.virtual_hosts[0].request_headers_to_add");
    let at = format!("{path}[0].header.value");
    finds(&with(&path, Some(header)), Warning, &at, "in the clear");
}

#[test]
fn the_filters_own_configuration_is_checked_as_ever() {
    let plugin = format!("{MANAGER}.http_filters[2].typed_config.config.configuration.value");
    let mut raw = everything();
    let said = |raw: &Value| json!({ "seat": "gateway", "config": raw }).to_string();
    raw["models"]["gpt-4o"]["pool"][1] = json!("nowhere");
    let found = look(&with(&plugin, Some(json!(said(&raw)))), None).found;
    assert_eq!(found[0].problem.path, format!("{plugin}.config.models.gpt-4o.pool[1]"));
    assert_eq!(found.len(), 1, "{}", super::tests::said(&found));

    let odd = json!({ "seat": "gateway", "config": everything(), "fail": 1 }).to_string();
    let found = around(&with(&plugin, Some(json!(odd))));
    assert!(super::tests::said(&found).contains("unknown field `fail`"));
}

#[test]
fn a_bootstrap_for_another_version_is_found_out() {
    let new = rendered(&example(), "1.40.0");
    let found = look(&new, Some(abilities("1.36.4"))).found;
    let said = said(&found);
    assert!(said.contains(r#"says "retry"; this Envoy needs "redirect_unheld""#), "{said}");
    assert!(said.contains("redirect_response_codes: is not set"), "{said}");
}

#[test]
fn files_of_discovery_are_checked_as_far_as_they_go() {
    let whole = rendered(&everything(), "1.40.0");
    let typed = |list: &str, message: &str| {
        let items = whole["static_resources"][list].as_array().unwrap().iter().map(|item| {
            let mut all = Map::new();
            all.insert("@type".into(), json!(format!("type.googleapis.com/{message}")));
            all.extend(item.as_object().unwrap().clone());
            Value::Object(all)
        });
        json!({ "resources": items.collect::<Vec<_>>() })
    };
    let listeners = typed("listeners", "envoy.config.listener.v3.Listener");
    let found = around(&listeners);
    assert!(found.iter().all(|one| one.severity == Severity::Note), "{}", said(&found));
    assert!(said(&found).contains("not looked at: the clusters"), "{}", said(&found));
    let clusters = typed("clusters", "envoy.config.cluster.v3.Cluster");
    assert!(said(&around(&clusters)).starts_with("Note the downstream filter is not in this file"));
}

#[test]
fn envoys_files_are_told_from_spillways() {
    assert!(is_envoys(&rendered(&example(), "1.40.0")));
    assert!(is_envoys(&json!({ "staticResources": {} })));
    assert!(!is_envoys(&example()));
    assert!(!is_envoys(&json!({})));
}

// === paths ===

fn set(value: &mut Value, steps: &[String], to: Option<Value>) {
    let (last, before) = steps.split_last().unwrap();
    let mut here = value;
    for step in before {
        here = match here {
            Value::Array(items) => &mut items[step.parse::<usize>().unwrap()],
            other => {
                let fields = other.as_object_mut().unwrap();
                fields.entry(step.clone()).or_insert_with(|| json!({}))
            }
        };
    }
    match (here, to) {
        (Value::Array(items), None) => drop(items.remove(last.parse().unwrap())),
        (Value::Array(items), Some(to)) => items[last.parse::<usize>().unwrap()] = to,
        (other, None) => drop(other.as_object_mut().unwrap().shift_remove(last)),
        (other, Some(to)) => drop(other.as_object_mut().unwrap().insert(last.clone(), to)),
    }
}

fn steps(path: &str) -> Vec<String> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        rest = rest.trim_start_matches('.');
        let (step, after) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted.split_once('"').unwrap()
        } else if let Some(index) = rest.strip_prefix('[') {
            index.split_once(']').unwrap()
        } else {
            rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()))
        };
        steps.push(step.to_owned());
        rest = after;
    }
    steps
}

fn pointer(steps: &[String]) -> String {
    steps.iter().map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1"))).collect()
}
