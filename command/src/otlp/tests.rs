use super::*;

fn read(flags: &Flags, variables: &[(&str, &str)]) -> Result<Found, Vec<String>> {
    let find = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    flags.read(&find).map_err(|all| all.iter().map(|problem| problem.message.clone()).collect())
}

fn to(endpoint: &str) -> Flags {
    Flags { otlp: Some(endpoint.to_owned()), ..Flags::default() }
}

fn exporter(flags: &Flags, variables: &[(&str, &str)]) -> Exporter {
    read(flags, variables).unwrap().exporter.unwrap()
}

fn url(exporter: &Exporter) -> String {
    let BackendUrl { tls, host, port, base_path } = &exporter.url;
    format!("{} {host} {port} {base_path}", if *tls { "tls" } else { "clear" })
}

#[test]
fn an_endpoint_is_a_base_unless_it_is_for_traces() {
    for (text, wanted) in [
        ("10.0.0.1:4318", "clear 10.0.0.1 4318 /v1/traces"),
        ("[::1]:4318", "clear ::1 4318 /v1/traces"),
        ("otel-collector", "clear otel-collector 4318 /v1/traces"),
        ("otel-collector:4399", "clear otel-collector 4399 /v1/traces"),
        ("http://a.example", "clear a.example 80 /v1/traces"),
        ("https://a.example/otlp/", "tls a.example 443 /otlp/v1/traces"),
        ("https://a.example/otlp/v1/traces", "tls a.example 443 /otlp/v1/traces"),
    ] {
        assert_eq!(url(&exporter(&to(text), &[])), wanted);
    }
    let none = Flags::default();
    for (variable, value, wanted) in [
        (endpoint::BASE, "https://a.example/v1/traces", "tls a.example 443 /v1/traces/v1/traces"),
        (endpoint::OF_TRACES, "https://a.example/x", "tls a.example 443 /x"),
        (endpoint::OF_TRACES, "https://a.example", "tls a.example 443 /"),
    ] {
        assert_eq!(url(&exporter(&none, &[(variable, value)])), wanted);
    }
    let grpc = [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    assert_eq!(url(&exporter(&to("collector"), &grpc)), "clear collector 4317 ");
}

#[test]
fn the_command_line_wins_and_variables_for_traces_win() {
    let variables = [
        (endpoint::BASE, "http://base"),
        (endpoint::OF_TRACES, "http://traces"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=b"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "Api-Key=x%20y, c = d"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ("OTEL_SERVICE_NAME", "mine"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=no,deployment.environment.name=a%2Cb"),
    ];
    let found = read(&Flags::default(), &variables).unwrap();
    let exporter = found.exporter.unwrap();
    assert_eq!(url(&exporter), "clear traces 80 /");
    let headers: Vec<_> = exporter.headers.iter().map(|h| (&*h.name, &*h.variable)).collect();
    assert_eq!(headers, [("api-key", "SPILLWAY_OTLP_HEADER_0"), ("c", "SPILLWAY_OTLP_HEADER_1")]);
    let values: Vec<_> = found.environment.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(values, ["x y", "d"]);
    assert_eq!(exporter.timeout, Millis(1500));
    assert_eq!(exporter.sampler, Sampler { by_parent: false, root: Root::Share(250_000) });
    assert_eq!(exporter.resource.service, "mine");
    assert_eq!(exporter.resource.attributes["deployment.environment.name"], "a,b");

    let flags = Flags {
        otlp_header: vec!["X-Key=${KEY}".into()],
        otlp_sampler: Some("parentbased_always_off".into()),
        ..to("flag:1")
    };
    let found = read(&flags, &variables).unwrap();
    let exporter = found.exporter.unwrap();
    assert_eq!(url(&exporter), "clear flag 1 /v1/traces");
    assert_eq!(exporter.headers, [Header { name: "x-key".into(), variable: "KEY".into() }]);
    assert_eq!(found.environment, []);
    assert_eq!(exporter.sampler, Sampler { by_parent: true, root: Root::Share(0) });
    assert_eq!(flags.variables(), ["KEY"]);
    let again = [
        "--otlp",
        "flag:1",
        "--otlp-sampler",
        "parentbased_always_off",
        "--otlp-header",
        "X-Key=${KEY}",
    ];
    assert_eq!(flags.arguments(), again);
}

#[test]
fn spans_go_nowhere_unless_a_collector_is_named() {
    let none = Flags::default();
    let base = (endpoint::BASE, "http://a");
    for variables in [
        &[][..],
        &[("OTEL_SERVICE_NAME", "x"), ("OTEL_TRACES_SAMPLER", "nonsense")],
        &[(endpoint::BASE, " ")],
        &[base, ("OTEL_SDK_DISABLED", "True")],
        &[base, ("OTEL_TRACES_EXPORTER", "none")],
    ] {
        assert_eq!(read(&none, variables), Ok(Found::default()), "{variables:?}");
    }
    assert!(read(&to("a"), &[("OTEL_SDK_DISABLED", "true")]).unwrap().exporter.is_some());
}

#[test]
fn every_problem_is_told_and_no_value_of_a_header() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_HEADERS", "secret,host=secret,a=secret%00"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_RESOURCE_ATTRIBUTES", "nothing"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem"),
    ];
    let problems = read(&to("ftp://a"), &variables).unwrap_err();
    assert_eq!(problems.len(), 9, "{problems:#?}");
    assert!(problems.iter().all(|problem| !problem.contains("secret")), "{problems:#?}");
    let key = Flags { otlp_header: vec!["api-key=secret".into()], ..to("https://u:secret@a") };
    let problems = read(&key, &[]).unwrap_err();
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(problems.iter().all(|problem| !problem.contains("secret")), "{problems:#?}");
    let ratio = Flags { otlp_sampler: Some("traceidratio=2".into()), ..to("a") };
    assert_eq!(read(&ratio, &[]).unwrap_err().len(), 1);
    let alone = Flags { otlp_ca: Some("/ca.pem".into()), ..Flags::default() };
    assert_eq!(read(&alone, &[]).unwrap_err().len(), 1);
}
