//! Holds a part of a bootstrap against what would be rendered there, row by row.

use std::collections::BTreeSet;

use serde_json::Value;

use super::at::At;
use crate::envoy::reasons::{Part, Row, Rule};
use crate::lint::Finding;
use spillway::config::{Problem, quoted};

/// Where the fields of a part stand: most often in one message, sometimes also in those around it,
/// of which the first that says something holds.
pub(super) type Places<'a> = [At<'a>];

/// The same for a part that is one message.
pub(super) fn one(name: Part, rendered: &At<'_>, actual: &At<'_>) -> Vec<Finding> {
    part(name, std::slice::from_ref(rendered), std::slice::from_ref(actual))
}

/// What differs, for the worse, from what would be rendered.
pub(super) fn part(part: Part, rendered: &Places<'_>, actual: &Places<'_>) -> Vec<Finding> {
    part.rows().iter().filter_map(|row| look(row, rendered, actual)).collect()
}

fn look(row: &Row, rendered: &Places<'_>, actual: &Places<'_>) -> Option<Finding> {
    let first = actual.first()?;
    let unless = |other: &&str| actual.iter().any(|at| at.below(other).is_some());
    if row.rule == Rule::Yours || row.field.contains("[]") || row.unless.iter().any(unless) {
        return None;
    }
    let found = actual.iter().find_map(|at| at.below(row.field));
    let default: Option<Value> = serde_json::from_str(row.default).ok();
    let wanted = rendered.iter().find_map(|at| at.below(row.field));
    let wanted = wanted.map(|at| at.value).or(default.as_ref());
    let wrong = if row.rule == Rule::Holds {
        holds(row, rendered, actual)
    } else {
        let is = found.as_ref().map(|at| at.value).or(default.as_ref());
        wrong(row.rule, wanted, is).map(|expected| match (&found, is) {
            (Some(at), _) => format!("is {}{expected}", shown(at.value)),
            (None, Some(default)) => format!("is not set, which is {}{expected}", shown(default)),
            (None, None) => format!("is not set{expected}"),
        })
    };
    let path = found.map_or_else(|| first.path_of(row.field), |at| at.path);
    let problem = Problem::new(path, wrong?, row.why);
    Some(Finding { severity: row.severity, problem })
}

/// What was expected, where that is not what is there.
fn wrong(rule: Rule, wanted: Option<&Value>, is: Option<&Value>) -> Option<String> {
    let number = |value: Option<&Value>| value.and_then(number);
    let (least, has) = (number(wanted), number(is));
    let than = |words: &str, fine: bool| {
        let wanted = wanted.map(shown).unwrap_or_default();
        (!fine).then(|| format!("; expected {wanted}{words}"))
    };
    match rule {
        // Where nothing would be rendered, whatever is there is fine.
        Rule::Same | Rule::AtLeast | Rule::AtMost | Rule::NoSooner | Rule::There
            if wanted.is_none() =>
        {
            None
        }
        Rule::There => is.is_none().then(String::new),
        Rule::Same => than("", is.is_some_and(|is| wanted.is_some_and(|wanted| same(wanted, is)))),
        Rule::SameSet => (words(wanted) != words(is)).then(|| match wanted {
            Some(wanted) => format!("; expected {}", shown(wanted)),
            None => "; expected nothing".to_owned(),
        }),
        Rule::AtLeast => than(" or more", has >= least),
        Rule::AtMost => than(" or less", has.is_some() && has <= least),
        Rule::NoSooner => than(
            " or more, or `0s` for no limit",
            has == Some(0.0) || (least != Some(0.0) && has >= least),
        ),
        Rule::NoLess(least) => {
            (has < Some(f64::from(least))).then(|| format!("; expected `{least}` or more"))
        }
        Rule::Absent => is.is_some().then(|| "; expected nothing".to_owned()),
        Rule::Holds | Rule::Yours => None,
    }
}

/// Entries may stand in any of the places, and count together.
fn holds(row: &Row, rendered: &Places<'_>, actual: &Places<'_>) -> Option<String> {
    let all = |places: &Places<'_>| -> Vec<Value> {
        let lists = places.iter().filter_map(|at| at.below(row.field));
        lists.flat_map(|list| list.items()).map(|item| item.value.clone()).collect()
    };
    let has = all(actual);
    let missing: Vec<String> = all(rendered)
        .into_iter()
        .filter(|wanted| !has.iter().any(|is| same(wanted, is) || same_header(wanted, is)))
        .map(|wanted| shown(wanted.get("name").unwrap_or(&wanted)))
        .collect();
    (!missing.is_empty()).then(|| format!("lacks {}", missing.join(", ")))
}

/// The same in another spelling is the same: `0s` and `0.000s`, `1` and `"1"`.
fn same(a: &Value, b: &Value) -> bool {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// A header that only must be there may be asked for in two ways.
fn same_header(a: &Value, b: &Value) -> bool {
    let presence = |value: &Value| {
        let fields = value.as_object()?;
        let plain = fields.iter().all(|(key, value)| match key.as_str() {
            "name" => true,
            "present_match" | "presentMatch" => value == true,
            _ => false,
        });
        fields.get("name").filter(|_| plain)?.as_str().map(str::to_ascii_lowercase)
    };
    presence(a).is_some() && presence(a) == presence(b)
}

/// A number, or a time in seconds.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.strip_suffix('s').unwrap_or(text).parse().ok(),
        other => other.as_f64(),
    }
}

/// A list's entries or the words between commas, without order.
fn words(value: Option<&Value>) -> BTreeSet<String> {
    match value {
        Some(Value::Array(items)) => items.iter().map(Value::to_string).collect(),
        Some(Value::String(text)) => text.split(',').map(|word| word.trim().to_owned()).collect(),
        _ => BTreeSet::new(),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        other => quoted(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn another_spelling_is_the_same() {
        assert!(same(&json!("0.000s"), &json!("0s")));
        assert!(same(&json!(1), &json!("1")));
        assert!(!same(&json!("a"), &json!("b")));
    }

    #[test]
    fn no_limit_is_no_sooner_than_any() {
        let wrong =
            |wanted: &str, is: &str| wrong(Rule::NoSooner, Some(&json!(wanted)), Some(&json!(is)));
        assert_eq!(wrong("600s", "0s"), None);
        assert_eq!(wrong("600s", "601s"), None);
        assert!(wrong("600s", "300s").is_some());
        assert!(wrong("0s", "300s").is_some());
    }

    #[test]
    fn words_have_no_order() {
        assert_eq!(words(Some(&json!("a,b"))), words(Some(&json!("b, a"))));
        assert_ne!(words(Some(&json!("a"))), words(None));
    }
}
