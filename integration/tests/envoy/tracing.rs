//! Traces: the client's trace goes on to the backend, each attempt has its span, and the one that
//! answered says what it used.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use prost::Message;
use spillway_integration::{Call, Gateway, Journal, eventually, region};
use spillway_simulator::{Fault, Region, Reset, SeenRequest};
use tokio::net::TcpListener;

const CONFIG: &str = "
clients: [{ name: chat-app, key: \"${CLIENT}\" }]
models:
  gpt-4o-mini: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }
";

#[tokio::test]
async fn each_attempt_has_its_span_and_the_one_that_answered_says_what_it_used() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let collector = Collector::start().await;
    let setup = Gateway::setup(CONFIG, [&eastus, &westus]).env("CLIENT", "the-clients-key");
    let gateway = setup.otlp(collector.at).start().await;
    eastus.script(Fault::status(503));

    let trace = "0af7651916cd43dd8448eb211c80319c";
    let call = Call::streamed_chat("gpt-4o-mini").header("api-key", "the-clients-key");
    let call = call.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    let call = call.header("tracestate", "vendor=its-own");
    assert_eq!(gateway.send(&call).await.status, 200);
    // What is refused keeps its path, and with it the key in the query.
    let refused = Call::chat("no-such-model").header("traceparent", OTHER_TRACE);
    let refused = refused.with_query("api-key=the-clients-key");
    assert_eq!(gateway.send(&refused).await.status, 400);

    let spans = eventually("the spans of both", async || {
        let spans = collector.spans();
        (spans.len() >= 4).then_some(spans)
    })
    .await;
    let spans: Vec<Span> = spans.into_iter().filter(|span| hex(&span.trace_id) == trace).collect();
    assert_eq!(spans.len(), 3, "{spans:#?}");
    let of_backend = |name: &str| {
        let is =
            |span: &&Span| span.tag("upstream_cluster.name") == Some(name) && span.kind == CLIENT;
        spans.iter().find(is).unwrap_or_else(|| panic!("no attempt at {name}: {spans:#?}"))
    };
    let request = spans.iter().find(|span| hex(&span.parent) == "b7ad6b7169203331");
    let request = request.expect("the request's own span, below the client's");
    let usage = westus.only().usage.expect("tokens");
    for (region, status, tokens) in [(&eastus, "503", None), (&westus, "200", Some(usage))] {
        let span = of_backend(region.name());
        assert_eq!(span.parent, request.id, "{span:#?}");
        assert_eq!(span.tag("http.status_code"), Some(status));
        assert_eq!(span.tag("gen_ai.request.model"), Some("gpt-4o-mini"));
        assert_eq!(span.name, "chat gpt-4o-mini");
        assert_eq!(span.tag("gen_ai.operation.name"), Some("chat"));
        assert_eq!(span.tag("gen_ai.provider.name"), Some("openai"), "no host of Azure");
        let failed = tokens.is_none();
        assert_eq!(span.tag("error.type"), failed.then_some("503"), "{span:#?}");
        assert_eq!(span.is_error(), failed);
        let answered = (!failed).then_some("gpt-4o-mini");
        assert_eq!(span.tag("gen_ai.response.model"), answered);
        let tokens = tokens.map(|usage| (usage.prompt.to_string(), usage.completion.to_string()));
        let told =
            span.tag("gen_ai.usage.input_tokens").zip(span.tag("gen_ai.usage.output_tokens"));
        assert_eq!(told.map(|(i, o)| (i.to_owned(), o.to_owned())), tokens, "{span:#?}");
        let seen = region.only();
        let context = format!("00-{trace}-{}-01", hex(&span.id));
        assert_eq!(seen.header("traceparent"), Some(context.as_str()), "the backend's parent");
        assert_eq!(seen.header("tracestate"), Some("vendor=its-own"));
    }
    assert_eq!((request.tag("error.type"), request.is_error()), (None, false), "{request:#?}");
    assert_eq!(request.tag("spillway.client"), Some("chat-app"));
    assert!(request.tag("url.path").is_some_and(|path| path.ends_with("/chat/completions")));

    for secret in ["the-clients-key", "key-of-eastus", "key-of-westus", "sarcastic", "api-version"]
    {
        assert!(!collector.holds(secret), "{secret} in a span");
    }
}

/// Its head was a good one: only the filter knows.
#[tokio::test]
async fn a_stream_that_breaks_off_is_an_error_on_both_of_its_spans() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let collector = Collector::start().await;
    let setup = Gateway::setup(CONFIG, [&eastus, &westus]).env("CLIENT", "the-clients-key");
    let gateway = setup.otlp(collector.at).start().await;
    eastus.script(Fault::reset(Reset::MidStream));
    let call = Call::streamed_chat("gpt-4o-mini").header("api-key", "the-clients-key");
    let broken = gateway.client().try_send(&call.header("x-request-id", "breaks")).await;
    assert!(broken.is_err(), "{broken:?}");
    let line = gateway.log_line("breaks").await;
    assert_eq!(line["error"]["type"], "stream_interrupted", "{line}");
    assert_eq!(line["attempts"][0]["end"], "broken", "{line}");
    let trace = line["trace_id"].as_str().expect("an id").to_owned();
    let spans = eventually("both spans", async || {
        Some(collector.of(&trace)).filter(|spans| spans.len() >= 2)
    })
    .await;
    for span in spans {
        assert_eq!(span.tag("error.type"), Some("stream_interrupted"), "{span:#?}");
        assert_eq!((span.tag("http.status_code"), span.is_error()), (Some("200"), true));
    }
}

