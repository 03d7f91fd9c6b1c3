//! Expressions of ARM templates: `[concat(parameters('service'), '/eastus')]`.
//!
//! A template says by expressions what a list says outright. Only what the file itself can answer is
//! worked out; the rest, such as `reference(…)` or a parameter without a value, becomes a
//! [`HOLE`] in the text, and whoever needs that text says so. A secure parameter is always one.
//!
//! Functions: <https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions>.

mod functions;
mod parse;

use std::cell::Cell;

use serde_json::{Map, Value};

/// What stands in a text for what the file does not say.
pub(super) const HOLE: char = '\u{fffc}';

/// Whether a part of the text is not known.
pub(super) fn has_hole(text: &str) -> bool {
    text.contains(HOLE)
}

/// What the expressions of one template may refer to.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope<'a> {
    /// The template's own `parameters`.
    pub(super) parameters: Option<&'a Map<String, Value>>,
    /// Values that the deployment around it gives them, worked out.
    pub(super) given: Map<String, Value>,
    /// The template's `variables`.
    pub(super) variables: Option<&'a Map<String, Value>>,
    /// The `copy` loops around this place and where they are, outermost first.
    pub(super) loops: Vec<(String, usize)>,
}

/// Works expressions out, within bounds: a template may refer to itself.
#[derive(Debug)]
pub(super) struct Evaluator<'a> {
    scope: &'a Scope<'a>,
    steps: Cell<u32>,
    depth: Cell<u32>,
}

impl<'a> Evaluator<'a> {
    /// For the expressions of this scope.
    pub(super) fn new(scope: &'a Scope<'a>) -> Self {
        Self { scope, steps: Cell::new(0), depth: Cell::new(0) }
    }

    /// The value with all of its expressions worked out. What stands below `leave` stays as it is:
    /// secrets are not looked at.
    pub(super) fn resolve(&self, value: &Value, leave: &[&str]) -> Value {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter().map(|item| self.resolve(item, leave)).collect(),
            Value::Object(map) => {
                let mut resolved = Map::new();
                for (key, value) in map {
                    if key == "copy" && value.is_array() {
                        resolved.extend(self.copies(value, leave));
                    } else if leave.contains(&key.as_str()) {
                        resolved.insert(key.clone(), value.clone());
                    } else {
                        resolved.insert(key.clone(), self.resolve(value, leave));
                    }
                }
                Value::Object(resolved)
            }
            _ => value.clone(),
        }
    }

    /// The properties that `copy` repeats: `[{ "name", "count", "input" }]`.
    fn copies(&self, copies: &Value, leave: &[&str]) -> Map<String, Value> {
        let mut made = Map::new();
        for copy in copies.as_array().into_iter().flatten() {
            let Some(name) = copy.get("name").and_then(Value::as_str) else { continue };
            let count = copy.get("count").map(|count| self.resolve(count, &[]));
            let value = match (copy.get("input"), count.as_ref().and_then(Value::as_u64)) {
                (Some(input), Some(count)) if count <= MOST_COPIES => (0..count)
                    .filter_map(|at| {
                        let mut scope = self.scope.clone();
                        scope.loops.push((name.to_owned(), usize::try_from(at).ok()?));
                        let inner = Evaluator {
                            scope: &scope,
                            steps: self.steps.clone(),
                            depth: self.depth.clone(),
                        };
                        let value = inner.resolve(input, leave);
                        self.steps.set(inner.steps.get());
                        Some(value)
                    })
                    .collect(),
                _ => hole(),
            };
            made.insert(name.to_owned(), value);
        }
        made
    }

    /// The value of a text: of the expression in it, where it is one.
    pub(super) fn text(&self, text: &str) -> Value {
        if let Some(literal) = text.strip_prefix("[[") {
            return Value::String(format!("[{literal}"));
        }
        match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(expression) => self.deeper(|| self.expression(expression)),
            None => Value::String(text.to_owned()),
        }
    }

    /// One step more, unless there were too many.
    fn deeper(&self, work: impl FnOnce() -> Option<Value>) -> Value {
        let (steps, depth) = (self.steps.get() + 1, self.depth.get() + 1);
        if steps > MOST_STEPS || depth > DEEPEST {
            return hole();
        }
        self.steps.set(steps);
        self.depth.set(depth);
        let value = work();
        self.depth.set(depth - 1);
        value.unwrap_or_else(hole)
    }
}

