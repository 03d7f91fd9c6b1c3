//! How spans get to a collector: by host name, over TLS, with a key, as gRPC, and which of them.

use std::fs;

use spillway_integration::collector::Collector;
use spillway_integration::{Authority, Call, Gateway, Nginx, Setup, region};
use spillway_simulator::Region;

const CONFIG: &str = "models: { gpt-4o-mini: { pool: [eastus] } }";

/// All by the variables that every SDK reads. nginx ends TLS and asks for the key.
#[tokio::test]
async fn a_key_reaches_a_collector_over_tls_and_stands_nowhere() {
    let (eastus, collector, authority) =
        (region("eastus").await, Collector::start().await, Authority::new());
    let folder = tempfile::tempdir().expect("a folder");
    let certificate = authority.certificate("localhost");
    let file = |name: &str| folder.path().join(name).display().to_string();
    fs::write(file("cert.pem"), certificate.certificates_pem).expect("a file");
    fs::write(file("key.pem"), certificate.key_pem).expect("a file");
    let http = format!(
        "server {{ listen LISTEN ssl; ssl_certificate {}; ssl_certificate_key {};
           location /otlp/ {{ if ($http_api_key != \"{KEY}\") {{ return 401; }}
             proxy_pass http://{}/; }} }}",
        file("cert.pem"),
        file("key.pem"),
        collector.http,
    );
    let nginx = Nginx::start(folder.path(), &http).await;
    let endpoint = format!("https://localhost:{}/otlp", nginx.at.port());
    let escaped = KEY.replace(' ', "%20");
    let setup = soon(&eastus)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)
        .env("OTEL_EXPORTER_OTLP_HEADERS", &format!("Api-Key={escaped},x-other=y"))
        .env("OTEL_EXPORTER_OTLP_CERTIFICATE", &authority.ca_file().display().to_string())
        .env("OTEL_SERVICE_NAME", "my-gateway")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=a%2Cb");
    let gateway = setup.start().await;
    let spans = collector.get(&sent(&gateway, "over-tls").await, 2).await;
    let of = |name: &str| spans[0].resource.get(name).map(String::as_str);
    assert_eq!(of("service.name"), Some("Str(my-gateway)"));
    assert_eq!(of("deployment.environment.name"), Some("Str(a,b)"));

    let dump = gateway.admin("/config_dump?include_eds").await;
    assert!(dump.contains("ENVIRONMENT(SPILLWAY_OTLP_HEADER_0)"), "the header is there");
    for (what, text) in
        [("a config dump", &dump), ("the log", &gateway.log()), ("a process list", &processes())]
    {
        assert!(!text.contains(KEY) && !text.contains(&escaped), "the key is in {what}");
    }
}

/// The command line names the variable with the key; gRPC is spoken in the clear.
#[tokio::test]
async fn a_collector_by_its_name_is_spoken_to_in_grpc_too() {
    let (eastus, collector) = (region("eastus").await, Collector::start().await);
    let named = format!("localhost:{}", collector.grpc.port());
    let arguments =
        ["--otlp", &named, "--otlp-protocol", "grpc", "--otlp-header", "api-key=${COLLECTOR_KEY}"];
    let gateway = soon(&eastus).env("COLLECTOR_KEY", KEY).spans(arguments).start().await;
    let spans = collector.get(&sent(&gateway, "as-grpc").await, 2).await;
    assert!(spans.iter().any(|span| span.kind == "SPAN_KIND_SERVER"), "{spans:#?}");
    assert!(!gateway.admin("/config_dump").await.contains(KEY), "the key is in a config dump");
}

#[tokio::test]
async fn a_share_of_the_requests_has_spans_and_the_backend_knows_which() {
    let (eastus, collector) = (region("eastus").await, Collector::start().await);
    let at = collector.http.to_string();
    let arguments = ["--otlp", &at, "--otlp-sampler", "parentbased_traceidratio=0.5"];
    let gateway = soon(&eastus).spans(arguments).start().await;
    for _ in 0..40 {
        assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.status, 200);
    }
    let seen = eastus.requests();
    let contexts: Vec<&str> = seen.iter().filter_map(|seen| seen.header("traceparent")).collect();
    let (sampled, others): (Vec<&str>, Vec<&str>) =
        contexts.iter().partition(|context| context.ends_with("-01"));
    assert_eq!(sampled.len() + others.len(), 40);
    assert!(!sampled.is_empty() && !others.is_empty(), "{sampled:?} {others:?}");
    for context in sampled {
        collector.get(&context[3..35], 2).await;
    }
    for context in others {
        assert_eq!(collector.of(&context[3..35]), [], "{context}");
    }
}

#[tokio::test]
async fn a_sampler_may_ignore_what_the_client_says() {
    let (eastus, collector) = (region("eastus").await, Collector::start().await);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    for (sampler, from, to) in [("always_off", "01", "-00"), ("always_on", "00", "-01")] {
        let setup = soon(&eastus).env("OTEL_TRACES_SAMPLER", sampler);
        let endpoint = format!("http://{}/v1/traces", collector.http);
        let gateway = setup.env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &endpoint).start().await;
        let context = format!("00-{trace}-b7ad6b7169203331-{from}");
        let call = Call::chat("gpt-4o-mini").header("traceparent", context);
        assert_eq!(gateway.send(&call).await.status, 200);
        let seen = eastus.requests().pop().expect("a request");
        let context = seen.header("traceparent").expect("a trace");
        assert!(context.ends_with(to), "{sampler}: {context}");
        let count = if sampler == "always_on" { 2 } else { 0 };
        assert_eq!(collector.get(trace, count).await.len(), count, "{sampler}");
    }
}

fn soon(eastus: &Region) -> Setup {
    Gateway::setup(CONFIG, [eastus]).env("OTEL_BSP_SCHEDULE_DELAY", "100")
}

/// Sends a request; its trace.
async fn sent(gateway: &Gateway, id: &str) -> String {
    let call = Call::chat("gpt-4o-mini").header("x-request-id", id);
    assert_eq!(gateway.send(&call).await.status, 200);
    gateway.log_line(id).await["trace_id"].as_str().expect("an id").to_owned()
}

/// The command lines of all processes.
fn processes() -> String {
    let all = fs::read_dir("/proc").expect("Linux").flatten();
    all.filter_map(|process| fs::read_to_string(process.path().join("cmdline")).ok()).collect()
}

const KEY: &str = "the collectors key";
