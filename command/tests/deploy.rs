//! The files below `deploy/` and `docker-compose.yml`, held against what they must agree with.
//!
//! Whether they run says `make test-compose`, where there is a Docker engine.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use spillway::config;
use spillway_command::compose::{Options, compose};
use spillway_command::otlp::Flags;

/// A file of the repository.
fn read(path: &str) -> String {
    fs::read_to_string(Path::new("..").join(path)).unwrap()
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap()
}

/// The services, with what they take over from others (`<<`) in place.
fn services() -> BTreeMap<String, Value> {
    let file = yaml("docker-compose.yml");
    let services = file["services"].as_object().unwrap();
    services.iter().map(|(name, service)| (name.clone(), service.clone())).collect()
}

fn images() -> BTreeSet<String> {
    let dockerfile = read("deploy/Dockerfile");
    let from = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM "));
    let from = from.map(|rest| rest.split(' ').next().unwrap().to_owned());
    let run = services().into_values().map(|service| service["image"].as_str().unwrap().to_owned());
    from.chain(run).collect()
}

#[test]
fn every_image_is_pinned_and_envoys_is_the_projects() {
    let images = images();
    for image in &images {
        let (_, tag) = image.split_once(':').unwrap_or((image, ""));
        assert!(tag.starts_with("bookworm") || tag.contains('.'), "{image} names no version");
    }
    let envoy = format!("envoyproxy/envoy:v{}", read("envoy/ENVOY_VERSION").trim());
    assert!(images.contains(&envoy), "{envoy}: {images:?}");
    let cargo = read("Cargo.toml");
    let field = |name: &str| {
        let line = cargo.lines().find_map(|line| line.strip_prefix(&format!("{name} = \"")));
        line.unwrap().trim_end_matches('"').to_owned()
    };
    assert!(images.contains(&format!("rust:{}.0-bookworm", field("rust-version"))));
    let version = field("version");
    for ours in ["spillway", "spillway-simulator", "spillway-demo"] {
        assert!(images.contains(&format!("{ours}:{version}")), "{ours}:{version}");
    }
    assert!(read("deploy/test_compose.py").contains(&format!("\"spillway:{version}\"")));
}

#[test]
fn every_service_is_locked_up_and_looked_after() {
    for (name, service) in services() {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
        assert_eq!(service["security_opt"], json!(["no-new-privileges:true"]), "{name}");
        for field in ["healthcheck", "mem_limit", "pids_limit", "logging"] {
            assert!(!service[field].is_null(), "{name} has no {field}");
        }
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name}: {port}");
        }
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let volume = volume.as_str().unwrap();
            assert!(!volume.starts_with('.') || volume.ends_with(":ro"), "{name}: {volume}");
        }
    }
}

/// The gateway runs the demo's file: each backend is a region of that name, with the models that
/// its pools send there and the key that the gateway has for it.
#[test]
fn the_regions_are_those_of_the_demos_file() {
    let raw = yaml("demo/spillway.yaml");
    let config = config::check(&raw).unwrap();
    let services = services();
    for backend in &config.backends {
        let name = &backend.name;
        assert_eq!(backend.url.authority(), format!("{name}:8080"));
        let region = &services[name];
        let command: BTreeSet<&str> = region["command"]
            .as_array()
            .unwrap()
            .iter()
            .map(|word| word.as_str().unwrap())
            .collect();
        let deployed: BTreeSet<&str> = command
            .iter()
            .filter_map(|word| word.strip_prefix("--deployment=")?.split(':').next())
            .collect();
        let models = raw["models"].as_object().unwrap().iter();
        let wanted = models.filter(|(_, model)| {
            let pool = model["pool"].as_array().unwrap();
            pool.iter().any(|member| *member == **name || member["backend"] == **name)
        });
        assert_eq!(deployed, wanted.map(|(model, _)| model.as_str()).collect(), "{name}");
        let key = format!("{}_KEY", name.to_uppercase());
        assert!(command.contains(format!("--api-key-env={key}").as_str()), "{name}");
        let theirs = region["environment"].as_object().unwrap();
        assert_eq!(theirs.keys().collect::<Vec<_>>(), [&key]);
        assert_eq!(theirs[&key], services["gateway"]["environment"][&key]);
    }
    let given = services["gateway"]["environment"].as_object().unwrap();
    for (_, secret) in config.secrets() {
        let config::Secret::Env(name) = secret else { continue };
        assert!(given.contains_key(name), "{name}");
    }
}

/// Each field that is rendered has its reason in the table, and each reason a field.
#[test]
fn every_rendered_field_has_a_reason() {
    let config = config::check(&json!({
        "backends": {
            "a": { "url": "https://a.example.com", "api_key": "${A}" },
            "b": { "url": "https://b.example.com", "api_key": { "file": "/srv/keys/b" } },
        },
        "models": { "m": { "pool": ["a", "b"] } },
    }));
    let publish = ([127, 0, 0, 1], 10_000).into();
    let file = Path::new("spillway.yaml");
    let otlp = &Flags::default();
    let rendered = compose(&config.unwrap(), &Options { file, image: "spillway", publish, otlp });
    let mut fields = BTreeSet::new();
    walk(&rendered["services"]["gateway"], "", &mut fields);
    let page = read("docs/rendered/compose.md");
    let reasons: BTreeSet<String> = page
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split_once("` |")?.0.to_owned()))
        .collect();
    assert_eq!(fields, reasons);
}

/// The paths of all leaves; a list of words is a leaf.
fn walk(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = if path == "environment" { "*" } else { name };
                let dot = if path.is_empty() { "" } else { "." };
                walk(value, &format!("{path}{dot}{name}"), into);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for item in items {
                walk(item, &format!("{path}[]"), into);
            }
        }
        _ => drop(into.insert(path.to_owned())),
    }
}
