//! The table of reasons is complete, and says nothing of what is not rendered.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::envoy::reasons::{Row, Rule};

#[test]
fn every_rendered_field_has_a_reason_and_every_reason_a_field() {
    let mut bootstraps: Vec<Value> =
        VERSIONS.iter().map(|version| rendered(&everything(), version)).collect();
    bootstraps.push(pasted("1.40.0"));
    let mut used = BTreeSet::new();
    let mut without = BTreeSet::new();
    for bootstrap in &bootstraps {
        let view = BootstrapView::of(bootstrap);
        let mut parts = view.parts();
        parts.sort_by_key(|(_, at)| std::cmp::Reverse(at.path.len()));
        let mut leaves = Vec::new();
        leaves_of("", bootstrap, &mut leaves);
        for leaf in leaves {
            let inside = |path: &str| {
                leaf.strip_prefix(path).filter(|rest| path.is_empty() || rest.starts_with('.'))
            };
            let Some((part, rest)) =
                parts.iter().find_map(|(part, at)| Some((*part, inside(&at.path)?)))
            else {
                continue;
            };
            // The pieces' route says itself what the rendered virtual host says.
            let field = general(rest.trim_start_matches('.'));
            let at_route = field.strip_prefix("routes[].").filter(|own| !own.starts_with("route."));
            let at_route =
                at_route.filter(|own| own.starts_with("request") || own.starts_with("response"));
            let field = at_route.map_or_else(|| field.clone(), str::to_owned);
            let covers = |row: &&Row| {
                let own = general(row.field);
                field == own
                    || field.strip_prefix(own.as_str()).is_some_and(|r| r.starts_with(['.', '[']))
            };
            match part.rows().iter().filter(covers).max_by_key(|row| row.field.len()) {
                Some(row) => drop(used.insert((part, general(row.field)))),
                None => drop(without.insert(format!("{}: {field}", part.title()))),
            }
        }
    }
    // The reader's own route.
    without.remove("The virtual host: routes[].route.cluster");
    assert!(
        without.is_empty(),
        "these fields are rendered without a reason; give each a row in command/src/envoy/reasons/:\n{}",
        without.into_iter().collect::<Vec<_>>().join("\n")
    );
    for part in Part::ALL {
        for row in part.rows().iter().filter(|row| row.rule != Rule::Absent) {
            let has = bootstraps.iter().any(|bootstrap| {
                let parts = BootstrapView::of(bootstrap).parts();
                parts.iter().any(|(own, at)| *own == part && at.below(row.field).is_some())
            });
            let has = has || used.contains(&(part, row.field.to_owned()));
            assert!(has, "no field for the reason of {part:?} {}: remove the row", row.field);
        }
    }
}

/// The paths of everything that is no list and no object; what only names a type is left out.
fn leaves_of(path: &str, value: &Value, leaves: &mut Vec<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let extension = fields.contains_key("typed_config");
            for (key, value) in fields {
                if key != "@type" && !(extension && key == "name") {
                    leaves_of(&spillway::config::path::key(path, key), value, leaves);
                }
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (i, item) in items.iter().enumerate() {
                leaves_of(&spillway::config::path::index(path, i), item, leaves);
            }
        }
        _ => leaves.push(path.to_owned()),
    }
}

/// A field whichever item of a list it stands in.
fn general(field: &str) -> String {
    let mut parts = field.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| format!("{all}[]{}", part.split_once(']').unwrap().1))
}
