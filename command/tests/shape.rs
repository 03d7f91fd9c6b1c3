//! The table of the file's shape against its reader: what it states is so.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use spillway::config::shape::{Default, Field, OBJECTS, Object};
use spillway::config::{Config, Problem, check};

#[test]
fn every_stated_default_is_what_the_reader_takes() {
    let without = check(&base()).unwrap();
    for (object, field) in fields() {
        if let Default::Is(default) = field.default {
            assert_eq!(with(object, field, default), Ok(without.clone()), "{}", field.name);
        }
    }
}

#[test]
fn every_example_is_valid_and_says_something() {
    let without = check(&base()).unwrap();
    for (object, field) in fields() {
        let config = with(object, field, field.example);
        assert!(config.is_ok(), "{}.{}: {config:?}", object.name, field.name);
        if let Default::Is(default) = field.default
            && default != field.example
        {
            assert_ne!(config, Ok(without.clone()), "{}.{}", object.name, field.name);
        }
    }
}

#[test]
fn every_field_is_read_and_refuses_what_it_is_not_for() {
    // A secret says of the object as a whole that it is no reference.
    for (object, field) in fields().filter(|(object, _)| object.name != "secret") {
        let problems = with(object, field, "[[[]]]").unwrap_err();
        assert!(problems.iter().any(|p| p.path.contains(field.name)), "{}", field.name);
    }
}

#[test]
fn every_required_field_is_required() {
    let required = fields().filter(|(_, field)| field.default == Default::Required);
    // A secret says of the object as a whole that it is no reference.
    for (object, field) in required.filter(|(object, _)| object.name != "secret") {
        let mut file = base();
        let place = places().remove(object.name).unwrap();
        let place = file.pointer_mut(place).unwrap().as_object_mut().unwrap();
        place.remove(field.name);
        let message = format!("missing field `{}`", field.name);
        let problems = check(&file).unwrap_err();
        assert!(problems.iter().any(|p| p.message == message), "{problems:?}");
    }
}

#[test]
fn the_texts_are_sentences() {
    for object in OBJECTS {
        for doc in object.fields.iter().map(|field| field.doc).chain([object.doc]) {
            assert!(doc.ends_with('.') && !doc.contains("  "), "{doc}");
        }
    }
}

fn fields() -> impl Iterator<Item = (&'static Object, &'static Field)> {
    OBJECTS.into_iter().flat_map(|object| object.fields.iter().map(move |field| (object, field)))
}

/// A small file in which every object of the shape stands, with as little in it as it may hold.
fn base() -> Value {
    json!({
        "backends": {
            "eastus-ptu": { "url": "https://contoso-eastus.openai.azure.com" },
            "westus": { "url": "https://w.example.com", "bearer_token": { "file": "/a" } },
        },
        "models": { "gpt-4o": {
            "pool": [{ "backend": "eastus-ptu" }, { "backend": "westus" }],
            "timeouts": {},
        } },
        "circuit_breaker": {},
        "retry": {},
        "timeouts": {},
        "first_event": {},
        "usage": {},
        "metrics": {},
        "paths": {},
        "clients": [{ "name": "chat-app", "key": "${A}" }],
    })
}

/// Where an object of each name stands in [`base`].
fn places() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        ("file", ""),
        ("backend", "/backends/eastus-ptu"),
        ("secret", "/backends/westus/bearer_token"),
        ("model", "/models/gpt-4o"),
        ("member", "/models/gpt-4o/pool/0"),
        ("session_affinity", "/models/gpt-4o/session_affinity"),
        ("circuit_breaker", "/circuit_breaker"),
        ("retry", "/retry"),
        ("timeouts", "/timeouts"),
        ("model timeouts", "/models/gpt-4o/timeouts"),
        ("first_event", "/first_event"),
        ("usage", "/usage"),
        ("metrics", "/metrics"),
        ("paths", "/paths"),
        ("client", "/clients/0"),
    ])
}

/// What the reader says of [`base`] with this field set.
fn with(object: &Object, field: &Field, yaml: &str) -> Result<Config, Vec<Problem>> {
    let value: Value = serde_saphyr::from_str(yaml).unwrap();
    let mut file = base();
    if object.name == "session_affinity" {
        file["models"]["gpt-4o"]["session_affinity"] = json!({});
        if matches!(field.default, Default::Is(default) if default == yaml) {
            // Its defaults are those of `session_affinity: {}`, which is not the same as none.
            let empty = check(&file);
            file["models"]["gpt-4o"]["session_affinity"][field.name] = value;
            assert_eq!(check(&file), empty);
            return check(&base());
        }
    }
    let place = places().remove(object.name).unwrap();
    file.pointer_mut(place).unwrap()[field.name] = value;
    if (object.name, field.name) == ("file", "backends") {
        file["models"]["gpt-4o"]["pool"] = json!(["eastus-ptu"]);
    }
    check(&file)
}
