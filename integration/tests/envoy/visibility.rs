//! What client and operator get to know.

use serde_json::{Value, json};
use spillway_integration::{Call, Gateway, log_line, region};
use spillway_simulator::{Fault, RetryAfter};

const CONFIG: &str = "
answer_headers: [backend, attempts, region]
clients: [{ name: chat-app, key: \"${CLIENT}\" }]
models:
  gpt-4o-mini: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }
  lonely: { pool: [eastus] }
";

#[tokio::test]
async fn behaviour_28_region_request_id_and_attempts() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let gateway = Gateway::setup(CONFIG, [&eastus, &westus]).env("CLIENT", "c").start().await;
    let chat = |model: &str| Call::chat(model).header("api-key", "c");

    let answer = gateway.send(&chat("gpt-4o-mini")).await.ok();
    assert_eq!(answer.header("x-ms-region"), "East US");
    assert_eq!(answer.header("x-backend-region"), "East US");
    assert_eq!(answer.header("x-spillway-backend"), "eastus");
    assert_eq!(answer.header("x-spillway-attempts"), "1");
    assert_ne!(answer.header("x-request-id"), "");

    eastus.script(Fault::too_many_requests(RetryAfter::Seconds(60)).forever());
    let answer = gateway.send(&chat("gpt-4o-mini")).await.ok();
    assert_eq!(answer.header("x-backend-region"), "West US");
    assert_eq!(answer.header("x-spillway-attempts"), "2");

    gateway.send(&chat("lonely")).await;
    for (call, status) in
        [(chat("lonely"), 429), (chat("no-such-model"), 400), (Call::chat("gpt-4o-mini"), 401)]
    {
        let answer = gateway.send(&call).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("x-backend-region"), "unknown");
        assert_eq!(answer.header("x-spillway-attempts"), "0");
        assert_ne!(answer.header("x-request-id"), "", "on the gateway's own {status} too");
    }
}

#[tokio::test]
async fn behaviour_29_one_line_for_each_request() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    eastus.script(Fault::too_many_requests(RetryAfter::Seconds(60)).forever());
    let gateway = Gateway::setup(CONFIG, [&eastus, &westus]).env("CLIENT", "c").start().await;
    let call = Call::chat("gpt-4o-mini").header("api-key", "c").header("x-request-id", "mine");
    assert_eq!(gateway.send(&call).await.status, 200);
    let line = gateway.log_line("mine").await;
    assert_eq!(line["client"], "chat-app");
    assert_eq!(*log_line::model(&line), "gpt-4o-mini");
    assert_eq!(line["status"], 200);
    assert_eq!(line["region"], "West US");
    let attempts = log_line::attempts(&line);
    let (first, second) = attempts.split_once(", ").expect("two attempts");
    assert!(first.starts_with("eastus 429 ") && second.starts_with("westus 200 "), "{attempts}");
    assert!(line["duration_ms"].is_u64() && line["path"].is_string(), "{line}");

    gateway.send(&Call::chat("gpt-4o-mini").header("x-request-id", "refused")).await;
    let line = gateway.log_line("refused").await;
    assert_eq!(line["status"], 401);
    assert_eq!(
        (&line["attempts"], &line["error"]["type"]),
        (&Value::Null, &json!("invalid_api_key"))
    );
    assert_eq!(line["client"], Value::Null);
}
