//! Keys that are written into the bootstrap.
//!
//! Envoy's secrets are redacted in `/config_dump`, and what it reads from its environment or from
//! files stands in no file that is checked in. A key in the bootstrap itself is neither.

use super::at::At;
use super::bootstrap_view::BootstrapView;
use super::{Finding, warning};

/// All of them; their values are never shown.
pub(super) fn look(view: &BootstrapView<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for secret in &view.secrets {
        for field in ["inline_string", "inline_bytes"] {
            found.extend(
                secret.below(&format!("generic_secret.secret.{field}")).map(|at| clear(&at)),
            );
        }
    }
    found.extend(variables(view));
    for cluster in &view.clusters {
        headers(&cluster.at, &mut found);
    }
    for route in view.listeners.iter().flat_map(|listener| &listener.routes) {
        let places = [&route.entry, &route.host];
        let lists = places.iter().filter_map(|at| at.field("request_headers_to_add"));
        lists.for_each(|list| headers(&list, &mut found));
    }
    found
}

/// Variables that spillway.yaml takes keys from, written out for the filter.
fn variables(view: &BootstrapView<'_>) -> Vec<Finding> {
    let files = view.module_filters().filter_map(|plugin| plugin.said.get("config"));
    let files: Vec<String> = files.map(ToString::to_string).collect();
    let is_key = |name: &str| files.iter().any(|file| file.contains(&format!("${{{name}}}")));
    let given = view
        .plugins()
        .filter_map(|plugin| plugin.config.below("vm_config.environment_variables.key_values"));
    given
        .flat_map(|given| {
            let names = given.value.as_object().into_iter().flat_map(serde_json::Map::keys);
            let keys = names.filter(|name| is_key(name)).filter_map(|name| given.field(name));
            keys.map(|key| clear(&key)).collect::<Vec<_>>()
        })
        .collect()
}

/// Headers that are set to a fixed value.
fn headers(at: &At<'_>, found: &mut Vec<Finding>) {
    if let (Some(name), Some(value)) = (at.text_in("key"), at.text_in("value")) {
        let credential = KEYS.iter().any(|key| key.eq_ignore_ascii_case(name));
        // `%…%` is taken from somewhere else.
        if credential && !value.contains('%') {
            found.extend(at.field("value").map(|value| clear(&value)));
        }
    }
    for item in at.items() {
        headers(&item, found);
    }
    let fields = at.value.as_object().into_iter().flat_map(serde_json::Map::keys);
    for field in fields.filter_map(|key| at.field(key)) {
        headers(&field, found);
    }
}

fn clear(at: &At<'_>) -> Finding {
    warning(
        &at.path,
        "a key is written in the clear",
        "name an `environment_variable` or a `filename` in a secret, as `spillway render envoy` does",
    )
}

const KEYS: [&str; 3] = ["api-key", "authorization", "x-api-key"];
