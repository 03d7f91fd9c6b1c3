//! Finds API Management's backends in what Azure writes.
//!
//! Two families of shapes: what is deployed, as the REST API lists it (`{ "value": [ … ] }`, one
//! object, or the plain list of `az apim backend list`, which may have `properties` flattened into
//! the object), and ARM templates, exported or compiled from Bicep (`{ "resources": … }`).

use serde_json::{Map, Value};

use super::fields::last_part;
use super::report::Report;
use super::template;
use spillway::config::{Problem, path};

/// One backend of API Management, single or pool, as it stands in the file.
#[derive(Debug)]
pub(super) struct Resource {
    /// Where it stands.
    pub(super) path: String,
    /// Where its properties stand.
    pub(super) properties_path: String,
    /// Its name, without its service's.
    pub(super) name: String,
    /// Its properties, with expressions worked out.
    pub(super) properties: Value,
}

/// The backends in the file, or why there are none.
pub(super) fn backends(
    file: &Value,
    report: &mut Report,
    problems: &mut Vec<Problem>,
) -> Vec<Resource> {
    let found = match file {
        Value::Object(map) if map.contains_key("resources") || map.contains_key("template") => {
            template::backends(map, report, problems)
        }
        Value::Object(map) if map.get("value").is_some_and(Value::is_array) => {
            if map.get("nextLink").is_some_and(|link| !link.is_null() && link != "") {
                let hint = "get the other pages too, and put all backends into one `value`";
                problems.push(Problem::new("nextLink", "the list goes on on another page", hint));
            }
            for (key, value) in map {
                if !["value", "count", "nextLink", "id", "name", "type"].contains(&key.as_str())
                    && !value.is_null()
                {
                    report.without(&path::key("", key), NOT_KNOWN, "");
                }
            }
            list(map.get("value"), "value", report, problems)
        }
        Value::Object(map) => listed(map, "", report, problems).into_iter().collect(),
        Value::Array(_) => list(Some(file), "", report, problems),
        _ => Vec::new(),
    };
    if found.is_empty() && problems.is_empty() {
        let hint =
            "give it the list that `az rest --method get` prints of …/backends, or an ARM template";
        problems.push(Problem::new("", "no backends of API Management in it", hint));
    }
    found
}

fn list(
    items: Option<&Value>,
    place: &str,
    report: &mut Report,
    problems: &mut Vec<Problem>,
) -> Vec<Resource> {
    let items = items.and_then(Value::as_array).into_iter().flatten().enumerate();
    items
        .filter_map(|(at, item)| {
            let place = path::index(place, at);
            match item {
                Value::Object(map) => listed(map, &place, report, problems),
                _ => {
                    let message = "expected a backend, found something that is no object";
                    problems.push(Problem::new(place, message, ""));
                    None
                }
            }
        })
        .collect()
}

/// A backend as the REST API shows it. Anything else is said and left out.
fn listed(
    map: &Map<String, Value>,
    place: &str,
    report: &mut Report,
    problems: &mut Vec<Problem>,
) -> Option<Resource> {
    let text = |key: &str| map.get(key).and_then(Value::as_str);
    let kind = text("type").filter(|kind| kind.contains('/'));
    let nested = map.get("properties").and_then(Value::as_object);
    let describes = |map: &Map<String, Value>| map.contains_key("url") || map.contains_key("pool");
    let is_one = match (kind, text("id")) {
        (Some(kind), _) => is_backend(kind),
        (None, Some(id)) => id.to_ascii_lowercase().contains("/backends/"),
        (None, None) => nested.is_some_and(describes) || describes(map),
    };
    if !is_one {
        report.unread(place, kind.unwrap_or_default());
        return None;
    }
    let name = text("name").and_then(last_part).or_else(|| text("id").and_then(last_part));
    let Some(name) = name else {
        problems.push(Problem::new(place, "the backend has no name", "add its `name`"));
        return None;
    };
    let (properties, properties_path) = match nested {
        Some(nested) if describes(nested) || !describes(map) => {
            for (key, value) in map {
                if !ENVELOPE.contains(&key.as_str()) && !value.is_null() {
                    report.without(&path::key(place, key), NOT_KNOWN, "");
                }
            }
            (nested.clone(), path::key(place, "properties"))
        }
        _ => {
            let mut flat = map.clone();
            for key in ENVELOPE.iter().filter(|key| **key != "properties" && **key != "type") {
                flat.remove(*key);
            }
            if kind.is_some() {
                flat.remove("type");
            }
            (flat, place.to_owned())
        }
    };
    Some(Resource {
        path: place.to_owned(),
        properties_path,
        name: name.to_owned(),
        properties: Value::Object(properties),
    })
}

/// Whether this kind of resource is a backend of a service or of one of its workspaces.
pub(super) fn is_backend(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    kind.starts_with("microsoft.apimanagement/service/") && kind.ends_with("/backends")
}

/// What is said of a field that this command does not know.
pub(super) const NOT_KNOWN: &str = "not known to this command, not taken over";

/// What stands around the properties and says nothing about the backend.
const ENVELOPE: [&str; 7] =
    ["id", "name", "type", "properties", "etag", "resourceGroup", "systemData"];
