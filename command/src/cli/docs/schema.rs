//! The JSON schema of the configuration, from its shape: editors complete and check by it.
//!
//! It says what a schema can: fields, kinds, limits, choices, defaults. That a pool's members are
//! `backends`, and all else that looks across the file, is `spillway check`'s to say.

use serde_json::{Map, Value, json};

use spillway::config::shape::{Default, FILE, Field, Kind, OBJECTS, Object, SECRET_FILE};

/// The text of `docs/spillway.schema.json`.
pub(super) fn reference() -> String {
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".into(), json!("Spillway's configuration"));
    schema.extend(object(&FILE));
    let others = OBJECTS.iter().filter(|other| other.name != FILE.name);
    let defs: Map<String, Value> =
        others.map(|other| (key(other), Value::Object(object(other)))).collect();
    schema.insert("$defs".into(), Value::Object(defs));
    format!("{:#}\n", Value::Object(schema))
}

fn object(Object { doc, fields, .. }: &Object) -> Map<String, Value> {
    let properties: Map<String, Value> =
        fields.iter().map(|one| (one.name.to_owned(), Value::Object(field(one)))).collect();
    let required = fields.iter().filter(|field| field.default == Default::Required);
    let required: Vec<&str> = required.map(|field| field.name).collect();
    let mut schema = Map::new();
    schema.insert("description".into(), json!(doc));
    schema.insert("type".into(), json!("object"));
    schema.insert("properties".into(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    schema.insert("additionalProperties".into(), json!(false));
    schema
}

fn field(Field { kind, default, doc, example, .. }: &Field) -> Map<String, Value> {
    let mut schema = Map::new();
    let description = match default {
        Default::Means(words) => format!("{doc} Left out: {words}."),
        _ => (*doc).to_owned(),
    };
    schema.insert("description".into(), json!(description));
    schema.extend(values(kind));
    match (default, kind) {
        // What must be there must hold something.
        (Default::Required, Kind::List(_)) => {
            schema.insert("minItems".into(), json!(1));
        }
        (Default::Required, Kind::Map { .. }) => {
            schema.insert("minProperties".into(), json!(1));
        }
        (Default::Is(text), _) => schema.extend(value(text).map(|v| ("default".to_owned(), v))),
        _ => {}
    }
    schema.extend(value(example).map(|value| ("examples".to_owned(), json!([value]))));
    schema
}

/// What may stand there.
fn values(kind: &Kind) -> Map<String, Value> {
    let schema = match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Whole { from, to } => json!({ "type": "integer", "minimum": from, "maximum": to }),
        Kind::Duration => pattern("^[0-9]+(ms|s|m|h)$"),
        Kind::Percent { from: 0 } => pattern("^(100|[1-9]?[0-9]) ?%$"),
        Kind::Percent { .. } => pattern("^(100|[1-9][0-9]?) ?%$"),
        Kind::Size => one_of([
            json!({ "type": "integer", "minimum": 0 }),
            pattern("^[0-9]+(B|KiB|MiB|GiB|KB|MB|GB)?$"),
        ]),
        Kind::Url => pattern("^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+(/[^?#]*)?$"),
        Kind::Status => one_of([
            json!({ "type": "integer", "minimum": 400, "maximum": 599 }),
            pattern("^[45][0-9]{2}( *- *[45][0-9]{2})?$"),
        ]),
        Kind::Secret { file: false } => variable(),
        Kind::Secret { file: true } => one_of([variable(), link(&SECRET_FILE)]),
        Kind::OneOf(words) => json!({ "enum": words }),
        Kind::Object(object) => link(object),
        Kind::List(item) => json!({ "type": "array", "items": values(item) }),
        Kind::Map { value, .. } => {
            json!({ "type": "object", "additionalProperties": values(value) })
        }
        Kind::Short(short, object) => one_of([Value::Object(values(short)), link(object)]),
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

/// No value is both, so `anyOf` says as much as `oneOf`, in a shorter error.
fn one_of(schemas: [Value; 2]) -> Value {
    json!({ "anyOf": schemas })
}

fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

fn variable() -> Value {
    pattern(r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$")
}

fn link(object: &Object) -> Value {
    json!({ "$ref": format!("#/$defs/{}", key(object)) })
}

/// The object's name where it cannot hold a space.
fn key(object: &Object) -> String {
    object.name.replace(' ', "_")
}

/// The value that this YAML says.
fn value(yaml: &str) -> Option<Value> {
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    serde_saphyr::from_str_with_options(yaml, options).ok()
}
