//! Which model a request means, and who serves it.

use serde_json::{Value, json};
use spillway_integration::{Answer, Call, Gateway, Journal, region, story};

const LAB: &str = "
denied_models: [\"gpt-4o*\"]
error_format: api_management
models:
  gpt-4.1: { pool: [eastus] }
  gpt-4.1-mini: { pool: [swedencentral] }
  gpt-4.1-nano: { pool: [swedencentral] }
  model-router: { pool: [eastus2] }
  gpt-5: { pool: [eastus2] }
  DeepSeek-R1: { pool: [eastus2] }
";

#[tokio::test]
async fn behaviour_16_the_path_decides_else_the_body() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let config = "models: { a: { pool: [eastus] }, b: { pool: [westus] } }";
    let gateway = Gateway::start(config, [&eastus, &westus]).await;

    assert_eq!(gateway.send(&Call::chat("a")).await.ok().backend(), "eastus");
    assert_eq!(gateway.send(&Call::v1_chat("b")).await.ok().backend(), "westus");

    let path = "/openai/deployments/a/chat/completions?api-version=2024-10-21";
    let both = Call::post(path, &json!({ "model": "b", "messages": [] }));
    assert_eq!(gateway.send(&both).await.backend(), "eastus", "the path wins");
    let unknown = Call::post(path, &json!({ "model": "no-such-model", "messages": [] }));
    assert_eq!(gateway.send(&unknown).await.backend(), "eastus", "whatever the body says");
}

#[tokio::test]
async fn behaviour_17_exact_names_and_the_labs_refusals() {
    let (eastus, sweden) = (region("eastus").await, region("swedencentral").await);
    let eastus2 = region("eastus2").await;
    let all = [&eastus, &sweden, &eastus2];
    let gateway = Gateway::start(LAB, all).await;
    let no_model = || Call::post("/openai/v1/chat/completions", &json!({ "messages": [] }));

    for unknown in [
        Call::chat("gpt-4.1-MINI"),
        Call::chat("gpt-4.1-min"),
        Call::chat("gpt-4.1%20"),
        Call::v1_chat("GPT-5"),
        Call::response("gpt-9"),
        no_model(),
        Call::get("/openai/models?api-version=2024-10-21"),
    ] {
        let answer = gateway.send(&unknown).await;
        assert_eq!(answer.status, 400, "{}", unknown.path());
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json(), json!({ "error": INVALID }));
    }
    for (denied, name) in
        [(Call::chat("gpt-4o"), "gpt-4o"), (Call::response("gpt-4o-mini"), "gpt-4o-mini")]
    {
        let answer = gateway.send(&denied).await;
        let text = format!("{{\"error\":\"Model '{name}' is not permitted.\"}}");
        assert_eq!((answer.status, answer.text()), (403, text));
    }
    assert_eq!(story(all), [0, 0, 0]);

    // OpenAI's own shape where nothing else is configured.
    let usual = LAB.replace("error_format: api_management", "");
    let gateway = Gateway::start(&usual, all).await;
    let codes = [
        (Call::chat("gpt-9"), 400, "model_not_found"),
        (no_model(), 400, "model_missing"),
        (Call::chat("gpt-4o"), 403, "model_not_permitted"),
    ];
    for (call, status, code) in codes {
        let answer = gateway.send(&call).await;
        assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (status, Some(code)));
    }
    assert_eq!(story(all), [0, 0, 0]);
}

#[tokio::test]
async fn behaviour_18_every_lab_model_reaches_its_owner() {
    let (eastus, sweden) = (region("eastus").await, region("swedencentral").await);
    let eastus2 = region("eastus2").await;
    let gateway = Gateway::start(LAB, [&eastus, &sweden, &eastus2]).await;
    let chat = [
        ("model-router", "East US 2"),
        ("DeepSeek-R1", "East US 2"),
        ("gpt-4.1", "East US"),
        ("gpt-5", "East US 2"),
    ];
    for (model, owner) in chat {
        for call in [Call::chat(model), Call::v1_chat(model)] {
            let answer = gateway.send(&call).await.ok();
            assert_eq!(answer.header("x-ms-region"), owner, "{model} at {}", call.path());
        }
    }
    let responses = [
        ("gpt-4.1-mini", "Sweden Central"),
        ("gpt-4.1-nano", "Sweden Central"),
        ("gpt-4.1", "East US"),
        ("gpt-5", "East US 2"),
    ];
    for (model, owner) in responses {
        let v1 = Call::post("/openai/v1/responses", &json!({ "model": model, "input": "hi" }));
        for call in [Call::response(model), v1] {
            let answer = gateway.send(&call).await.ok();
            assert_eq!(answer.header("x-ms-region"), owner, "{model} at {}", call.path());
            assert_eq!(answer.json()["model"], model);
        }
    }
}

