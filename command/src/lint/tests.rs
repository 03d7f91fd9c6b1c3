use super::*;
use spillway::config::check;

/// Two backends, two tiers, nothing to say.
const QUIET: &str = "
backends: { a: { url: \"https://a\" }, b: { url: \"https://b\" } }
models: { m: { pool: [{ backend: a, priority: 1 }, { backend: b, priority: 2 }] } }
clients: [{ name: c, key: \"${C}\" }]
";

fn found_by(text: &str, failover: FailoverMode) -> Vec<String> {
    let file: Value = serde_saphyr::from_str(text).unwrap();
    let config = check(&file).unwrap();
    let found = lint(&config, &file, failover);
    let line = |f: &Finding| format!("{} {}", f.severity.name(), f.problem.path);
    found.iter().map(line).collect()
}

/// What the file has to say once one part of it was replaced.
#[track_caller]
fn says(from: &str, to: &str, expected: &[&str]) {
    assert!(QUIET.contains(from));
    assert_eq!(found_by(&QUIET.replace(from, to), FailoverMode::Retry), expected, "{to}");
}

#[test]
fn nothing_is_said_of_what_works() {
    says("models:", "models:", &[]);
    for more in [
        "retry: { attempts: 2, statuses: [429, 503], budget: 20% }",
        "circuit_breaker: { failures: 1, interval: 60s, trip: 60s, max_trip: 60s }",
        "circuit_breaker: { failure_ratio: 50%, minimum_requests: 10, interval: 10s }",
        "timeouts: { connect: 2s, first_byte: 60s, per_try: 5m, request: 15m }",
        "timeouts: { request: 15m }",
        "denied_models: [\"m*\", \"o1-*\", x]",
        "when_exhausted: retry_later",
        "first_event: { time: 30s }",
    ] {
        says("models:", &format!("{more}\nmodels:"), &[]);
    }
}

#[test]
fn the_door() {
    says("clients: [{ name: c, key: \"${C}\" }]", "", &["warning "]);
    let denied = "denied_models: [o1-mini, \"o1*\", \"o1-*\", x, x]\nmodels:";
    let expected = [0, 2, 4].map(|at| format!("warning denied_models[{at}]"));
    says("models:", denied, &expected.each_ref().map(String::as_str));
    let empty = "when_exhausted: service_unavailable\nmodels:";
    says("models:", empty, &["note when_exhausted"]);
    says("models:", "cookie_key: ${K}\nmodels:", &["warning cookie_key"]);
}

#[test]
fn backends() {
    let unused = "b: { url: \"https://b\" }, c: { url: \"https://c\", deployments: { m: m-1 } }";
    let expected = ["warning backends.c", "warning backends.c.deployments.m"];
    says("b: { url: \"https://b\" }", unused, &expected);
    for (url, key, expected) in [
        ("http://b.example", "api_key", vec!["warning backends.b.api_key"]),
        ("http://b.svc.cluster.local", "api_key", vec!["warning backends.b.api_key"]),
        ("http://b:8080", "api_key", vec![]),
        ("http://10.0.0.1", "bearer_token", vec!["warning backends.b.bearer_token"]),
        ("http://localhost:8080", "api_key", vec![]),
        ("http://127.0.0.2", "api_key", vec![]),
        ("http://[::1]:80", "api_key", vec![]),
        ("https://b", "api_key", vec![]),
    ] {
        let backend = format!("b: {{ url: \"{url}\", {key}: \"${{K}}\" }}");
        says("b: { url: \"https://b\" }", &backend, &expected);
    }
}

#[test]
fn pools() {
    says("priority: 2", "priority: 2, weight: 5", &["warning models.m.pool[1].weight"]);
    says("priority: 2", "weight: 5", &[]);
    says("}] }", "}], headroom: true }", &["warning models.m.headroom"]);
    says("priority: 2 }]", "priority: 1 }], headroom: true", &[]);
    says("}] }", "}] }, n: { pool: [b] }", &[]);
    let renamed = QUIET.replace("\"https://b\"", "\"https://b\", deployments: { n: m }");
    let renamed = renamed.replace("}] }", "}] }, n: { pool: [a, b] }");
    assert_eq!(found_by(&renamed, FailoverMode::Retry), ["note models.n.pool[1]"]);
    let whole = format!("{renamed}circuit_breaker: {{ scope: backend }}");
    assert_eq!(found_by(&whole, FailoverMode::Retry), [""; 0]);
}

#[test]
fn affinity_of_a_pool_of_one() {
    let one = "}] }, n: { pool: [b], session_affinity: ";
    says("}] }", &format!("{one} true }}"), &["note models.n.session_affinity"]);
    says("}] }", &format!("{one} false }}"), &[]);
    let required = format!("{one} {{ mode: require }} }}");
    says("}] }", &required, &["warning models.n.session_affinity.mode"]);
}

#[test]
fn circuits_that_open_too_late() {
    let rule = |rule: &str| format!("circuit_breaker: {{ {rule} }}\nmodels:");
    let minimum = ["warning circuit_breaker.minimum_requests"];
    says("models:", &rule("minimum_requests: 10"), &minimum);
    let hardly = "failure_ratio: 50%, minimum_requests: 5000, interval: 10s";
    says("models:", &rule(hardly), &minimum);
    let interval = ["warning circuit_breaker.interval"];
    says("models:", &rule("failure_ratio: 50%, interval: 100ms"), &interval);
    let failures = ["warning circuit_breaker.failures"];
    says("models:", &rule("failures: 10000, interval: 1s"), &failures);
    says("models:", &rule("failures: 10000, failure_ratio: 50%, interval: 1s"), &failures);
}

#[test]
fn a_client_that_leaves_after_the_time_out() {
    let rule = |after: &str, first_byte: &str| {
        let rule = format!("circuit_breaker: {{ abandoned_after: {after} }}");
        format!("{rule}\ntimeouts: {{ first_byte: {first_byte} }}\nmodels:")
    };
    says("models:", &rule("10s", "10s"), &["warning circuit_breaker.abandoned_after"]);
    says("models:", &rule("10s", "11s"), &[]);
}

#[test]
fn retries() {
    let rule = |rule: &str| format!("retry: {{ {rule} }}\nmodels:");
    says("models:", &rule("attempts: 3"), &["warning retry.attempts"]);
    says("models:", &rule("attempts: 1"), &["note retry.attempts"]);
    says("models:", &rule("statuses: [503]"), &["warning retry.statuses"]);
    says("models:", &rule("budget: 0%"), &["warning retry.budget"]);
    let never = "attempts: 1, statuses: [429], budget: 50%";
    let expected = ["note retry.attempts", "warning retry.statuses", "warning retry.budget"];
    says("models:", &rule(never), &expected);
    let own = "}], retry: { attempts: 5 } }";
    says("}] }", own, &["warning models.m.retry.attempts"]);
    // The file's rule is for the largest pool.
    says("}] } }", "}] }, n: { pool: [a] } }\nretry: { attempts: 2, statuses: [429] }", &[]);
}

#[test]
fn time_outs_that_never_come() {
    let rule = |rule: &str| format!("timeouts: {{ {rule} }}\nmodels:");
    let first_byte = ["warning timeouts.first_byte"];
    says("models:", &rule("first_byte: 60s, request: 30s"), &first_byte);
    says("models:", &rule("first_byte: 60s, per_try: 30s"), &first_byte);
    says("models:", &rule("first_byte: 60s, stream_idle: 30s"), &first_byte);
    says(
        "models:",
        &rule("per_try: 60s, request: 50s, first_byte: 10s"),
        &["warning timeouts.per_try"],
    );
    says("models:", &rule("request: 60s"), &["warning timeouts.request"]);
    // It counts from when there is a connection.
    says("models:", &rule("connect: 20s, first_byte: 10s"), &[]);
}

#[test]
fn more_series_than_a_scrape_should_have() {
    let large = |clients: usize, more: &str| {
        let models: String =
            (0..100).map(|at| format!("  m{at}: {{ pool: [a, b, c, d] }}\n")).collect();
        let clients: String = (0..clients)
            .map(|at| format!("  - {{ name: c{at}, key: \"${{C{at}}}\" }}\n"))
            .collect();
        let backends: String = ["a", "b", "c", "d"]
            .map(|name| format!("  {name}: {{ url: https://{name} }}\n"))
            .concat();
        let text = format!("backends:\n{backends}models:\n{models}clients:\n{clients}{more}");
        found_by(&text, FailoverMode::Retry)
    };
    assert_eq!(large(5, ""), [""; 0]);
    assert_eq!(large(10, ""), ["warning clients"]);
    assert_eq!(large(10, "metrics: { client_label: false }\n"), [""; 0]);
}

#[test]
fn what_an_older_envoy_cannot_do() {
    let text = QUIET.replace(
        "models:",
        "first_event: { time: 5s }\nretry: { failover_on_refusal: true }\nmodels:",
    );
    let expected = ["warning first_event.time", "warning retry.failover_on_refusal"];
    assert_eq!(found_by(&text, FailoverMode::RedirectUnheld), expected);
    assert_eq!(found_by(&text, FailoverMode::Redirect), [""; 0]);
    let text = QUIET.replace("models:", "timeouts: { first_byte: 10s, request: 60s }\nmodels:");
    assert_eq!(found_by(&text, FailoverMode::Redirect), ["warning timeouts.request"]);
    assert_eq!(found_by(&text, FailoverMode::Retry), [""; 0]);
}

#[test]
fn the_files_that_we_give_away_are_quiet() {
    for file in ["../docs/example.yaml", "../demo/spillway.yaml"] {
        let text = std::fs::read_to_string(file).unwrap();
        assert_eq!(found_by(&text, FailoverMode::Retry), [""; 0], "{file}");
    }
}