fn hole() -> Value {
    Value::String(HOLE.to_string())
}

/// More copies than these are not made: a service has at most some dozens of backends.
pub(super) const MOST_COPIES: u64 = 200;
const MOST_STEPS: u32 = 20_000;
const DEEPEST: u32 = 40;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn worked_out(text: &str) -> Value {
        let template = json!({
            "parameters": {
                "service": { "type": "string", "defaultValue": "contoso" },
                "unset": { "type": "string" },
                "key": { "type": "securestring", "defaultValue": "hunter2" },
                "turns": { "type": "string", "defaultValue": "[parameters('turns')]" },
                "wide": { "type": "string", "defaultValue": "[concat(parameters('wide'), parameters('wide'))]" },
                "regions": { "type": "array", "defaultValue": [{ "name": "eastus", "priority": 1 }, { "name": "westus" }] }
            },
            "variables": { "host": "[format('{0}-eastus', parameters('service'))]" }
        });
        let scope = Scope {
            parameters: template["parameters"].as_object(),
            given: Map::new(),
            variables: template["variables"].as_object(),
            loops: vec![("backends".into(), 0), ("services".into(), 1)],
        };
        Evaluator::new(&scope).text(text)
    }

    #[test]
    fn expressions_are_worked_out() {
        for (text, value) in [
            ("plain", json!("plain")),
            ("[[literal]", json!("[literal]")),
            ("[concat(parameters('service'), '/it''s')]", json!("contoso/it's")),
            ("[format('{0}/{1}/{0}', 'a', 1)]", json!("a/1/a")),
            (
                "[format('https://{0}.openai.azure.com', variables('host'))]",
                json!("https://contoso-eastus.openai.azure.com"),
            ),
            (
                "[resourceId('Microsoft.ApiManagement/service/backends', parameters('unset'), 'eastus')]",
                json!("/Microsoft.ApiManagement/service/backends/\u{fffc}/eastus"),
            ),
            ("[parameters('regions')[copyIndex()].name]", json!("westus")),
            ("[parameters('regions')[copyIndex('backends')]['name']]", json!("eastus")),
            ("[tryGet(parameters('regions')[copyIndex()], 'priority')]", json!(null)),
            (
                "[if(equals(length(parameters('regions')), 2), createObject('rules', createArray(1, true())), null())]",
                json!({"rules": [1, true]}),
            ),
        ] {
            assert_eq!(worked_out(text), value, "{text}");
        }
    }

    #[test]
    fn what_the_file_does_not_say_is_a_hole() {
        for text in [
            "[parameters('unset')]",
            "[parameters('nobody')]",
            "[parameters('key')]",
            "[parameters('turns')]",
            "[parameters('wide')]",
            "[reference('x').endpoint]",
            "[concat('a', 'b']",
            "[]",
            "[parameters('regions')[9].name]",
            "[copyIndex('other')]",
            "[if(parameters('unset'), 'a', 'b')]",
            "['open]",
        ] {
            let value = worked_out(text);
            assert!(value.as_str().is_some_and(has_hole), "{text}: {value}");
        }
        assert_eq!(
            worked_out("[concat(parameters('unset'), '/eastus')]"),
            json!("\u{fffc}/eastus")
        );
    }

    #[test]
    fn properties_are_copied() {
        let scope = Scope::default();
        let value = json!({ "copy": [{ "name": "services", "count": 2, "input": { "id": "[format('/backends/b{0}', copyIndex('services'))]" } }] });
        let copied = Evaluator::new(&scope).resolve(&value, &[]);
        assert_eq!(
            copied,
            json!({ "services": [{ "id": "/backends/b0" }, { "id": "/backends/b1" }] })
        );
    }
}
