//! The JSON schema against the reader: what the one takes, the other does.
//!
//! The schema is judged by a validator of the few keywords that it uses; any other is a failure, so
//! that the schema cannot say what is not tested.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;
use serde_json::{Value, json};
use spillway::config::check;
use spillway::config::shape::{Default, OBJECTS};

#[test]
fn what_the_reader_takes_the_schema_takes() {
    let schema = schema();
    let mut right = 0;
    for path in ["../docs/example.yaml", "../demo", "tests/cmd"]
        .iter()
        .flat_map(|folder| files(Path::new(folder)))
    {
        let Some(file) = yaml(&fs::read_to_string(&path).unwrap()) else { continue };
        if check(&file).is_ok() {
            right += 1;
            assert_eq!(wrong(&schema, &file), None, "{}", path.display());
        }
    }
    assert!(right > 10, "{right}");
}

#[test]
fn short_forms_and_all_limits() {
    for (from, to) in [
        ("pool: [a]", "pool: [{ backend: a, priority: 0, weight: 1000 }]"),
        ("pool: [a]", "pool: [a], session_affinity: true"),
        ("pool: [a]", "pool: [a], session_affinity: { mode: require }"),
        ("http://a", "HTTP://[::1]:8080/base/"),
        ("{ url:", "{ api_key: { file: /key }, url:"),
        ("models:", "max_request_body: 1024\nmodels:"),
        ("models:", "retry: { statuses: [429, \"500-599\"], budget: 0% }\nmodels:"),
        ("models:", "circuit_breaker: { failure_ratio: 100% }\nmodels:"),
    ] {
        let file = yaml(&FILE.replacen(from, to, 1)).unwrap();
        assert_eq!(check(&file).map(drop), Ok(()), "{to}");
        assert_eq!(wrong(&schema(), &file), None, "{to}");
    }
}

#[test]
fn what_is_wrong_is_refused_where_it_stands() {
    for (from, to, at) in [
        ("models:", "retries: {}\nmodels:", "/retries"),
        ("{ url:", "{ uri: x, url:", "/backends/a/uri"),
        ("http://a", "ftp://a", "/backends/a/url"),
        ("pool: [a]", "pool: []", "/models/m/pool"),
        ("pool: [a]", "pool: [{ backend: a, weight: 0 }]", "/models/m/pool/0"),
        ("pool: [a]", "pool: [a], headroom: maybe", "/models/m/headroom"),
        ("models:", "retry: { attempts: 1001 }\nmodels:", "/retry/attempts"),
        ("models:", "retry: { budget: 101% }\nmodels:", "/retry/budget"),
        (
            "models:",
            "circuit_breaker: { failure_ratio: 0% }\nmodels:",
            "/circuit_breaker/failure_ratio",
        ),
        ("models:", "circuit_breaker: { statuses: [5xx] }\nmodels:", "/circuit_breaker/statuses/0"),
        ("models:", "timeouts: { request: 60 }\nmodels:", "/timeouts/request"),
        ("models:", "when_exhausted: wait\nmodels:", "/when_exhausted"),
        ("models:", "cookie_key: hunter2\nmodels:", "/cookie_key"),
        ("models:", "clients: [{ name: a }]\nmodels:", "/clients/0"),
        ("models: { m: { pool: [a] } }", "models: {}", "/models"),
        ("models: { m: { pool: [a] } }", "", ""),
    ] {
        let file = yaml(&FILE.replacen(from, to, 1)).unwrap();
        assert!(check(&file).is_err(), "{to}");
        let refused = wrong(&schema(), &file).unwrap_or_else(|| panic!("{to} is taken"));
        assert!(refused.starts_with(&format!("{at}: ")), "{refused}");
    }
}

#[test]
fn every_field_says_what_it_is_for() {
    let schema = schema();
    for object in OBJECTS {
        let place = match object.name {
            "file" => schema.clone(),
            name => schema["$defs"][name.replace(' ', "_")].clone(),
        };
        assert_eq!(place["additionalProperties"], json!(false), "{}", object.name);
        for field in object.fields {
            let said = &place["properties"][field.name];
            assert!(said["description"].as_str().unwrap().starts_with(field.doc));
            assert!(said["examples"][0] != Value::Null, "{}", field.name);
            let has_default = matches!(field.default, Default::Is(_));
            assert_eq!(said.get("default").is_some(), has_default, "{}", field.name);
            for value in said["examples"].as_array().unwrap().iter().chain(said.get("default")) {
                assert_eq!(refusal(&schema, said, value, String::new()), None, "{}", field.name);
            }
        }
    }
}

const FILE: &str = "backends: { a: { url: \"http://a\" } }\nmodels: { m: { pool: [a] } }\n";

fn schema() -> Value {
    serde_json::from_str(&fs::read_to_string("../docs/spillway.schema.json").unwrap()).unwrap()
}

fn yaml(text: &str) -> Option<Value> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).ok()
}

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        return entries.flat_map(|path| files(&path)).collect();
    }
    let yaml = path.extension().is_some_and(|extension| extension == "yaml");
    if yaml { vec![path.to_owned()] } else { Vec::new() }
}

/// Where the schema refuses the file, and by what.
fn wrong(schema: &Value, file: &Value) -> Option<String> {
    refusal(schema, schema, file, String::new())
}

fn refusal(root: &Value, schema: &Value, value: &Value, at: String) -> Option<String> {
    let number = |limit: &Value| limit.as_u64().unwrap();
    for (keyword, said) in schema.as_object().unwrap() {
        let right = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" | "examples" => true,
            "type" => match said.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_u64() || value.is_i64(),
                other => panic!("{other}"),
            },
            "enum" => said.as_array().unwrap().contains(value),
            "pattern" => {
                let pattern = Regex::new(said.as_str().unwrap()).unwrap();
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "minimum" => value.as_u64().is_none_or(|value| value >= number(said)),
            "maximum" => value.as_u64().is_none_or(|value| value <= number(said)),
            "minItems" => value.as_array().is_none_or(|v| v.len() as u64 >= number(said)),
            "minProperties" => value.as_object().is_none_or(|v| v.len() as u64 >= number(said)),
            "required" => said.as_array().unwrap().iter().all(|name| {
                value.as_object().is_none_or(|value| value.contains_key(name.as_str().unwrap()))
            }),
            "anyOf" => said
                .as_array()
                .unwrap()
                .iter()
                .any(|one| refusal(root, one, value, String::new()).is_none()),
            "$ref" => {
                let target = root.pointer(said.as_str().unwrap().trim_start_matches('#')).unwrap();
                if let Some(refused) = refusal(root, target, value, at.clone()) {
                    return Some(refused);
                }
                true
            }
            "items" => {
                for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                    if let Some(refused) = refusal(root, said, item, format!("{at}/{i}")) {
                        return Some(refused);
                    }
                }
                true
            }
            "properties" | "additionalProperties" => {
                let known = &schema["properties"];
                for (name, item) in value.as_object().into_iter().flatten() {
                    let at = format!("{at}/{name}");
                    let said = match (keyword.as_str(), known.get(name)) {
                        ("properties", Some(known)) => known,
                        ("additionalProperties", None) => said,
                        _ => continue,
                    };
                    if said == &json!(false) {
                        return Some(format!("{at}: unknown"));
                    }
                    if let Some(refused) = refusal(root, said, item, at) {
                        return Some(refused);
                    }
                }
                true
            }
            other => panic!("the validator does not know {other}"),
        };
        if !right {
            return Some(format!("{at}: {keyword}"));
        }
    }
    None
}
