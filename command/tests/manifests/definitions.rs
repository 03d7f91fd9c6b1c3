//! Custom resource definitions as JSON schemas.
//!
//! A definition's schema leaves unknown fields alone, as the API server drops them without a word.
//! Here every object is closed, unless it says that it keeps what it does not know.

use std::env;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The definitions in this file; `None` where it is not there, which is said.
pub(super) fn read(file: &str) -> Option<Vec<Value>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/crds");
    let folder = env::var_os("SPILLWAY_CRDS").map_or(beside, PathBuf::from);
    let path = folder.join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: there is no {}; SPILLWAY_CRDS names another folder", path.display());
        return None;
    };
    Some(serde_saphyr::from_multiple(&text).expect("definitions"))
}

/// What is wrong with this resource by its definition.
pub(super) fn problems(definitions: &[Value], resource: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let (group, version) = {
        let both = text(&resource["apiVersion"]);
        let (group, version) = both.split_once('/').expect("a group");
        (group.to_owned(), version.to_owned())
    };
    let definition = definitions.iter().find(|one| {
        one["spec"]["group"] == *group && one["spec"]["names"]["kind"] == resource["kind"]
    });
    let versions = definition.expect("its definition")["spec"]["versions"].as_array().unwrap();
    let found = versions.iter().find(|one| one["name"] == *version && one["served"] == true);
    let mut schema = found.expect("a served version")["schema"]["openAPIV3Schema"].clone();
    for field in ["apiVersion", "kind"] {
        schema["properties"][field] = json!({ "type": "string" });
    }
    close(&mut schema);
    schema["properties"]["metadata"] = json!({ "type": "object" });
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let problem =
        |error: jsonschema::ValidationError<'_>| format!("{}: {error}", error.instance_path());
    validator.iter_errors(resource).map(problem).collect()
}

/// From the dialect of definitions to JSON Schema, with closed objects.
fn close(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    let keeps = fields.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
    let has_properties = fields.contains_key("properties");
    if has_properties && !keeps && fields.get("type") == Some(&json!("object")) {
        fields.entry("additionalProperties").or_insert(json!(false));
    }
    if fields.get("x-kubernetes-int-or-string") == Some(&json!(true)) {
        fields.remove("type");
        fields.insert("anyOf".into(), json!([{ "type": "integer" }, { "type": "string" }]));
    }
    if fields.get("nullable") == Some(&json!(true))
        && let Some(Value::String(kind)) = fields.get("type").cloned()
    {
        fields.insert("type".into(), json!([kind, "null"]));
    }
    // Formats such as `int32` are Kubernetes' own.
    fields.remove("format");
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(close);
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = fields.get_mut(inner) {
            close(inner);
        }
    }
}