/// Envoy's own way with ids would write the trace's reason into a UUID, and make no span for another.
#[tokio::test]
async fn ids_stay_as_they_are_and_what_a_client_does_not_sample_is_not_sampled() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let collector = Collector::start().await;
    let setup = Gateway::setup(CONFIG, [&eastus, &westus]).env("CLIENT", "the-clients-key");
    let gateway = setup.otlp(collector.at).start().await;
    let call = || Call::chat("gpt-4o-mini").header("api-key", "the-clients-key");
    let uuid = "6f1d3c0e-7a52-4b1e-9c0d-3a5b7e9f1c2d";
    for id in [uuid, "mine", "0123456789abcdef"] {
        let answer = gateway.send(&call().header("x-request-id", id)).await;
        assert_eq!((answer.status, answer.header("x-request-id")), (200, id));
        assert_eq!(last(&eastus).header("x-request-id"), Some(id), "at the backend");
        let trace = gateway.log_line(id).await["trace_id"].as_str().expect("an id").to_owned();
        eventually("both spans", async || (collector.of(&trace).len() >= 2).then_some(())).await;
    }

    let unsampled = "00-2af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    assert_eq!(gateway.send(&call().header("traceparent", unsampled)).await.status, 200);
    let seen = last(&eastus);
    let context = seen.header("traceparent").expect("a trace");
    let trace = "2af7651916cd43dd8448eb211c80319c";
    assert!(context.starts_with(&format!("00-{trace}-")) && context.ends_with("-00"), "{context}");
    // What is sent later comes later: then a span of this trace would be there.
    assert_eq!(gateway.send(&call().header("traceparent", OTHER_TRACE)).await.status, 200);
    eventually("the last spans", async || {
        (collector.of("1af7651916cd43dd8448eb211c80319c").len() >= 2).then_some(())
    })
    .await;
    assert!(collector.of(trace).is_empty(), "a span that its client did not want");
}

/// A collector that keeps what it gets.
struct Collector {
    at: SocketAddr,
    received: Arc<Mutex<Vec<Bytes>>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let at = listener.local_addr().expect("an address");
        let received = Arc::new(Mutex::new(Vec::new()));
        let all = received.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let all = all.clone();
                let take = service_fn(move |request: Request<Incoming>| {
                    let all = all.clone();
                    async move {
                        assert_eq!(request.uri().path(), "/v1/traces");
                        let body = request.into_body().collect().await.expect("a body");
                        all.lock().expect("nobody panicked").push(body.to_bytes());
                        Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
                    }
                });
                tokio::spawn(async move {
                    let http = hyper::server::conn::http1::Builder::new();
                    drop(http.serve_connection(TokioIo::new(socket), take).await);
                });
            }
        });
        Self { at, received }
    }

    fn spans(&self) -> Vec<Span> {
        let received = self.received.lock().expect("nobody panicked");
        let decode = |bytes: &Bytes| Export::decode(bytes.clone()).expect("OTLP");
        let resources = received.iter().flat_map(|bytes| decode(bytes).resources);
        resources.flat_map(|resource| resource.scopes).flat_map(|scope| scope.spans).collect()
    }

    /// The spans of this trace.
    fn of(&self, trace: &str) -> Vec<Span> {
        self.spans().into_iter().filter(|span| hex(&span.trace_id) == trace).collect()
    }

    fn holds(&self, text: &str) -> bool {
        let received = self.received.lock().expect("nobody panicked");
        received.iter().any(|bytes| String::from_utf8_lossy(bytes).contains(text))
    }
}

impl Span {
    /// `STATUS_CODE_ERROR`.
    fn is_error(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.code == 2)
    }

    fn tag(&self, key: &str) -> Option<&str> {
        let attributes = self.attributes.iter().map(|pair| (pair.key.as_str(), &pair.value));
        attributes.collect::<BTreeMap<_, _>>().get(key)?.as_ref().map(|value| value.text.as_str())
    }
}

fn last(region: &Region) -> SeenRequest {
    region.requests().pop().expect("a request")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const OTHER_TRACE: &str = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// `SPAN_KIND_CLIENT`.
const CLIENT: i32 = 3;

/// `ExportTraceServiceRequest`, as far as it is read here (opentelemetry-proto, `trace/v1`).
#[derive(Clone, PartialEq, Message)]
struct Export {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<Pair>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Pair {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<Text>,
}

#[derive(Clone, PartialEq, Message)]
struct Text {
    #[prost(string, tag = "1")]
    text: String,
}
