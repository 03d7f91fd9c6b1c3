//! What holds for every configuration, right or wrong.

#![cfg(test)]

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use spillway::config::{check, parse_json, path};
use spillway::failover_mode::FailoverMode;
use spillway_command::cli::places::Places;
use spillway_command::lint::lint;

proptest! {
    #[test]
    fn anything_at_all_has_an_answer(file in anything()) {
        says_where(&file)?;
    }

    #[test]
    fn any_bytes_have_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(problems) = parse_json(&bytes) {
            prop_assert!(!problems.is_empty());
        }
    }

    #[test]
    fn a_right_file_is_taken(file in right()) {
        let config = check(&file);
        prop_assert!(config.is_ok(), "{config:?}");
        let again = parse_json(file.to_string().as_bytes());
        prop_assert_eq!(config, again);
    }

    #[test]
    fn what_surprises_in_a_right_file_stands_in_it(file in right()) {
        let config = check(&file).unwrap();
        let mut known = BTreeSet::new();
        paths(&file, "", &mut known);
        for finding in lint(&config, &file, FailoverMode::RedirectUnheld) {
            let problem = finding.problem;
            prop_assert!(known.contains(&problem.path), "{problem}");
            prop_assert!(!problem.message.ends_with('.') && !problem.hint.ends_with('.'), "{problem}");
        }
    }

    #[test]
    fn every_key_is_found_where_it_is_written(file in right()) {
        let mut known = BTreeSet::new();
        paths(&file, "", &mut known);
        let yaml = serde_saphyr::to_string(&file).unwrap();
        for text in [file.to_string(), format!("{file:#}"), yaml] {
            let places = Places::of(&text);
            for path in known.iter().filter(|path| !path.is_empty() && !path.ends_with(']')) {
                let place = places.find(path).unwrap();
                let line = text.lines().nth(place.line as usize - 1).unwrap();
                let here: String = line.chars().skip(place.column as usize - 1).collect();
                let key = path.trim_end_matches('"').rsplit(['.', '"']).next().unwrap();
                let (quote, rest) = here.split_at(usize::from(here.starts_with(['"', '\''])));
                let (start, after) = rest.split_at(rest.find([':', '"', '\'']).unwrap());
                let ends = if quote.is_empty() { ":" } else { quote };
                prop_assert!(start.ends_with(key) && after.starts_with(ends), "{path}: {here}");
            }
        }
    }

    #[test]
    fn a_secret_is_never_repeated(secret in "[0-9]{12,16}|[a-z0-9]{16,40}|[!-~]{16,40}") {
        let number = secret.parse::<u64>().map_or(Value::Null, Value::from);
        let values = [json!(secret), number, json!([secret]), json!({"file": secret}),
            json!({secret.as_str(): 1}), json!(format!("${{A}}{secret}"))];
        for value in values {
            let file = json!({
                "backends": {
                    "a": {"url": format!("https://me:{secret}@a"), "api_key": value},
                    "b": {"url": format!("https://b?key={secret}"), "bearer_token": value},
                },
                "models": {"m": {"pool": ["a"]}},
                "clients": [{"name": "a", "key": value}],
                "cookie_key": value,
            });
            for problem in check(&file).unwrap_err() {
                prop_assert!(!problem.to_string().contains(&secret), "{problem}");
            }
        }
    }

    #[test]
    fn a_right_file_with_one_thing_replaced_has_an_answer(
        file in right(),
        place in any::<prop::sample::Index>(),
        wrong in anything(),
    ) {
        let mut file = file;
        let mut places = Vec::new();
        pointers(&file, "", &mut places);
        let place: &String = place.get(&places);
        *file.pointer_mut(place).unwrap() = wrong;
        says_where(&file)?;
    }
}

/// There is an answer, and each problem names a place that is there.
fn says_where(file: &Value) -> Result<(), TestCaseError> {
    let Err(problems) = check(file) else { return Ok(()) };
    prop_assert!(!problems.is_empty());
    let mut known = BTreeSet::new();
    paths(file, "", &mut known);
    for problem in problems {
        prop_assert!(known.contains(&problem.path), "{problem}");
        prop_assert!(!problem.message.is_empty() && !problem.message.ends_with('.'), "{problem}");
        prop_assert!(!problem.message.contains('\n') && !problem.hint.contains('\n'), "{problem}");
    }
    Ok(())
}

