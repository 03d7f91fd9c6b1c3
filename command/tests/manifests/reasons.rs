//! Every rendered field has a reason in `docs/rendered`, and no reason is without its field.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::rendered;

#[test]
fn every_field_for_kubernetes_has_its_reason() {
    let fields = rendered::kubernetes().iter().flat_map(fields).collect();
    compare("docs/rendered/kubernetes.md", &fields);
}

#[test]
fn every_field_for_istio_has_its_reason() {
    let mut all = BTreeSet::new();
    for version in ["1.28", "1.31"] {
        for place in [
            &rendered::INGRESS[..],
            &rendered::INGRESS_THAT_FETCHES,
            &rendered::GATEWAY_API,
            &rendered::SIDECAR,
        ] {
            all.extend(rendered::istio(version, place).iter().flat_map(fields));
            let patch = rendered::istio(version, &[place, &["--proxy-patch"]].concat());
            all.extend(patch.iter().flat_map(fields));
        }
    }
    compare("docs/rendered/istio.md", &all);
}

fn compare(file: &str, fields: &BTreeSet<String>) {
    let text = fs::read_to_string(format!("../{file}")).unwrap_or_default();
    let mut with_reason = BTreeSet::new();
    let mut kind = "";
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            kind = heading.trim();
        }
        let cells: Vec<&str> =
            line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        let [field, reason] = cells.as_slice() else { continue };
        let Some(field) = field.strip_prefix('`').and_then(|field| field.strip_suffix('`')) else {
            continue;
        };
        assert!(reason.len() > 10, "{file}: {kind} {field} has no reason");
        assert!(
            with_reason.insert(format!("{kind} {field}")),
            "{file}: {kind} {field} stands twice"
        );
    }
    let is_in = |row: &str, field: &str| match row.strip_prefix("Every object ") {
        Some(path) => field.split_once(' ').is_some_and(|(_, own)| own == path),
        None => row == field,
    };
    let has_row = |field: &str| with_reason.iter().any(|row| is_in(row, field));
    let missing: Vec<&String> = fields.iter().filter(|field| !has_row(field)).collect();
    assert!(missing.is_empty(), "{file} has no row for {missing:#?}");
    let has_field = |row: &str| fields.iter().any(|field| is_in(row, field));
    let idle: Vec<&String> = with_reason.iter().filter(|row| !has_field(row)).collect();
    assert!(idle.is_empty(), "{file} has rows without a field: {idle:#?}");
}

/// The paths of a resource's leaves behind its kind, without what is the user's own: names of
/// backends, of labels and of data. What an `EnvoyFilter` patches ends in `value`: those are Envoy's messages.
fn fields(resource: &Value) -> BTreeSet<String> {
    let kind = resource["kind"].as_str().unwrap_or("Patch");
    let mut paths = BTreeSet::new();
    walk(resource, "", &mut paths);
    paths.into_iter().map(|path| format!("{kind} {path}")).collect()
}

fn walk(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
    let opaque = [".patch.value", "abels", ".data", ".selector"];
    match value {
        Value::Object(fields) if !opaque.iter().any(|end| path.ends_with(end)) => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                let is_of_backend = name.starts_with("keys.spillway/");
                let name = if is_of_backend { "keys.spillway/NAME" } else { name };
                walk(value, &format!("{path}{dot}{name}"), paths);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().for_each(|item| walk(item, &format!("{path}[]"), paths));
        }
        _ => drop(paths.insert(path.to_owned())),
    }
}
