//! What has changed between two files, in a few words.

use serde_json::{Map, Value};

use crate::cli::file::count;

/// The difference, such as `2 backends added, 1 removed; 1 model changed`. `None`: there is none.
pub(super) fn between(before: &Value, after: &Value) -> Option<String> {
    let mut said: Vec<String> = ["backends", "models"]
        .into_iter()
        .filter_map(|key| {
            things(key.trim_end_matches('s'), &named(before, key), &named(after, key))
        })
        .collect();
    said.extend(things("client", &clients(before), &clients(after)));
    let open = (before.get("clients").is_some(), after.get("clients").is_some());
    match open {
        (true, false) => said.push("open to everyone".to_owned()),
        (false, true) => said.push("closed to others".to_owned()),
        _ => {}
    }
    if rest(before) != rest(after) {
        said.push("settings changed".to_owned());
    }
    if said.is_empty() && before != after {
        said.push("order changed".to_owned());
    }
    (!said.is_empty()).then(|| said.join("; "))
}

fn things(what: &str, before: &Map<String, Value>, after: &Map<String, Value>) -> Option<String> {
    let added = after.keys().filter(|name| !before.contains_key(*name)).count();
    let removed = before.keys().filter(|name| !after.contains_key(*name)).count();
    let changed =
        after.iter().filter(|(name, it)| before.get(*name).is_some_and(|old| old != *it)).count();
    let mut said: Vec<String> = Vec::new();
    for (number, how) in [(added, "added"), (removed, "removed"), (changed, "changed")] {
        if number > 0 {
            // The thing is named once.
            let number = if said.is_empty() { count(number, what) } else { number.to_string() };
            said.push(format!("{number} {how}"));
        }
    }
    (!said.is_empty()).then(|| said.join(", "))
}

fn named(file: &Value, key: &str) -> Map<String, Value> {
    file.get(key).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn clients(file: &Value) -> Map<String, Value> {
    let all = file.get("clients").and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|client| Some((client.get("name")?.as_str()?.to_owned(), client.clone())))
        .collect()
}

fn rest(file: &Value) -> Map<String, Value> {
    let all = file.as_object().cloned().unwrap_or_default();
    all.into_iter()
        .filter(|(key, _)| !["backends", "models", "clients"].contains(&key.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(before: Value, after: Value) -> String {
        between(&before, &after).unwrap_or_default()
    }

    #[test]
    fn each_kind_is_counted() {
        let before = json!({
            "backends": { "a": { "url": "http://a" }, "b": { "url": "http://b" } },
            "models": { "m": { "pool": ["a", "b"] } },
            "clients": [{ "name": "x", "key": "${X}" }],
        });
        let after = json!({
            "backends": { "a": { "url": "http://z" }, "c": {}, "d": {} },
            "models": { "m": { "pool": ["a"] } },
            "clients": [{ "name": "y", "key": "${Y}" }],
            "timeouts": {},
        });
        assert_eq!(
            said(before, after),
            "2 backends added, 1 removed, 1 changed; 1 model changed; \
             1 client added, 1 removed; settings changed"
        );
    }

    #[test]
    fn a_door_that_opens_is_said() {
        let clients = json!({ "clients": [{ "name": "x", "key": "${X}" }] });
        assert_eq!(said(clients.clone(), json!({})), "1 client removed; open to everyone");
        assert_eq!(said(json!({}), clients), "1 client added; closed to others");
    }

    #[test]
    fn nothing_is_nothing_and_order_is_order() {
        let one = json!({ "clients": [{ "name": "x" }, { "name": "y" }] });
        assert_eq!(between(&one, &one), None);
        let other = json!({ "clients": [{ "name": "y" }, { "name": "x" }] });
        assert_eq!(said(one, other), "order changed");
    }
}
