//! Finds backends in an ARM template: exported by the portal or `az group export`, or compiled from
//! Bicep.
//!
//! Backends may stand below their service, in a deployment inside the deployment (a Bicep module),
//! in a `copy` loop, or under a symbolic name. What is worth knowing about the format:
//! <https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax>.

use serde_json::{Map, Value};

use super::expression::{Evaluator, MOST_COPIES, Scope, has_hole};
use super::fields::{last_part, not_in_the_file};
use super::input::{NOT_KNOWN, Resource, is_backend};
use super::report::Report;
use spillway::config::{Problem, path};

/// The backends of the template.
pub(super) fn backends(
    map: &Map<String, Value>,
    report: &mut Report,
    problems: &mut Vec<Problem>,
) -> Vec<Resource> {
    // The answer of an export has the template one level down.
    let (map, place) = match map.get("template").and_then(Value::as_object) {
        Some(template) => (template, "template".to_owned()),
        None => (map, String::new()),
    };
    let mut walk = Walk { found: Vec::new(), report, problems };
    walk.template(map, &place, Map::new());
    walk.found
}

struct Walk<'w> {
    found: Vec<Resource>,
    report: &'w mut Report,
    problems: &'w mut Vec<Problem>,
}

impl Walk<'_> {
    /// A template with the values that its parameters are given.
    fn template(&mut self, map: &Map<String, Value>, place: &str, given: Map<String, Value>) {
        let scope = Scope {
            parameters: map.get("parameters").and_then(Value::as_object),
            given,
            variables: map.get("variables").and_then(Value::as_object),
            loops: Vec::new(),
        };
        self.resources(map, place, "", &scope);
    }

    /// The resources of a template or below another resource: a list, or an object by symbolic name.
    fn resources(
        &mut self,
        map: &Map<String, Value>,
        place: &str,
        parent: &str,
        scope: &Scope<'_>,
    ) {
        let place = path::key(place, "resources");
        match map.get("resources") {
            Some(Value::Array(items)) => {
                for (at, item) in items.iter().enumerate() {
                    self.copies(item, &path::index(&place, at), parent, scope);
                }
            }
            Some(Value::Object(items)) => {
                for (name, item) in items {
                    self.copies(item, &path::key(&place, name), parent, scope);
                }
            }
            _ => {}
        }
    }

    /// A resource as often as its `copy` says.
    fn copies(&mut self, item: &Value, place: &str, parent: &str, scope: &Scope<'_>) {
        let Some(map) = item.as_object() else { return };
        let Some(copy) = map.get("copy") else {
            self.resource(map, place, parent, scope);
            return;
        };
        let name = copy.get("name").and_then(Value::as_str).unwrap_or_default();
        let count = copy.get("count").map(|count| Evaluator::new(scope).resolve(count, &[]));
        let Some(count) = count.as_ref().and_then(Value::as_u64) else {
            if self.leads_to_backends(map, parent) {
                self.problems.push(not_in_the_file(&path::key(&path::key(place, "copy"), "count")));
            }
            return;
        };
        if count > MOST_COPIES {
            let message = format!("more than {MOST_COPIES} copies");
            let hint = "list what is deployed: docs/import-apim.md has the command";
            self.problems.push(Problem::new(path::key(place, "copy"), message, hint));
            return;
        }
        for at in 0..count {
            let mut scope = scope.clone();
            scope.loops.push((name.to_owned(), usize::try_from(at).unwrap_or(0)));
            self.resource(map, place, parent, &scope);
        }
    }

    fn leads_to_backends(&self, map: &Map<String, Value>, parent: &str) -> bool {
        let kind = kind(map, parent);
        is_backend(&kind) || kind.eq_ignore_ascii_case(DEPLOYMENT)
    }

    fn resource(&mut self, map: &Map<String, Value>, place: &str, parent: &str, scope: &Scope<'_>) {
        if map.get("existing") == Some(&Value::Bool(true)) {
            return;
        }
        let kind = kind(map, parent);
        let evaluator = Evaluator::new(scope);
        if let Some(condition) = map.get("condition").map(|value| evaluator.resolve(value, &[])) {
            let place = path::key(place, "condition");
            match condition {
                Value::Bool(true) => {}
                Value::Bool(false) => {
                    self.report.without(
                        &place,
                        "it is false: what it stands at is not deployed",
                        "",
                    );
                    return;
                }
                _ if self.leads_to_backends(map, parent) => {
                    let message = "not known from the file alone: taken as true";
                    self.report.differs(&place, message, "");
                }
                _ => {}
            }
        }
        if is_backend(&kind) {
            self.backend(map, place, &evaluator);
        } else if kind.eq_ignore_ascii_case(DEPLOYMENT) {
            self.deployment(map, place, &evaluator);
        } else {
            self.report.unread(place, &kind);
            self.resources(map, place, &kind, scope);
        }
    }

    fn backend(&mut self, map: &Map<String, Value>, place: &str, evaluator: &Evaluator<'_>) {
        let name = map.get("name").map(|name| evaluator.resolve(name, &[]));
        let Some(name) = name.as_ref().and_then(Value::as_str).and_then(last_part) else {
            self.problems.push(not_in_the_file(&path::key(place, "name")));
            return;
        };
        let properties_path = path::key(place, "properties");
        let properties = map.get("properties").map(|value| evaluator.resolve(value, &SECRETS));
        if properties.as_ref().and_then(Value::as_str).is_some_and(has_hole) {
            self.problems.push(not_in_the_file(&properties_path));
            return;
        }
        for (key, value) in map {
            if !ENVELOPE.contains(&key.as_str()) && !value.is_null() {
                self.report.without(&path::key(place, key), NOT_KNOWN, "");
            }
        }
        self.found.push(Resource {
            path: place.to_owned(),
            properties_path,
            name: name.to_owned(),
            properties: properties.unwrap_or_default(),
        });
    }

    /// A deployment inside the deployment, with what it gives to its parameters.
    fn deployment(&mut self, map: &Map<String, Value>, place: &str, evaluator: &Evaluator<'_>) {
        let properties = map.get("properties").and_then(Value::as_object);
        let Some(template) = properties.and_then(|map| map.get("template")) else { return };
        let Some(template) = template.as_object() else { return };
        let values = properties.and_then(|map| map.get("parameters")).and_then(Value::as_object);
        let given = values.into_iter().flatten().filter_map(|(name, value)| {
            Some((name.clone(), evaluator.resolve(value.get("value")?, &[])))
        });
        let place = path::key(&path::key(place, "properties"), "template");
        self.template(template, &place, given.collect());
    }
}

/// The whole kind: a resource below another has the rest of its parent's only.
fn kind(map: &Map<String, Value>, parent: &str) -> String {
    let kind = map.get("type").and_then(Value::as_str).unwrap_or_default();
    // Symbolic names come with the version behind the kind.
    let kind = kind.split('@').next().unwrap_or(kind);
    if parent.is_empty() || kind.to_ascii_lowercase().starts_with("microsoft.") {
        kind.to_owned()
    } else {
        format!("{parent}/{kind}")
    }
}

const DEPLOYMENT: &str = "Microsoft.Resources/deployments";

/// Expressions below these are not worked out: what comes of them is a key.
const SECRETS: [&str; 2] = ["credentials", "proxy"];

/// What stands around the properties and says nothing about the backend.
const ENVELOPE: [&str; 11] = [
    "type",
    "apiVersion",
    "name",
    "properties",
    "dependsOn",
    "condition",
    "copy",
    "comments",
    "scope",
    "metadata",
    "parent",
];