#[tokio::test]
async fn behaviour_19_multipart_get_and_malformed_bodies() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let config = "default_model: a\nmodels: { a: { pool: [eastus] }, b: { pool: [westus] } }";
    let gateway = Gateway::start(config, [&eastus, &westus]).await;

    let audio = "/openai/deployments/b/audio/transcriptions?api-version=2024-10-21";
    for (path, model) in [(audio, "a"), ("/openai/v1/audio/transcriptions", "b")] {
        let call = Call::post_bytes(path, MULTIPART, multipart(model));
        let answer = gateway.send(&call).await.ok();
        assert_eq!(answer.backend(), "westus", "{path}");
        let seen = westus.requests().pop().expect("a request");
        assert_eq!(seen.body_len, call.body().len() as u64, "every byte of the recording");
    }

    let models = Call::get("/openai/models?api-version=2024-10-21");
    assert_eq!(gateway.send(&models).await.ok().backend(), "eastus", "the default model's pool");
    let made = gateway.send(&Call::response("a")).await.ok().json();
    let id = made["id"].as_str().expect("an id");
    let get = Call::get(&format!("/openai/responses/{id}?api-version=2025-03-01-preview"));
    assert_eq!(gateway.send(&get).await.ok().json()["id"], id);
    let delete = get.clone().by("DELETE");
    assert_eq!(gateway.send(&delete).await.ok().json()["deleted"], true);

    let bodies: [&[u8]; 7] = [
        b"{\"model\":",
        b"{\"model\":\"a\"",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"{\"model\":7}",
        b"{\"model\":\"\\ud800\"}",
    ];
    for body in bodies.iter().chain([&nested().as_bytes()]) {
        let call = Call::post_bytes(V1, "application/json", body.to_vec());
        let answer = gateway.send(&call).await;
        let text = String::from_utf8_lossy(body).chars().take(30).collect::<String>();
        let code = answer.json()["error"]["code"].clone();
        assert_eq!((answer.status, code.as_str()), (400, Some("invalid_body")), "{text}");
        assert_eq!(answer.header("x-spillway-backend"), "none", "{text}");
        assert_eq!(gateway.send(&Call::v1_chat("b")).await.status, 200, "the next after {text}");
    }
}

#[tokio::test]
async fn behaviour_20_the_map_is_configuration() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let june = "models: { gpt-4.1: { pool: [eastus] }, gpt-5: { pool: [westus] } }";
    let july = "models: { gpt-4.1: { pool: [westus] }, gpt-5: { pool: [eastus] } }";
    for (config, owners) in [(june, ["eastus", "westus"]), (july, ["westus", "eastus"])] {
        let gateway = Gateway::start(config, [&eastus, &westus]).await;
        for (model, owner) in ["gpt-4.1", "gpt-5"].into_iter().zip(owners) {
            assert_eq!(gateway.send(&Call::chat(model)).await.ok().backend(), owner);
        }
    }

    // A backend may have its own name for a model, in the path as in the body, also after a
    // failover from one that has another.
    eastus.clear();
    westus.clear();
    let config = format!(
        "
backends:
  eastus: {{ url: \"{}\", api_key: \"${{KEY_EASTUS}}\", deployments: {{ gpt-5: five-with-a-long-name }} }}
  westus: {{ url: \"{}\", api_key: \"${{KEY_WESTUS}}\", deployments: {{ gpt-5: v }} }}
models: {{ gpt-5: {{ pool: [{{ backend: eastus }}, {{ backend: westus, priority: 2 }}] }} }}
",
        eastus.url(),
        westus.url()
    );
    let gateway = Gateway::start(&config, [&eastus, &westus]).await;
    for call in [Call::chat("gpt-5"), Call::response("gpt-5"), Call::v1_chat("gpt-5")] {
        let answer = gateway.send(&call).await.ok();
        assert_eq!(answer.backend(), "eastus");
        let seen = eastus.requests().pop().expect("a request");
        assert_eq!(seen.deployment.as_deref(), Some("five-with-a-long-name"));
    }
    let throttled = spillway_simulator::RetryAfter::Millis(1);
    eastus.script(spillway_simulator::Fault::too_many_requests(throttled).forever());
    for call in [Call::chat("gpt-5"), Call::response("gpt-5"), Call::v1_chat("gpt-5")] {
        let answer: Answer = gateway.send(&call).await.ok();
        assert_eq!(answer.backend(), "westus");
        let seen = westus.requests().pop().expect("a request");
        assert_eq!(seen.deployment.as_deref(), Some("v"));
        if let Some(model) = sent_model(seen.body.as_deref()) {
            assert_eq!(model, "v");
        }
    }
    assert!(eastus.count() > 3);
}

fn sent_model(body: Option<&str>) -> Option<String> {
    let body: Value = serde_json::from_str(body?).ok()?;
    Some(body.get("model")?.as_str()?.to_owned())
}

fn multipart(model: &str) -> Vec<u8> {
    let mut body = format!(
        "--X\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n--X\r\n\
         content-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
         content-type: audio/wav\r\n\r\n"
    )
    .into_bytes();
    body.extend((0..100_000_u32).map(|n| n.to_le_bytes()[0] | 0x80));
    body.extend(b"\r\n--X--\r\n");
    body
}

/// Deep enough to end a parser that goes down by recursion.
fn nested() -> String {
    format!("{{\"x\":{}", "[".repeat(100_000))
}

const INVALID: &str =
    "Invalid model or deployment-id. Supply a valid name in the URL or JSON body.";
const MULTIPART: &str = "multipart/form-data; boundary=X";
const V1: &str = "/openai/v1/chat/completions";
