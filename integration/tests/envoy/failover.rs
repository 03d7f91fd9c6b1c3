//! What is tried again elsewhere, and what is the client's.

use std::time::{Duration, Instant};

use spillway_integration::{
    Call, Client, Gateway, Journal, eventually, key_of, region, region_with, story,
};
use spillway_simulator::{Fault, Region, Reset, RetryAfter, SeenRequest, Stall};

const PAIR: &str = "
models:
  gpt-4o-mini:
    pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }]
";

#[tokio::test]
async fn behaviour_05_another_backend_gets_the_same_request_at_once() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    eastus.script(Fault::too_many_requests(RetryAfter::Millis(1)).forever());
    let gateway = Gateway::start(PAIR, [&eastus, &westus]).await;
    let odd =
        "/openai/deployments/gpt-4o-mini/chat/completions?b=%20x&api-version=2024-10-21&a=%2F";
    let body = "{ \"messages\" : [ {\"role\":\"user\",\"content\":\"\\u00e9 \\t \u{1f30a}\"} ] } ";
    let calls = [
        Call::chat("gpt-4o-mini"),
        Call::v1_chat("gpt-4o-mini"),
        Call::response("gpt-4o-mini"),
        Call::post_bytes(odd, "application/json", body),
    ];
    for call in calls {
        eventually("the first tier", async || {
            eastus.clear();
            westus.clear();
            let started = Instant::now();
            let answer = gateway.send(&call).await.ok();
            assert_eq!(answer.backend(), "westus");
            assert!(started.elapsed() < Duration::from_secs(1), "no waiting between attempts");
            // The one millisecond that its circuit was open may not have been over yet.
            (eastus.count() == 1).then_some(())
        })
        .await;
        let (first, second) = (eastus.only(), westus.only());
        assert_eq!(what_was_asked(&first), what_was_asked(&second));
        assert_eq!(first.path, call.path());
        assert_eq!(first.body.as_deref().map(str::as_bytes), Some(&call.body()[..]));
        assert_eq!(first.body_len, second.body_len);
    }
}

fn what_was_asked(seen: &SeenRequest) -> (&str, &str, &str, Option<&str>) {
    (&seen.method, &seen.path, &seen.body_sha256, seen.header("content-length"))
}

#[tokio::test]
async fn behaviour_06_no_more_attempts_than_configured() {
    let regions = four().await;
    let all = [&regions[0], &regions[1], &regions[2], &regions[3]];
    for region in all {
        region.script(Fault::status(503).forever());
    }
    let pool = "
circuit_breaker: { failures: 1000 }
models:
  three: { pool: [eastus, swedencentral, westus, uksouth], retry: { attempts: 3 } }
  one: { pool: [eastus, swedencentral, westus, uksouth], retry: { attempts: 1 } }
  every: { pool: [eastus, swedencentral, westus, uksouth] }
";
    let gateway = Gateway::start(pool, all).await;
    for (model, attempts) in [("three", 3), ("one", 1), ("every", 4)] {
        all.iter().for_each(|region| region.clear());
        let answer = gateway.send(&Call::chat(model)).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("x-spillway-attempts"), attempts.to_string());
        let seen = story(all);
        assert_eq!(seen.iter().sum::<usize>(), attempts, "{model}");
        assert!(seen.iter().all(|count| *count <= 1), "none twice: {seen:?}");
    }
}

#[tokio::test]
async fn behaviour_07_other_statuses_pass_byte_for_byte() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let config = format!("retry: {{ statuses: [429, 503], failover_on_refusal: false }}{PAIR}");
    let gateway = Gateway::start(&config, [&eastus, &westus]).await;
    let direct = Client::at(eastus.addr());
    let mut faults: Vec<Fault> = [400, 403, 404, 409, 413, 422, 500, 502].map(Fault::status).into();
    faults.push(Fault { content_filter: true, ..Fault::default() });
    let odd = Fault { body: Some("not { JSON\u{0} é".into()), ..Fault::status(418) };
    faults.push(odd);
    for fault in faults {
        eastus.script(fault.clone().forever());
        let chat = Call::chat("gpt-4o-mini");
        let wanted = direct.send(&chat.clone().header("api-key", key_of("eastus"))).await;
        eastus.clear();

        let got = gateway.send(&chat).await;

        assert_eq!((got.status, &got.body), (wanted.status, &wanted.body), "{fault:?}");
        assert_eq!(got.header("content-type"), wanted.header("content-type"));
        assert_eq!(story([&eastus, &westus]), [1, 0], "{fault:?}");
    }
}

