//! Tokens: what backends report is what the access log says, whatever the API, and nobody sees more
//! than was asked for.

use http_body_util::BodyExt;
use serde_json::{Value, json};
use spillway_integration::{Call, Gateway, eventually, log_line, region};
use spillway_simulator::{Fault, Region, RetryAfter};

const PAIR: &str = "
circuit_breaker: { failures: 1000 }
models:
  gpt-4o-mini: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }
  o3-mini: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }
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
        assert_eq!(log_line::tokens(&line), reported(&eastus), "{name}: {line}");
        assert_ne!(log_line::tokens(&line)["completion"], Value::Null, "{name}: {line}");
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
    assert_eq!(log_line::tokens(&line), wanted, "what nobody reported is unknown: {line}");
    assert_eq!(
        (&line["deployment"], &line["api_version"]),
        (&json!("text-embedding"), &json!("2024-10-21"))
    );
}

#[tokio::test]
async fn behaviour_30_sums_are_the_backends_own_while_a_third_of_the_clients_hang_up() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    eastus.script(Fault::too_many_requests(RetryAfter::Seconds(1)).times(8));
    let gateway = Gateway::start(PAIR, [&eastus, &westus]).await;
    let mut all: Vec<(String, Call, bool)> = Vec::new();
    for round in 0..24 {
        for (name, call, streams) in calls() {
            let id = format!("{round}-{}", name.replace(' ', "-"));
            // Every third stream's client leaves; its backend has much more to say by then.
            let leaves = streams && round % 3 != 2;
            let call = call.header("x-request-id", &id);
            let slow = r#"{"chunks":500,"chunk_delay_ms":20}"#;
            let call = if leaves { call.header("x-sim-fault", slow) } else { call };
            all.push((id, call, leaves));
        }
    }
    let left = all.iter().filter(|(_, _, leaves)| *leaves).count();
    assert_eq!((all.len(), left), (192, 64), "a third of them leave");

    for some in all.chunks(64) {
        let mut under_way = tokio::task::JoinSet::new();
        for (_, call, leaves) in some.iter().cloned() {
            let client = gateway.client();
            under_way.spawn(async move {
                if leaves {
                    let mut body = client.open(&call).await.expect("a head").into_body();
                    body.frame().await.expect("a first part").expect("data");
                } else {
                    assert_eq!(client.send(&call).await.status, 200);
                }
            });
        }
        while let Some(done) = under_way.join_next().await {
            done.expect("no client fails");
        }
    }

    let lines = eventually("a line for each request", async || {
        let lines = gateway.log_lines();
        (lines.len() >= all.len()).then_some(lines)
    })
    .await;
    let sum =
        |of: &str| lines.iter().filter_map(|line| log_line::tokens(line)[of].as_u64()).sum::<u64>();
    let mut told = [0; 4];
    for region in [&eastus, &westus] {
        for deployment in region.stats().by_deployment.values() {
            let tokens = deployment.tokens;
            let counts = [tokens.prompt, tokens.completion, tokens.cached, tokens.reasoning];
            told.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
    }
    assert_eq!(["prompt", "completion", "cached", "reasoning"].map(sum), told);
    assert!(told[0] > 0 && told[1] > 0 && told[3] > 0, "{told:?}");
    let unknown = lines.iter().filter(|line| log_line::tokens(line)["prompt"].is_null());
    let unknown: Vec<&Value> = unknown.collect();
    assert_eq!(unknown.len(), left, "those who left, and nobody else, are unknown");
    assert!(unknown.iter().all(|line| line["outcome"] == "client_left"), "{unknown:#?}");
}
