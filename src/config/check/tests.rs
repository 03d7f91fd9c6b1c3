//! Whole files, right and wrong.

use crate::testing::test;
use serde_json::{Value, json};

use super::check;
use crate::config::{
    Affinity, BreakerScope, Config, CredentialHeader, FirstEvent, Id, Member, NamePattern, Secret,
    SecureCookie, StatusSet, WhenExhausted, parse_json, secret, wrong_secrets,
};
use crate::time::Millis;

fn base() -> Value {
    json!({
        "backends": {
            "eastus-ptu": { "url": "https://e.example.com", "api_key": "${EAST}" },
            "westus": { "url": "https://w.example.com", "bearer_token": { "file": "/run/west" } },
        },
        "models": { "gpt-4o": { "pool": ["eastus-ptu", { "backend": "westus", "priority": 2 }] } },
    })
}

/// The base with one place of it replaced.
fn with(pointer: &str, value: Value) -> Value {
    let mut file = base();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = file.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        _ => parent[key] = value,
    }
    file
}

/// What is said of the base with one place of it replaced.
fn said(pointer: &str, value: Value) -> String {
    let problems = check(&with(pointer, value)).unwrap_err();
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn read(pointer: &str, value: Value) -> Config {
    check(&with(pointer, value)).unwrap()
}

#[test]
fn a_small_file_becomes_a_configuration_with_defaults() {
    let config = check(&base()).unwrap();
    let [eastus, westus] = config.backends.as_slice() else { panic!("two backends") };
    assert_eq!(eastus.credential.as_ref().unwrap().secret, Secret::Env("EAST".into()));
    assert_eq!(westus.credential.as_ref().unwrap().header, CredentialHeader::Bearer);
    assert_eq!(eastus.connect_timeout, Millis(5000));
    let member =
        |backend, priority| Member { backend, priority, weight: 1, deployment: "gpt-4o".into() };
    assert_eq!(config.models[0].pool, [member(Id::at(0), 1), member(Id::at(1), 2)]);
    assert_eq!(config.clients, None);
    assert_eq!(config.when_exhausted, WhenExhausted::RetryLater);
    assert_eq!(config.max_request_body, 32 * 1024 * 1024);
}

#[test]
fn a_deployment_is_called_what_its_backend_calls_it() {
    let config = read("/backends/westus/deployments", json!({"gpt-4o": "gpt-4o-standard"}));
    let names: Vec<&str> =
        config.models[0].pool.iter().map(|member| member.deployment.as_str()).collect();
    assert_eq!(names, ["gpt-4o", "gpt-4o-standard"]);
}

#[test]
fn a_model_s_rules_replace_the_file_s_field_by_field() {
    let mut file = with("/circuit_breaker", json!({"failures": 7, "scope": "backend"}));
    file["retry"] = json!({"attempts": 3, "statuses": [503]});
    file["timeouts"] = json!({"first_byte": "9s", "connect": "1s"});
    file["first_event"] = json!({"time": "1s", "size": "1KiB"});
    file["models"]["gpt-4o"]["timeouts"] = json!({"request": "1m"});
    file["models"]["gpt-4o"]["first_event"] = json!({"size": "2KiB"});
    file["models"]["gpt-4o"]["circuit_breaker"] =
        json!({"failures": 1, "statuses": ["500-599", 429]});
    file["models"]["gpt-4o"]["retry"] = json!({"attempts": 2});
    let config = check(&file).unwrap();
    let model = &config.models[0];
    assert_eq!((model.breaker.failures, model.breaker.scope), (1, BreakerScope::Backend));
    assert_eq!(model.breaker.statuses, StatusSet(vec![(429, 429), (500, 599)]));
    let one = StatusSet(vec![(503, 503)]);
    assert_eq!((model.retry.attempts, &model.retry.statuses), (Some(2), &one));
    let times = (model.timeouts.first_byte, model.timeouts.request);
    assert_eq!(times, (Millis(9000), Some(Millis(60_000))));
    assert_eq!(model.first_event, FirstEvent { time: Millis(1000), size: 2048 });
    assert_eq!(config.backends[0].connect_timeout, Millis(1000));
}

#[test]
fn affinity_has_a_short_form() {
    let affinity = Affinity {
        cookie: "Spillway-Affinity".into(),
        secure: SecureCookie::Auto,
        required: false,
        returns: false,
    };
    let of = |value| read("/models/gpt-4o/session_affinity", value).models[0].affinity.clone();
    assert_eq!(of(json!(true)), Some(affinity.clone()));
    assert_eq!(of(json!({})), Some(affinity));
    assert_eq!(of(json!(false)), None);
    assert_eq!(of(json!({"secure": "never"})).unwrap().secure, SecureCookie::Never);
}

#[test]
fn denied_models_may_end_in_a_star() {
    let config = read("/denied_models", json!(["o1", "gpt-4o*"]));
    let patterns = [NamePattern::Exact("o1".into()), NamePattern::Prefix("gpt-4o".into())];
    assert_eq!(config.denied_models, patterns);
    assert_eq!(
        said("/denied_models", json!(["gpt-4o"])),
        "denied_models[0]: `gpt-4o` is also served, so it would not be denied\n  \
         hint: remove it here or from `models`"
    );
}

#[test]
fn every_problem_is_said_at_once() {
    let file = json!({
        "backends": { "East": { "url": "nowhere", "api_kee": 1 } },
        "models": { "gpt-4.1": { "pool": [{ "backend": "Eats", "weight": 0 }] } },
        "modles": {},
        "retry": { "attempts": "3" },
    });
    let places: Vec<String> = check(&file).unwrap_err().into_iter().map(|p| p.path).collect();
    assert_eq!(
        places,
        [
            "modles",
            "backends.East",
            "backends.East.api_kee",
            "backends.East.url",
            "retry.attempts",
            r#"models."gpt-4.1".pool[0].weight"#,
            r#"models."gpt-4.1".pool[0].backend"#,
        ]
    );
}

#[test]
fn wrong_kinds_are_named() {
    let weight = |value| said("/models/gpt-4o/pool/1/weight", value);
    let at = "models.gpt-4o.pool[1].weight: expected a whole number from 1 to 1000, found";
    assert_eq!(weight(json!(0)), format!("{at} 0\n  hint: remove the member or give it 1 or more"));
    assert_eq!(weight(json!("2")), format!("{at} text\n  hint: write the number without quotes"));
    assert_eq!(weight(json!(null)), format!("{at} nothing\n  hint: give it a value, or remove it"));
    assert_eq!(weight(json!(1.5)), format!("{at} 1.5"));
    assert_eq!(weight(json!(-1)), format!("{at} -1"));
    assert_eq!(weight(json!(1001)), format!("{at} 1001"));
    assert_eq!(weight(json!(u64::MAX)), format!("{at} 18446744073709551615"));
    assert_eq!(weight(json!([])), format!("{at} a list"));
    assert_eq!(
        said("/models/gpt-4o/pool", json!("eastus-ptu")),
        "models.gpt-4o.pool: expected a list, found text\n  hint: put it in brackets: `[ … ]`"
    );
    assert_eq!(
        said("/models/gpt-4o/retry", json!({"failover_on_refusal": "no"})),
        "models.gpt-4o.retry.failover_on_refusal: expected `true` or `false`, found text\n  \
         hint: write `false`, without quotes"
    );
    assert_eq!(
        said("/retry", json!({"per_try_timeout": "60s"})),
        "retry.per_try_timeout: unknown field\n  hint: it is now `first_byte`, one of `timeouts`"
    );
    assert_eq!(
        said("/timeouts", json!({"first_byte": 60})),
        "timeouts.first_byte: expected a duration such as `60s`, found 60\n  \
         hint: write `60s` for seconds"
    );
}

#[test]
fn names_must_be_known() {
    assert_eq!(
        said("/models/gpt-4o/pool/0", json!("eastus-ptv")),
        "models.gpt-4o.pool[0]: `eastus-ptv` is not one of `backends`\n  \
         hint: did you mean `eastus-ptu`?"
    );
    assert_eq!(
        said("/default_model", json!("o3-deep-research")),
        "default_model: `o3-deep-research` is not one of `models`\n  hint: add it to `models`"
    );
    assert_eq!(
        said("/backends/westus/deployments", json!({"gpt-4": "x"})),
        "backends.westus.deployments.gpt-4: `gpt-4` is not one of `models`\n  \
         hint: did you mean `gpt-4o`?"
    );
}

#[test]
fn pools_are_sets_with_members() {
    assert_eq!(
        said("/models/gpt-4o/pool", json!([])),
        "models.gpt-4o.pool: the pool has no members\n  \
         hint: name at least one backend, or remove the model"
    );
    assert!(said("/models/gpt-4o/pool/1", json!("eastus-ptu")).contains("already in this pool"));
    assert!(said("/models", json!({})).starts_with("models: expected at least one"));
}

#[test]
fn a_literal_secret_is_refused_and_never_repeated() {
    for secret in [
        json!("hunter2"),
        json!("${A}hunter2"),
        json!(["hunter2"]),
        json!({"file": "hunter2"}),
        json!({"hunter2": null}),
        json!({"file": "/x", "hunter2": 1}),
        json!(2_222_222),
    ] {
        for place in ["/backends/eastus-ptu/api_key", "/cookie_key"] {
            let said = said(place, secret.clone());
            assert!(!said.contains("hunter2") && !said.contains("2222222"), "{said}");
        }
    }
    let url = said("/backends/eastus-ptu/url", json!("https://me:hunter2@e.example.com"));
    assert!(!url.contains("hunter2"), "{url}");
}

#[test]
fn two_credentials_are_one_too_many() {
    assert!(
        said("/backends/westus/api_key", json!("${A}"))
            .starts_with("backends.westus: both `api_key` and `bearer_token` are given")
    );
}

#[test]
fn clients_are_told_apart() {
    assert!(said("/clients", json!([])).starts_with("clients: nobody may call"));
    let said = said(
        "/clients",
        json!([{"name": "a", "key": "${A}"}, {"name": "a", "key": "${B}"}, {"name": "c", "key": "${A}"}]),
    );
    assert!(
        said.contains("clients[1].name: the name `a` is already taken by `clients[0]`"),
        "{said}"
    );
    assert!(said.contains("clients[2].key: the key is the same variable as that of"), "{said}");
}

#[test]
fn max_trip_is_not_shorter_than_trip() {
    assert_eq!(
        said("/circuit_breaker", json!({"trip": "15m"})),
        "circuit_breaker.trip: `max_trip` is 10m, shorter than `trip`, which is 15m\n  \
         hint: set `max_trip` to `15m` or more, or shorten `trip`"
    );
}

#[test]
fn a_ca_file_is_for_https() {
    let mut file = with("/backends/westus/ca_file", json!("/ca.pem"));
    assert!(check(&file).is_ok());
    file["backends"]["westus"]["url"] = json!("http://w.example.com");
    assert_eq!(check(&file).unwrap_err()[0].path, "backends.westus.ca_file");
}

#[test]
fn a_client_has_no_backends_key() {
    let mut file = base();
    file["clients"] = json!([{"name": "a", "key": "${EAST}"}]);
    let problems = check(&file).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].path, "clients[0].key");
    assert!(problems[0].message.contains("`backends.eastus-ptu`"), "{}", problems[0]);
}

