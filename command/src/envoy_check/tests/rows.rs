//! For every row of the table of reasons: what is changed or taken away is found, and nothing else.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::at::At;
use super::*;
use crate::cli::places::Places;
use crate::envoy::reasons::{Row, Rule};

#[test]
fn whatever_is_changed_or_taken_away_is_the_one_thing_that_is_found() {
    let mut proven = BTreeSet::new();
    // Between them, everything that is ever rendered.
    for version in ["1.36.4", "1.40.0"] {
        let right = rendered(&everything(), version);
        for (part, at) in BootstrapView::of(&right).parts() {
            for row in part.rows() {
                for wrong in mutations(&right, part, &at, row) {
                    let found = around_for(&wrong.bootstrap, Some(version));
                    let case = format!("{version} {part:?} {} {}", row.field, wrong.what);
                    assert_eq!(found.len(), 1, "{case}\n{}", said(&found));
                    assert_eq!(found[0].severity, row.severity, "{case}");
                    stands_at(&wrong.bootstrap, &found[0].problem.path, &wrong.path, &case);
                    proven.insert((part, row.field));
                }
            }
        }
    }
    let all = Part::ALL.into_iter().flat_map(|part| part.rows().iter().map(move |row| (part, row)));
    for (part, row) in all.filter(|(_, row)| row.rule != Rule::Yours) {
        assert!(proven.contains(&(part, row.field)), "no mutation of {part:?} {}", row.field);
    }
}

/// The finding leads to the field, or where that is missing, to the nearest thing around it.
fn stands_at(bootstrap: &Value, path: &str, wanted: &str, case: &str) {
    assert_eq!(path, wanted, "{case}");
    let text = serde_saphyr::to_string(bootstrap).unwrap();
    let place = Places::of(&text).find(path).unwrap();
    let mut steps = steps(path);
    while bootstrap.pointer(&pointer(&steps)).is_none() {
        steps.pop();
    }
    let line = text.lines().nth(place.line as usize - 1).unwrap_or_default();
    let here: String = line.chars().skip(place.column as usize - 1).collect();
    match steps.last() {
        Some(key) if key.parse::<usize>().is_err() => {
            let here = here.trim_start_matches('"');
            assert!(here.starts_with(key.as_str()), "{case}: {path} is not at {line}");
        }
        _ => {}
    }
}

struct Wrong {
    what: &'static str,
    bootstrap: Value,
    path: String,
}

fn mutations(right: &Value, name: Part, part: &At<'_>, row: &Row) -> Vec<Wrong> {
    let field = part.below(row.field);
    let path = field.as_ref().map_or_else(|| part.path_of(row.field), |at| at.path.clone());
    let change = |what, value: Option<Value>| {
        let mut bootstrap = right.clone();
        set(&mut bootstrap, &steps(&path), value);
        // What is missing is missing where the field would be looked for first.
        let view = BootstrapView::of(&bootstrap);
        let missing = || {
            let host = view.listeners[0].routes.iter().find(|route| route.host.path == part.path);
            let first = host.map_or_else(
                || At {
                    path: part.path.clone(),
                    value: bootstrap.pointer(&pointer(&steps(&part.path))).unwrap(),
                },
                |route| route.entry.clone(),
            );
            first.path_of(row.field)
        };
        let found = bootstrap.pointer(&pointer(&steps(&path))).is_some();
        let shared = path.contains("vm_config") && name == Part::Filter;
        let (vm, path) = (shared, if found { path.clone() } else { missing() });
        // One filter with another VM is the odd one.
        let vm = vm.then(|| format!("{}.vm_config", part.path));
        Wrong { what, path: vm.unwrap_or(path), bootstrap }
    };
    if row.rule == Rule::Absent {
        return vec![change("added", Some(json!({ "x": 1 })))];
    }
    // What is not rendered here, for this version or backend, is not asked for.
    let (Some(field), false) = (field, row.rule == Rule::Yours) else { return Vec::new() };
    let default: Option<Value> = serde_json::from_str(row.default).ok();
    let mut all = Vec::new();
    if default.as_ref() != Some(field.value)
        && !satisfied_by_default(row, field.value, default.as_ref())
    {
        all.push(change("taken away", None));
    }
    let seconds = |change: fn(f64) -> f64| {
        let text = field.value.as_str().map(|text| text.trim_end_matches('s').parse().unwrap());
        match text {
            Some(seconds) => json!(format!("{}s", change(seconds))),
            None => json!(change(field.value.as_f64().unwrap()) as u64),
        }
    };
    let wrong = match row.rule {
        Rule::Same => Some(match field.value {
            Value::Bool(is) => json!(!is),
            Value::String(text) if text.ends_with('s') && text.starts_with(char::is_numeric) => {
                json!("7777s")
            }
            Value::String(_) => json!("OTHER"),
            _ => json!({}),
        }),
        Rule::SameSet => Some(match field.value {
            Value::String(text) => json!(format!("{text},5xx")),
            _ => json!([302]),
        }),
        Rule::Holds => {
            let mut items = field.value.as_array().unwrap().clone();
            items.pop();
            Some(json!(items))
        }
        Rule::AtLeast => {
            Some(seconds(|number| (number / 2.0).floor())).filter(|wrong| wrong != field.value)
        }
        Rule::NoSooner => Some(seconds(|number| number / 2.0)),
        Rule::AtMost => Some(seconds(|number| number * 2.0)),
        Rule::NoLess(least) => Some(json!(least - 1)),
        Rule::There | Rule::Absent | Rule::Yours => None,
    };
    all.extend(wrong.map(|wrong| change("changed", Some(wrong))));
    all
}

fn satisfied_by_default(row: &Row, is: &Value, default: Option<&Value>) -> bool {
    let number = |value: &Value| match value {
        Value::String(text) => text.trim_end_matches('s').parse().unwrap_or_default(),
        other => other.as_f64().unwrap_or_default(),
    };
    default.is_some_and(|default| match row.rule {
        Rule::AtLeast | Rule::NoSooner => number(default) >= number(is),
        Rule::AtMost => number(default) <= number(is),
        Rule::Same => number(default) == number(is) && number(is) > 0.0,
        _ => false,
    })
}
