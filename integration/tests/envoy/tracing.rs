//! Traces: the client's trace goes on to the backend, each attempt has its span, and the one that
//! answered says what it used. The collector is Rotel, and where it matters client and backend are
//! OpenTelemetry's own SDK: what a span is, others say.

use serde_json::Value;
use spillway_integration::collector::{Collector, Span};
use spillway_integration::{Call, Gateway, Journal, Python, region};
use spillway_simulator::{Fault, Region, Reset, SeenRequest};

const CONFIG: &str = "
clients: [{ name: chat-app, key: \"${CLIENT}\" }]
models:
  gpt-4o-mini: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }
";

#[tokio::test]
async fn each_attempt_has_its_span_and_the_one_that_answered_says_what_it_used() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let (collector, gateway) = traced([&eastus, &westus]).await;
    eastus.script(Fault::status(503));

    let trace = "0af7651916cd43dd8448eb211c80319c";
    let call = Call::streamed_chat("gpt-4o-mini").header("api-key", KEY);
    let call = call.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    let call = call.header("tracestate", "vendor=its-own");
    assert_eq!(gateway.send(&call).await.status, 200);
    // What is refused keeps its path, and with it the key in the query.
    let refused = Call::chat("no-such-model").header("traceparent", OTHER);
    let refused = refused.with_query(&format!("api-key={KEY}"));
    assert_eq!(gateway.send(&refused).await.status, 400);

    let spans = collector.get(trace, 3).await;
    assert_eq!(spans.len(), 3, "{spans:#?}");
    let request = spans.iter().find(|span| span.parent == "b7ad6b7169203331");
    let request = request.expect("the request's own span, below the client's");
    assert_eq!((request.kind.as_str(), request.name.as_str()), (SERVER, "chat gpt-4o-mini"));
    assert_eq!((request.text("error.type"), request.is_error()), (None, false), "{request:#?}");
    assert_eq!(request.text("spillway.client"), Some("chat-app"));
    assert!(request.text("url.path").is_some_and(|path| path.ends_with("/chat/completions")));
    let usage = westus.only().usage.expect("tokens");
    for (region, status, tokens) in [(&eastus, "503", None), (&westus, "200", Some(usage))] {
        let span = attempt(&spans, region.name());
        assert_eq!(span.parent, request.id, "{span:#?}");
        assert_eq!(span.name, "chat gpt-4o-mini");
        assert_eq!(span.text("http.status_code"), Some(status));
        assert_eq!(span.text("gen_ai.operation.name"), Some("chat"));
        assert_eq!(span.text("gen_ai.request.model"), Some("gpt-4o-mini"));
        assert_eq!(span.text("gen_ai.provider.name"), Some("openai"), "no host of Azure");
        let failed = tokens.is_none();
        assert_eq!(span.text("error.type"), failed.then_some("503"), "{span:#?}");
        assert_eq!(span.is_error(), failed);
        let answered = (!failed).then_some("gpt-4o-mini");
        assert_eq!(span.text("gen_ai.response.model"), answered);
        // Envoy's tags are text.
        let tokens = tokens.map(|usage| (usage.prompt.to_string(), usage.completion.to_string()));
        let told =
            span.text("gen_ai.usage.input_tokens").zip(span.text("gen_ai.usage.output_tokens"));
        assert_eq!(told.map(|(i, o)| (i.to_owned(), o.to_owned())), tokens, "{span:#?}");
        let seen = region.only();
        let context = format!("00-{trace}-{}-01", span.id);
        assert_eq!(seen.header("traceparent"), Some(context.as_str()), "the backend's parent");
        assert_eq!(seen.header("tracestate"), Some("vendor=its-own"));
    }

    let [refused] = collector.get(&OTHER[3..35], 1).await.try_into().expect("one span");
    assert_eq!(refused.text("error.type"), Some("model_not_found"), "{refused:#?}");
    assert!(!refused.is_error(), "a server's 400 is none");
    for secret in [KEY, "key-of-eastus", "key-of-westus", "sarcastic", "api-version"] {
        assert!(!collector.log().contains(secret), "{secret} in a span");
    }
}

/// Its head was a good one: only the filter knows.
#[tokio::test]
async fn a_stream_that_breaks_off_is_an_error_on_both_of_its_spans() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let (collector, gateway) = traced([&eastus, &westus]).await;
    eastus.script(Fault::reset(Reset::MidStream));
    let call = Call::streamed_chat("gpt-4o-mini").header("api-key", KEY);
    let broken = gateway.client().try_send(&call.header("x-request-id", "breaks")).await;
    assert!(broken.is_err(), "{broken:?}");
    let line = gateway.log_line("breaks").await;
    assert_eq!(line["error"]["type"], "stream_interrupted", "{line}");
    assert_eq!(line["attempts"][0]["end"], "broken", "{line}");
    for span in collector.get(trace_of(&line), 2).await {
        assert_eq!(span.text("error.type"), Some("stream_interrupted"), "{span:#?}");
        assert_eq!((span.text("http.status_code"), span.is_error()), (Some("200"), true));
    }
}