#[test]
fn missing_variables_are_named_once() {
    let mut file = base();
    file["clients"] = json!([{"name": "a", "key": "${CLIENT}"}]);
    file["backends"]["westus"] = json!({"url": "https://w", "api_key": "${EAST}"});
    let config = check(&file).unwrap();
    let secrets: Vec<String> = config.secrets().into_iter().map(|(path, _)| path).collect();
    assert_eq!(
        secrets,
        ["backends.eastus-ptu.api_key", "backends.westus.api_key", "clients[0].key"]
    );
    let missing = wrong_secrets(config.secrets(), |secret| match secret.variable() {
        Some("CLIENT") => Ok(Vec::new()),
        _ => Err(secret::not_set(secret)),
    });
    let said: Vec<String> = missing.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "backends.eastus-ptu.api_key: the environment variable `EAST` is not set or empty",
            "clients[0].key: the environment variable `CLIENT` is not set or empty",
        ]
    );
    let named = |secret: &Secret| Ok(secret.variable().unwrap_or_default().into());
    assert_eq!(wrong_secrets(config.secrets(), named), []);
}

#[test]
fn bad_json_is_one_problem() {
    let problems = parse_json(b"{\"backends\": }").unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.contains("line 1, column 14"), "{}", problems[0]);
    assert!(parse_json(base().to_string().as_bytes()).is_ok());
}

