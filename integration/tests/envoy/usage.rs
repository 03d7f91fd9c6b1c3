//! Tokens: what backends report is what the access log says, whatever the API, and nobody sees more
//! than was asked for.

use serde_json::{Value, json};
use spillway_integration::{Call, Gateway, region};
use spillway_simulator::Region;

const PAIR: &str = "
circuit_breaker: { failures: 1000 }
models:
  gpt-4o-mini: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }
  o3-mini: { pool: [eastus] }
  text-embedding: { pool: [eastus] }
  as-it-comes: { pool: [eastus], usage: { include_in_streams: false } }
";

/// What the region says it has reported in its last answer.
fn reported(region: &Region) -> Value {
    let usage = region.requests().pop().expect("a request").usage;
    usage.map_or(UNKNOWN, |usage| {
        json!({
            "prompt": usage.prompt,
            "completion": usage.completion,
            "cached": usage.cached,
            "reasoning": usage.reasoning,
        })
    })
}

const UNKNOWN: Value = Value::Null;

fn with(mut body: Value, more: &Value) -> Value {
    let fields = body.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    body
}

/// A call of each API, plain and as a stream.
fn calls() -> Vec<(&'static str, Call, bool)> {
    let chat = json!({ "messages": [{ "role": "user", "content": "Explain photosynthesis" }] });
    let text = json!({ "prompt": "Once upon a time" });
    let v1 = |model: &str, body: &Value| with(body.clone(), &json!({ "model": model }));
    let stream = |body: &Value| with(body.clone(), &json!({ "stream": true }));
    let at = |path: &str| format!("/openai/deployments/gpt-4o-mini/{path}?api-version=2024-10-21");
    let response = json!({ "model": "o3-mini", "input": "Explain photosynthesis" });
    vec![
        ("chat", Call::post(&at("chat/completions"), &chat), false),
        ("chat stream", Call::post(&at("chat/completions"), &stream(&chat)), true),
        ("v1 chat", Call::post("/openai/v1/chat/completions", &v1("o3-mini", &chat)), false),
        (
            "v1 chat stream",
            Call::post("/openai/v1/chat/completions", &stream(&v1("o3-mini", &chat))),
            true,
        ),
        ("completion", Call::post(&at("completions"), &text), false),
        ("completion stream", Call::post(&at("completions"), &stream(&text)), true),
        ("response", Call::post("/openai/v1/responses", &response), false),
        ("response stream", Call::post("/openai/v1/responses", &stream(&response)), true),
    ]
}

#[tokio::test]
async fn the_access_log_says_what_the_backend_reported() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let gateway = Gateway::start(PAIR, [&eastus, &westus]).await;
    for (name, call, streams) in calls() {
        let id = name.replace(' ', "-");
        let call = call.header("x-request-id", &id).header("accept-encoding", "gzip, br");
        let answer = gateway.send(&call).await.ok();
        let line = gateway.log_line(&id).await;
        assert_eq!(line["tokens"], reported(&eastus), "{name}: {line}");
        assert_ne!(line["tokens"]["completion"], Value::Null, "{name}: {line}");
        assert_eq!((&line["stream"], &line["pinned"]), (&json!(streams), &json!(false)), "{name}");
        assert_eq!(line["outcome"], "answered", "{name}");
        let chunk_alone =
            String::from_utf8_lossy(&answer.body).contains("\"choices\":[],\"usage\"");
        assert!(!chunk_alone, "{name}: the client did not ask for it");
        let seen = eastus.requests().pop().expect("a request");
        assert_eq!(seen.header("accept-encoding"), Some("identity"), "{name}");
    }
    let call = Call::post(
        "/openai/deployments/text-embedding/embeddings?api-version=2024-10-21",
        &json!({ "input": "a text" }),
    );
    let answer = gateway.send(&call.header("x-request-id", "embedding")).await;
    assert_eq!(answer.status, 200);
    let line = gateway.log_line("embedding").await;
    let prompt = reported(&eastus)["prompt"].clone();
    let wanted = json!({ "prompt": prompt, "completion": null, "cached": null, "reasoning": null });
    assert_eq!(line["tokens"], wanted, "what nobody reported is unknown: {line}");
    assert_eq!(
        (&line["deployment"], &line["api_version"]),
        (&json!("text-embedding"), &json!("2024-10-21"))
    );
}
