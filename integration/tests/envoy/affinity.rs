//! A client stays with its backend, and never for longer than that backend may be chosen.

use serde_json::json;
use spillway_integration::{Answer, Call, Gateway, region};
use spillway_simulator::{Fault, RetryAfter};

fn pool(affinity: &str) -> String {
    format!(
        "answer_headers: [backend, region]\nmodels:\n  gpt-4o-mini:\n    pool: [eastus2, westus]\n{affinity}"
    )
}

const COOKIE: &str = "    session_affinity: { cookie: APIM-Backend-Affinity }\n";

fn follow_up(answer: &Answer) -> Call {
    let body = json!({
        "model": "gpt-4o-mini",
        "input": "Can you summarize that so it can be understood by a college freshman?",
        "previous_response_id": answer.json()["id"],
    });
    Call::post("/openai/responses?api-version=2025-03-01-preview", &body)
}

/// The cookie as a client sends it back.
fn cookie(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("APIM-Backend-Affinity="), "{cookie:?}");
    assert!(!cookie.contains("Secure"), "HTTP clients drop such cookies on plain HTTP: {cookie}");
    assert!(cookie.contains("Path=/") && cookie.contains("HttpOnly"), "{cookie}");
    cookie.split(';').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn behaviour_24_without_affinity_a_conversation_breaks() {
    let (eastus2, westus) = (region("eastus2").await, region("westus").await);
    let gateway = Gateway::start(&pool(""), [&eastus2, &westus]).await;
    let first = gateway.send(&Call::response("gpt-4o-mini")).await.ok();
    let second = gateway.send(&follow_up(&first)).await;
    assert_eq!(second.status, 400);
    assert!(second.text().contains("not found"), "{}", second.text());
    assert_ne!(first.backend(), second.backend());
    assert_eq!(first.header("set-cookie"), "");
}

#[tokio::test]
async fn behaviour_25_with_affinity_it_stays_with_its_backend() {
    let (eastus2, westus) = (region("eastus2").await, region("westus").await);
    let gateway = Gateway::start(&pool(COOKIE), [&eastus2, &westus]).await;
    let first = gateway.send(&Call::response("gpt-4o-mini")).await.ok();
    let cookie = cookie(&first);
    let mut last = first.clone();
    for _ in 0..5 {
        let next = gateway.send(&follow_up(&last).header("cookie", &cookie)).await.ok();
        assert_eq!(next.header("x-backend-region"), first.header("x-backend-region"));
        assert_eq!(next.header("set-cookie"), "", "nothing new to tell");
        last = next;
    }
    // What names no model finds the backend by the cookie.
    let id = last.json()["id"].as_str().expect("an id").to_owned();
    let get = Call::get(&format!("/openai/responses/{id}?api-version=2025-03-01-preview"));
    assert_eq!(gateway.send(&get.header("cookie", &cookie)).await.ok().json()["id"], id);
}

#[tokio::test]
async fn behaviour_26_a_cookie_that_means_nothing_is_replaced() {
    let (eastus2, westus) = (region("eastus2").await, region("westus").await);
    let gateway = Gateway::start(&pool(COOKIE), [&eastus2, &westus]).await;
    // Another gateway's cookie, for a backend that is not in this pool.
    let uksouth = region("uksouth").await;
    let other = pool(COOKIE).replace("[eastus2, westus]", "[uksouth]");
    let other = Gateway::start(&other, [&uksouth]).await;
    let foreign = cookie(&other.send(&Call::chat("gpt-4o-mini")).await.ok());
    let values = [
        b"APIM-Backend-Affinity=".to_vec(),
        b"APIM-Backend-Affinity=uksouth".to_vec(),
        b"APIM-Backend-Affinity=http://127.0.0.1:1/".to_vec(),
        b"APIM-Backend-Affinity=\xff\xfe".to_vec(),
        [b"APIM-Backend-Affinity=".as_slice(), "A.".repeat(2000).as_bytes()].concat(),
        foreign.into_bytes(),
        b"=;;;".to_vec(),
    ];
    let mut backends = Vec::new();
    for value in &values {
        let call = Call::chat("gpt-4o-mini").header("cookie", value);
        let answer = gateway.send(&call).await.ok();
        let issued = cookie(&answer);
        for secret in ["eastus2", "westus", "127.0.0.1", "key-of"] {
            assert!(!issued.contains(secret), "{issued}");
        }
        backends.push(answer.backend().to_owned());
    }
    assert!(backends.windows(2).all(|pair| pair[0] != pair[1]), "chosen normally: {backends:?}");
    assert!(uksouth.requests().len() == 1, "nothing beyond the pool is reached");
}

#[tokio::test]
async fn behaviour_27_affinity_among_others_and_when_the_backend_is_away() {
    let (eastus2, westus) = (region("eastus2").await, region("westus").await);
    let gateway = Gateway::start(&pool(COOKIE), [&eastus2, &westus]).await;
    let chat = || Call::chat("gpt-4o-mini");
    let first = gateway.send(&chat()).await.ok();
    let pinned = cookie(&first);
    let others = gateway.client();
    for round in 0..9 {
        for _ in 0..round % 3 {
            assert_eq!(others.send(&chat()).await.status, 200);
        }
        let answer = gateway.send(&chat().header("cookie", &pinned)).await.ok();
        assert_eq!(answer.backend(), first.backend());
    }

    let (away, other) = match first.backend() {
        "eastus2" => (&eastus2, "westus"),
        _ => (&westus, "eastus2"),
    };
    away.script(Fault::too_many_requests(RetryAfter::Seconds(60)).forever());
    let failed_over = gateway.send(&chat().header("cookie", &pinned)).await.ok();
    assert_eq!(failed_over.backend(), other, "in the same request");
    let moved = cookie(&failed_over);
    assert_ne!(moved, pinned);
    let skipped = gateway.send(&chat().header("cookie", &pinned)).await.ok();
    assert_eq!((skipped.backend(), cookie(&skipped)), (other, moved.clone()));
    let settled = gateway.send(&chat().header("cookie", &moved)).await.ok();
    assert_eq!((settled.backend(), settled.header("set-cookie")), (other, ""));
}
