//! Routes before Spillway's own.

use super::*;

const HOSTS: &str = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config.virtual_hosts";

/// A route of the reader's own, before the pieces' route for `/openai`.
fn behind(earlier: Value) -> Value {
    let mut bootstrap = pasted("1.40.0");
    routes(&mut bootstrap, 0).insert(0, earlier);
    bootstrap
}

fn routes(bootstrap: &mut Value, host: usize) -> &mut Vec<Value> {
    let path = format!("{HOSTS}[{host}].routes");
    bootstrap.pointer_mut(&pointer(&steps(&path))).unwrap().as_array_mut().unwrap()
}

fn to_mine(matching: Value) -> Value {
    json!({ "match": matching, "route": { "cluster": "mine" } })
}

#[test]
fn a_route_that_takes_all_of_the_paths_is_an_error() {
    for matching in [
        json!({ "prefix": "/" }),
        json!({ "prefix": "/openai" }),
        json!({ "prefix": "/OPENAI", "case_sensitive": false }),
        json!({ "path_separated_prefix": "/openai" }),
        json!({ "pathSeparatedPrefix": "/openai" }),
        json!({ "safe_regex": { "regex": ".*" } }),
        json!({ "path_match_policy": { "name": "t", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
            "path_template": "/{all=**}",
        }}}),
    ] {
        let at = format!("{HOSTS}[0].routes[0].match");
        let bootstrap = behind(to_mine(matching.clone()));
        finds(&bootstrap, Severity::Error, &at, "an earlier route takes these paths");
        let hint = around(&bootstrap).remove(0).problem.hint;
        assert!(hint.contains("with the client's key"), "{matching}: {hint}");
    }
}

#[test]
fn an_answer_of_envoys_own_gets_no_key() {
    let bootstrap = behind(json!({ "match": { "prefix": "/" }, "redirect": {} }));
    let at = format!("{HOSTS}[0].routes[0].match");
    finds(&bootstrap, Severity::Error, &at, "takes these paths");
    assert!(!said(&around(&bootstrap)).contains("client's key"));
}

#[test]
fn a_route_that_takes_some_of_the_paths_is_a_warning() {
    let at = format!("{HOSTS}[0].routes[0].match");
    for (matching, example) in [
        (json!({ "prefix": "/openai/deployments" }), "/openai/deployments/gpt-4o/"),
        (json!({ "path": "/openai/models" }), "/openai/models"),
        (json!({ "safe_regex": { "regex": "/openai/v1/.*" } }), "/openai/v1/chat/completions"),
    ] {
        finds(&behind(to_mine(matching)), Severity::Warning, &at, example);
    }
}

#[test]
fn a_route_that_asks_for_more_than_a_path_is_a_note() {
    let canary =
        json!({ "prefix": "/", "headers": [{ "name": "x-canary", "present_match": true }] });
    let at = format!("{HOSTS}[0].routes[0].match");
    finds(&behind(to_mine(canary)), Severity::Note, &at, "takes some requests for these paths");
}

#[test]
fn a_route_for_other_paths_is_nobodys_business() {
    for matching in [
        json!({ "prefix": "/health" }),
        json!({ "path": "/openai" }),
        json!({ "path_separated_prefix": "/open" }),
        json!({ "prefix": "/OpenAI" }),
        json!({ "safe_regex": { "regex": "/openai" } }),
    ] {
        assert_eq!(said(&around(&behind(to_mine(matching)))), "");
    }
    // Behind Spillway's, even a route for all paths is fine; and Spillway's own may be several.
    let mut twice = pasted("1.40.0");
    let first = routes(&mut twice, 0)[0].clone();
    routes(&mut twice, 0).insert(0, first);
    assert_eq!(said(&around(&twice)), "");
}

#[test]
fn a_virtual_host_for_a_name_of_its_own_is_a_note() {
    let with = |domain: &str, routes: Vec<Value>| {
        let mut bootstrap = pasted("1.40.0");
        let hosts = bootstrap.pointer_mut(&pointer(&steps(HOSTS))).unwrap().as_array_mut().unwrap();
        hosts.insert(0, json!({ "name": "other", "domains": [domain], "routes": routes }));
        bootstrap
    };
    let other = with("other.example.com", vec![to_mine(json!({ "prefix": "/" }))]);
    let at = format!("{HOSTS}[0].routes[0].match");
    finds(&other, Severity::Note, &at, "for `other.example.com`");
    let elsewhere = with("other.example.com", vec![to_mine(json!({ "prefix": "/shop" }))]);
    assert_eq!(said(&around(&elsewhere)), "");
}