#[test]
fn a_large_file_is_read_in_no_time() {
    let backend = |i| (format!("b{i}"), json!({"url": "https://b.example.com"}));
    let backends: serde_json::Map<String, Value> = (0..500).map(backend).collect();
    let pool: Vec<String> = (0..500).map(|i| format!("b{i}")).collect();
    let wrong: Vec<String> = (0..1000).map(|i| format!("backend-{i}")).collect();
    let good = json!({"backends": backends, "models": {"m": {"pool": pool}}});
    let bad = json!({"backends": backends, "models": {"m": {"pool": wrong}}});
    assert!(check(&good).is_ok());
    assert_eq!(check(&bad).unwrap_err().len(), 1000);
}

/// Where this is compiled with the command, objects keep the order of their keys; in the filter they
/// do not.
#[test]
fn an_id_is_the_same_whatever_the_order_of_the_file() {
    let read = |text: &str| parse_json(text.as_bytes()).unwrap();
    let one = read(
        r#"{"backends":{"b":{"url":"http://b"},"a":{"url":"http://a","deployments":{"n":"x"}}},
            "models":{"n":{"pool":["b","a"]},"m":{"pool":["b"]}},"default_model":"n"}"#,
    );
    let other = read(
        r#"{"backends":{"a":{"url":"http://a","deployments":{"n":"x"}},"b":{"url":"http://b"}},
            "models":{"m":{"pool":["b"]},"n":{"pool":["b","a"]}},"default_model":"n"}"#,
    );
    assert_eq!(one, other);
    assert_eq!(one.default_model, Some(Id::at(1)));
    assert_eq!(one.models[1].pool[1].deployment, "x");
}