fn paths(value: &Value, here: &str, known: &mut BTreeSet<String>) {
    known.insert(here.to_owned());
    match value {
        Value::Array(list) => {
            for (i, item) in list.iter().enumerate() {
                paths(item, &path::index(here, i), known);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                paths(value, &path::key(here, key), known);
            }
        }
        _ => {}
    }
}

fn pointers(value: &Value, here: &str, places: &mut Vec<String>) {
    places.push(here.to_owned());
    match value {
        Value::Array(list) => {
            for (i, item) in list.iter().enumerate() {
                pointers(item, &format!("{here}/{i}"), places);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                pointers(value, &format!("{here}/{key}"), places);
            }
        }
        _ => {}
    }
}

/// Any value; its keys and texts are often those of the shape.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0_u64..700).prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((word(), inner), 0..8)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![3 => prop::sample::select(WORDS).prop_map(str::to_owned), 1 => ".{0,20}"]
}

/// A right file: any number of backends and models, pools that refer to them.
fn right() -> impl Strategy<Value = Value> {
    let backends = prop::collection::btree_set("[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", 1..8);
    let models = prop::collection::btree_set("[a-zA-Z0-9._-]{1,20}[a-z]", 1..6);
    (backends, models, any::<u64>()).prop_map(|(backends, models, seed)| {
        let backends: Vec<String> = backends.into_iter().collect();
        let models: Vec<String> = models.into_iter().collect();
        right_file(&backends, &models, seed)
    })
}

fn right_file(backends: &[String], models: &[String], seed: u64) -> Value {
    let bit = |n: u32| seed >> (n % 64) & 1 == 1;
    let number = |n: u32, below: u64| (seed.rotate_left(n * 7)) % below;
    let mut file = json!({"backends": {}, "models": {}});
    for (i, name) in (0..).zip(backends) {
        let mut backend = json!({"url": format!("http{}://{name}.example.com:{}/v{i}", if bit(i) { "s" } else { "" }, 1 + number(i, 65_535))});
        if bit(i + 1) {
            backend["api_key"] = json!(format!("${{KEY_{i}}}"));
        } else if bit(i + 2) {
            backend["bearer_token"] = json!({"file": format!("/run/{name}")});
        }
        if bit(i + 3) {
            let deployments: Map<String, Value> =
                models.iter().map(|model| (model.clone(), json!("other-name"))).collect();
            backend["deployments"] = deployments.into();
        }
        file["backends"][name] = backend;
    }
    for (i, name) in (0..).zip(models) {
        let used = 1 + usize::try_from(number(i, backends.len() as u64)).unwrap();
        let member = |(j, backend): (u32, &String)| {
            if bit(i + j) {
                return json!(backend);
            }
            json!({"backend": backend, "priority": number(j, 101), "weight": 1 + number(i + j, 1000)})
        };
        let pool: Vec<Value> = (0..).zip(backends.iter().take(used)).map(member).collect();
        file["models"][name] = json!({"pool": pool, "session_affinity": bit(i + 5)});
        if bit(i + 6) {
            file["models"][name]["retry"] =
                json!({"attempts": 1 + number(i, 1000), "statuses": ["500-599", 429]});
        }
    }
    if bit(60) {
        file["default_model"] = json!(models[0]);
        file["denied_models"] = json!(["gpt-*", "*"]);
        file["circuit_breaker"] =
            json!({"trip": "1s", "max_trip": "1h", "failures": 1 + number(3, 10_000)});
        file["clients"] = json!([{"name": "a", "key": "${A}"}, {"name": "b", "key": "${B}"}]);
    }
    file
}

const WORDS: &[&str] = &[
    "backends",
    "models",
    "url",
    "api_key",
    "bearer_token",
    "pool",
    "backend",
    "priority",
    "weight",
    "file",
    "retry",
    "circuit_breaker",
    "statuses",
    "trip",
    "max_trip",
    "clients",
    "name",
    "key",
    "cookie_key",
    "session_affinity",
    "cookie",
    "secure",
    "denied_models",
    "default_model",
    "a",
    "https://a.example.com",
    "${A}",
    "60s",
    "500-599",
    "32MiB",
    "auto",
    "deployments",
];