/// Nothing answers there: the filter hears nothing of it, and Envoy knows.
#[tokio::test]
async fn an_attempt_without_an_answer_is_an_error_too() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let (collector, gateway) = traced([&eastus, &westus]).await;
    eastus.script(Fault::reset(Reset::BeforeHeaders));
    let call = Call::chat("gpt-4o-mini").header("api-key", KEY).header("x-request-id", "lost");
    assert_eq!(gateway.send(&call).await.ok().backend(), "westus");
    let line = gateway.log_line("lost").await;
    assert_eq!(
        (&line["error"]["type"], &line["attempts"][0]["end"]),
        (&Value::Null, &"failed".into())
    );
    let spans = collector.get(trace_of(&line), 3).await;
    assert_eq!(attempt(&spans, "eastus").text("error.type"), Some("no_answer"), "{spans:#?}");
    assert_eq!(attempt(&spans, "westus").text("error.type"), None, "{spans:#?}");
}

/// Envoy's own way with ids would write the trace's reason into a UUID, and make no span for another.
#[tokio::test]
async fn ids_stay_as_they_are_and_what_a_client_does_not_sample_is_not_sampled() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let (collector, gateway) = traced([&eastus, &westus]).await;
    let call = || Call::chat("gpt-4o-mini").header("api-key", KEY);
    let uuid = "6f1d3c0e-7a52-4b1e-9c0d-3a5b7e9f1c2d";
    for id in [uuid, "mine", "0123456789abcdef"] {
        let answer = gateway.send(&call().header("x-request-id", id)).await;
        assert_eq!((answer.status, answer.header("x-request-id")), (200, id));
        assert_eq!(last(&eastus).header("x-request-id"), Some(id), "at the backend");
        let spans = collector.get(trace_of(&gateway.log_line(id).await), 2).await;
        assert!(spans.iter().any(|span| span.text("guid:x-request-id") == Some(id)), "{spans:#?}");
    }

    let trace = "2af7651916cd43dd8448eb211c80319c";
    let unsampled = format!("00-{trace}-b7ad6b7169203331-00");
    assert_eq!(gateway.send(&call().header("traceparent", unsampled)).await.status, 200);
    let seen = last(&eastus);
    let context = seen.header("traceparent").expect("a trace");
    assert!(context.starts_with(&format!("00-{trace}-")) && context.ends_with("-00"), "{context}");
    // What is sent later comes later: then a span of this trace would be there.
    assert_eq!(gateway.send(&call().header("traceparent", OTHER)).await.status, 200);
    collector.get(&OTHER[3..35], 2).await;
    assert_eq!(collector.of(trace), [], "a span that its client did not want");
}

/// A client and a backend that are instrumented with OpenTelemetry's SDK see one trace.
#[tokio::test]
async fn a_trace_of_the_sdk_leads_through_the_gateway() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let (collector, gateway) = traced([&eastus, &westus]).await;
    let (at, url) = (collector.http.to_string(), gateway.url());
    let client = Python::Traces.run("traces.py", &["call", &at, &url, KEY]).await.remove(0);
    let seen = last(&eastus);
    let context = seen.header("traceparent").expect("a trace").to_owned();
    let backend = Python::Traces.run("traces.py", &["continue", &at, &context]).await.remove(0);
    let trace = client["trace"].as_str().expect("an id");
    assert_eq!((&backend["trace"], &backend["sampled"]), (&client["trace"], &Value::Bool(true)));

    let spans = collector.get(trace, 4).await;
    let of = |id: &Value| spans.iter().find(|span| *id == span.id).expect("a span").clone();
    let (ask, answer) = (of(&client["span"]), of(&backend["span"]));
    let attempt = attempt(&spans, "eastus");
    assert_eq!(answer.parent, attempt.id, "{spans:#?}");
    let request = spans.iter().find(|span| span.id == attempt.parent).expect("the request's");
    assert_eq!((&request.parent, request.kind.as_str()), (&ask.id, SERVER), "{spans:#?}");
    assert_eq!(ask.parent, "");
    let service = |span: &Span| span.resource.get("service.name").cloned();
    assert_eq!(service(request).as_deref(), Some("Str(spillway)"));
    assert_eq!(service(&ask).as_deref(), Some("Str(a-client)"));

    // One that the SDK does not sample is not sampled behind the gateway either.
    let call = ["call", &at, &url, KEY, "off"];
    let client = Python::Traces.run("traces.py", &call).await.remove(0);
    assert_eq!(client["sampled"], false);
    let context = last(&eastus).header("traceparent").expect("a trace").to_owned();
    let backend = Python::Traces.run("traces.py", &["continue", &at, &context]).await.remove(0);
    assert_eq!((&backend["trace"], &backend["sampled"]), (&client["trace"], &Value::Bool(false)));
}

async fn traced(regions: [&Region; 2]) -> (Collector, Gateway) {
    let collector = Collector::start().await;
    let setup = Gateway::setup(CONFIG, regions).env("CLIENT", KEY);
    let gateway = setup.otlp(collector.http).start().await;
    (collector, gateway)
}

/// The attempt at this backend.
fn attempt<'a>(spans: &'a [Span], backend: &str) -> &'a Span {
    let is = |span: &&Span| {
        span.text("upstream_cluster.name") == Some(backend) && span.kind == "SPAN_KIND_CLIENT"
    };
    spans.iter().find(is).unwrap_or_else(|| panic!("no attempt at {backend}: {spans:#?}"))
}

fn trace_of(line: &Value) -> &str {
    line["trace_id"].as_str().expect("an id")
}

fn last(region: &Region) -> SeenRequest {
    region.requests().pop().expect("a request")
}

const KEY: &str = "the-clients-key";

const OTHER: &str = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const SERVER: &str = "SPAN_KIND_SERVER";