#[tokio::test]
async fn behaviour_07_every_failure_that_is_retried_by_default() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let config = format!(
        "circuit_breaker: {{ failures: 1000, trip: 10ms, max_trip: 10ms }}
timeouts: {{ first_byte: 300ms }}{PAIR}"
    );
    let gateway = Gateway::start(&config, [&eastus, &westus]).await;
    let mut faults: Vec<Fault> = [401, 403, 408, 429, 500, 502, 503, 504].map(Fault::status).into();
    faults.push(Fault::reset(Reset::BeforeHeaders));
    faults.push(Fault::stall(Stall::BeforeHeaders));
    let missing = serde_json::json!({ "error": { "code": "DeploymentNotFound", "message": "x" } });
    faults.push(Fault { body: Some(missing), ..Fault::status(404) });
    for fault in faults {
        eventually("both to be asked", async || {
            eastus.clear();
            westus.clear();
            eastus.script(fault.clone());
            let answer = gateway.send(&Call::chat("gpt-4o-mini")).await;
            assert_eq!((answer.status, answer.backend()), (200, "westus"), "{fault:?}");
            (story([&eastus, &westus]) == [1, 1]).then_some(())
        })
        .await;
    }
    eastus.set_down().await;
    eventually("both to be asked", async || {
        let answer = gateway.send(&Call::chat("gpt-4o-mini")).await.ok();
        assert_eq!(answer.backend(), "westus");
        (answer.header("x-spillway-attempts") == "2").then_some(())
    })
    .await;
}

#[tokio::test]
async fn behaviour_08_the_last_429_passes_with_its_retry_after() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let uksouth = region("uksouth").await;
    eastus.script(Fault::too_many_requests(RetryAfter::Seconds(11)).forever());
    westus.script(Fault::too_many_requests(RetryAfter::Seconds(7)).forever());
    let config = "
when_exhausted: service_unavailable
models:
  gpt-4o-mini:
    pool:
      - { backend: eastus, priority: 1 }
      - { backend: westus, priority: 2 }
      - { backend: uksouth, priority: 3 }
    retry: { attempts: 2 }
";
    let gateway = Gateway::start(config, [&eastus, &westus, &uksouth]).await;
    let answer = gateway.send(&Call::chat("gpt-4o-mini")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "7"));
    assert_eq!(answer.json()["error"]["code"], "429", "the backend's own body");
    assert_eq!(answer.header("x-ms-region"), "West US");
    assert_eq!(story([&eastus, &westus, &uksouth]), [1, 1, 0]);
}

#[tokio::test]
async fn behaviour_09_an_exhausted_pool_contacts_nobody() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    for (region, seconds) in [(&eastus, 60), (&westus, 30)] {
        region.script(Fault::too_many_requests(RetryAfter::Seconds(seconds)).forever());
    }
    let chat = Call::chat("gpt-4o-mini");

    let lab = format!("when_exhausted: service_unavailable{PAIR}");
    let gateway = Gateway::start(&lab, [&eastus, &westus]).await;
    // The request that finds everybody throttled is told what the next one is told.
    for _ in 0..2 {
        let answer = gateway.send(&chat).await;
        assert_eq!((answer.status, answer.body.len()), (503, 0));
        assert_eq!((answer.header("retry-after"), answer.header("x-ms-region")), ("", ""));
    }
    let named = format!("{:?}", gateway.send(&chat).await.headers);
    assert!(!named.contains("eastus") && !named.contains("westus"), "{named}");
    assert_eq!(story([&eastus, &westus]), [1, 1]);

    eastus.clear();
    westus.clear();
    let gateway = Gateway::start(PAIR, [&eastus, &westus]).await;
    assert_eq!(gateway.send(&chat).await.status, 429);
    let first = gateway.send(&chat).await;
    assert_eq!((first.status, first.json()["error"]["code"].as_str()), (429, Some("exhausted")));
    let seconds: u64 = first.header("retry-after").parse().expect("whole seconds");
    assert!((1..=30).contains(&seconds), "the soonest recovery, not {seconds}");
    let exact: u64 = first.header("retry-after-ms").parse().expect("milliseconds");
    eventually("the wait to become shorter", async || {
        let again = gateway.send(&chat).await;
        let left: u64 = again.header("retry-after-ms").parse().expect("milliseconds");
        (left < exact).then_some(())
    })
    .await;
    assert_eq!(story([&eastus, &westus]), [1, 1]);
}

/// 32 MB is the most that is taken: what can be taken can be sent again.
#[tokio::test]
async fn a_long_body_fails_over_whole() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    eastus.script(Fault::too_many_requests(RetryAfter::Millis(1)).forever());
    let gateway = Gateway::start(PAIR, [&eastus, &westus]).await;
    let long = "x".repeat(20 * 1024 * 1024);
    for path in ["/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21", V1] {
        eastus.clear();
        westus.clear();
        let body = format!(
            "{{\"model\":\"gpt-4o-mini\",\"messages\":[{{\"role\":\"user\",\"content\":\"{long}\"}}]}}"
        );
        let call = Call::post_bytes(path, "application/json", body);
        let answer = gateway.send(&call).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let (first, second) = (eastus.only(), westus.only());
        assert_eq!(first.body_sha256, second.body_sha256);
        assert_eq!(second.body_len, call.body().len() as u64);
    }
}

async fn four() -> Vec<Region> {
    let mut all = Vec::new();
    for name in ["eastus", "swedencentral", "westus", "uksouth"] {
        all.push(region_with(name, |_| {}).await);
    }
    all
}

const V1: &str = "/openai/v1/chat/completions";
