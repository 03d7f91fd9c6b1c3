//! The functions of expressions that a file can answer by itself.

use serde_json::{Map, Value};

use super::parse::item;
use super::{Evaluator, HOLE, has_hole};

impl Evaluator<'_> {
    /// What the function gives; `None`: it is not known.
    pub(super) fn call(&self, name: &str, arguments: &[Value]) -> Option<Value> {
        let first = arguments.first();
        match name.to_ascii_lowercase().as_str() {
            "parameters" => self.parameter(first?.as_str()?),
            "variables" => {
                let value = find(self.scope.variables?, first?.as_str()?)?;
                Some(self.deeper(|| Some(self.resolve(value, &[]))))
            }
            "copyindex" => self.copy_index(arguments),
            "concat" => concat(arguments),
            "format" => Some(Value::String(format(arguments)?)),
            "resourceid"
            | "subscriptionresourceid"
            | "tenantresourceid"
            | "extensionresourceid" => {
                let parts = arguments.iter().map(|part| text(part).unwrap_or_else(hole));
                Some(Value::String(parts.fold(String::new(), |id, part| format!("{id}/{part}"))))
            }
            "tolower" => Some(text(first?)?.to_lowercase().into()),
            "toupper" => Some(text(first?)?.to_uppercase().into()),
            "string" => Some(text(first?)?.into()),
            "true" => Some(true.into()),
            "false" => Some(false.into()),
            "null" => Some(Value::Null),
            "not" => Some((!known(first?)?.as_bool()?).into()),
            "and" => Some(flags(arguments)?.iter().all(|flag| *flag).into()),
            "or" => Some(flags(arguments)?.iter().any(|flag| *flag).into()),
            "equals" => Some((known(first?)? == known(arguments.get(1)?)?).into()),
            "empty" => Some((length(known(first?)?).unwrap_or(0) == 0).into()),
            "greater" => Some((first?.as_i64()? > arguments.get(1)?.as_i64()?).into()),
            "less" => Some((first?.as_i64()? < arguments.get(1)?.as_i64()?).into()),
            "length" => Some(length(known(first?)?)?.into()),
            "add" => Some(first?.as_i64()?.checked_add(arguments.get(1)?.as_i64()?)?.into()),
            "if" => arguments.get(if known(first?)?.as_bool()? { 1 } else { 2 }).cloned(),
            "coalesce" => arguments.iter().find(|value| !value.is_null()).cloned(),
            "tryget" => {
                Some(item(known(first?)?, known(arguments.get(1)?)?).unwrap_or(Value::Null))
            }
            "createarray" => Some(Value::Array(arguments.to_vec())),
            "createobject" => {
                let mut map = Map::new();
                for pair in arguments.chunks(2) {
                    map.insert(pair.first()?.as_str()?.to_owned(), pair.get(1)?.clone());
                }
                Some(Value::Object(map))
            }
            _ => None,
        }
    }

    fn parameter(&self, name: &str) -> Option<Value> {
        let declared = self.scope.parameters.and_then(|parameters| find(parameters, name));
        let kind = declared.and_then(|declared| declared.get("type")).and_then(Value::as_str);
        if kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("secure")) {
            return None;
        }
        if let Some(given) = find(&self.scope.given, name) {
            return Some(given.clone());
        }
        let default = declared?.get("defaultValue")?;
        Some(self.deeper(|| Some(self.resolve(default, &[]))))
    }

    /// `copyIndex()`, `copyIndex('loop')`, each perhaps with an offset.
    fn copy_index(&self, arguments: &[Value]) -> Option<Value> {
        let name = arguments.first().and_then(Value::as_str);
        let (_, at) = match name {
            Some(name) => {
                self.scope.loops.iter().rev().find(|(l, _)| l.eq_ignore_ascii_case(name))?
            }
            None => self.scope.loops.last()?,
        };
        let offset = arguments.iter().rev().find_map(Value::as_i64).unwrap_or(0);
        Some(i64::try_from(*at).ok()?.checked_add(offset)?.into())
    }
}

/// Names in templates are the same in upper and lower case.
fn find<'m>(map: &'m Map<String, Value>, name: &str) -> Option<&'m Value> {
    map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The value, where it is known.
fn known(value: &Value) -> Option<&Value> {
    if value.as_str().is_some_and(has_hole) { None } else { Some(value) }
}

fn flags(arguments: &[Value]) -> Option<Vec<bool>> {
    arguments.iter().map(Value::as_bool).collect()
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(map) => Some(map.len()),
        _ => None,
    }
}

/// Texts one after the other, or lists.
fn concat(arguments: &[Value]) -> Option<Value> {
    if arguments.first().is_some_and(Value::is_array) {
        let lists: Option<Vec<_>> = arguments.iter().map(Value::as_array).collect();
        return Some(lists?.into_iter().flatten().cloned().collect());
    }
    let parts: Option<String> = arguments.iter().map(text).collect();
    parts.map(Value::String)
}

/// `{0}` and its like, replaced; formats such as `{0:N}` are not known.
fn format(arguments: &[Value]) -> Option<String> {
    let mut rest = arguments.first()?.as_str()?;
    let mut formatted = String::new();
    while let Some((before, after)) = rest.split_once('{') {
        let (number, after) = after.split_once('}')?;
        formatted.push_str(before);
        let at = number.parse::<usize>().ok()?.checked_add(1)?;
        formatted.push_str(&text(arguments.get(at)?)?);
        rest = after;
    }
    formatted.push_str(rest);
    Some(formatted)
}

/// A plain value as text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn hole() -> String {
    HOLE.to_string()
}
