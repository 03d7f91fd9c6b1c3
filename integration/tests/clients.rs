//! Real clients: the Python `openai` SDK, oldest and newest, and the labs' own cells.
//!
//! 1.0.0, the oldest, has no Responses API and does not send `x-stainless-retry-count`. That it
//! never had to try again is therefore shown for both by the gateway's own count: as many requests
//! as calls. Where the header is sent, every attempt that a region saw says 0.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use spillway_integration::{
    Call, Gateway, Journal, Lent, Python, eventually, log_line, region, region_with, story,
};
use spillway_simulator::{Fault, Limits, Region, Reset, RetryAfter, Script};

const KEY: &str = "client-key";
const EACH: [Python; 2] = [Python::Old, Python::New];
const EVERY: [Python; 4] = [Python::Old, Python::One, Python::Two, Python::New];

async fn gateway<const N: usize>(models: &str, regions: [&Region; N]) -> Lent {
    let config = format!("clients: [{{ name: lab, key: \"${{CLIENT}}\" }}]\n{models}");
    Gateway::setup(&config, regions).env("CLIENT", KEY).lend().await
}

const PAIR: &str = "
models:
  gpt-4o-mini: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }
";

/// The first tier of most of the labs, which throttles after a few requests.
async fn limited(count: u64, window: Duration) -> Region {
    let mut limits = Limits::requests(count, window);
    limits.retry_after_ms = true;
    region_with("eastus", |config| config.any_limits = limits).await
}

fn never_tried_again(regions: &[&Region]) {
    for region in regions {
        for seen in region.requests() {
            let count = seen.header("x-stainless-retry-count").unwrap_or("0");
            assert_eq!(count, "0", "at {}: {seen:?}", region.name());
        }
    }
}

async fn requests_taken(gateway: &Gateway, wanted: usize) {
    eventually("the access log", async || (gateway.log_lines().len() >= wanted).then_some(()))
        .await;
    assert_eq!(gateway.log_lines().len(), wanted, "one request for each call");
}

fn text<'a>(line: &'a Value, field: &str) -> &'a str {
    line[field].as_str().unwrap_or_else(|| panic!("`{field}` in {line}"))
}

#[tokio::test]
async fn behaviour_34_every_form_and_operation_while_the_first_tier_throttles() {
    for python in EACH {
        // Long enough that a client on a busy machine meets the limit.
        let (eastus, westus) = (limited(5, Duration::from_secs(2)).await, region("westus").await);
        let gateway = gateway(PAIR, [&eastus, &westus]).await;
        let lines = python.run("forms.py", &[&gateway.url(), KEY, "gpt-4o-mini", "3"]).await;
        let calls = &lines[1..];
        let operations = if python == Python::Old { 5 } else { 7 };
        assert_eq!(calls.len(), 3 * 3 * operations, "{calls:?}");
        for call in calls {
            let said = text(call, "text");
            let wanted = if call["operation"] == "embeddings" { "2 of " } else { "gpt-4o-mini" };
            assert!(said.contains(wanted), "{call}");
        }
        assert!(eastus.statuses().contains(&429), "it throttled in the middle");
        assert!(eastus.statuses().contains(&200) && westus.count() > 5);
        never_tried_again(&[&eastus, &westus]);
        requests_taken(&gateway, calls.len()).await;
        if python == Python::New {
            let told = eastus.requests();
            assert!(told.iter().all(|seen| seen.header("x-stainless-retry-count").is_some()));
        }
    }
}

#[tokio::test]
async fn behaviour_34_the_pool_lab_by_requests_and_by_sdk() {
    for (python, cell) in [(Python::New, "http"), (Python::New, "sdk"), (Python::Old, "sdk")] {
        let (eastus, sweden) =
            (limited(8, Duration::from_secs(60)).await, region("swedencentral").await);
        let (westus, uksouth) = (region("westus").await, region("uksouth").await);
        let gateway = gateway(LAB_POOL, [&eastus, &sweden, &westus, &uksouth]).await;
        let lines = python.run("lab_backend_pool.py", &[&gateway.url(), KEY, cell, "0"]).await;
        assert_eq!(lines.len(), 20);
        assert!(lines.iter().all(|line| line["status"] == 200));
        let regions: Vec<&str> = lines.iter().map(|line| text(line, "region")).collect();
        assert!(regions[..8].iter().all(|region| *region == "East US"), "{regions:?}");
        assert!(regions[8..].windows(2).all(|pair| pair[0] != pair[1]), "{regions:?}");
        assert_eq!(story([&eastus, &sweden, &westus, &uksouth]), [9, 6, 6, 0]);
        never_tried_again(&[&eastus, &sweden, &westus]);
        requests_taken(&gateway, 20).await;
    }
}

#[tokio::test]
async fn behaviour_34_the_routing_lab() {
    let (eastus, sweden) = (region("eastus").await, region("swedencentral").await);
    let eastus2 = region("eastus2").await;
    let gateway = gateway(LAB_ROUTING, [&eastus, &sweden, &eastus2]).await;
    for (python, calls) in [(Python::Old, 4), (Python::New, 8)] {
        let lines = python.run("lab_model_routing.py", &[&gateway.url(), KEY]).await;
        assert_eq!(lines.len(), calls);
        for line in lines {
            let owner = match text(&line, "model") {
                "gpt-4.1" => "East US",
                "gpt-4.1-mini" | "gpt-4.1-nano" => "Sweden Central",
                _ => "East US 2",
            };
            assert_eq!((text(&line, "region"), &line["said"]), (owner, &line["model"]));
        }
    }
    never_tried_again(&[&eastus, &sweden, &eastus2]);
}

#[tokio::test]
async fn behaviour_34_the_session_lab() {
    let (eastus2, westus) = (region("eastus2").await, region("westus").await);
    let pool = "
path_prefix: /inference
answer_headers: [region]
models:
  gpt-4o-mini:
    pool: [eastus2, westus]
";
    let without = gateway(pool, [&eastus2, &westus]).await;
    let lines = Python::New.run("lab_session_awareness.py", &[&without.url(), KEY]).await;
    assert!(text(&lines[2], "failed").contains("not found"), "{lines:?}");

    let with = format!("{pool}    session_affinity: {{ cookie: APIM-Backend-Affinity }}\n");
    let gateway = gateway(&with, [&eastus2, &westus]).await;
    let lines = Python::New.run("lab_session_awareness.py", &[&gateway.url(), KEY]).await;
    assert_ne!(text(&lines[2], "ended"), "");
    assert_eq!((&lines[0]["cookie"], &lines[0]["region"]), (&Value::Null, &lines[1]["region"]));
    let issued = lines[0]["set_cookie"][0].as_str().expect("a cookie");
    let sent = text(&lines[1], "cookie");
    assert!(issued.starts_with(sent) && sent.starts_with("APIM-Backend-Affinity="), "{lines:?}");
    assert!(lines[..2].iter().all(|line| !text(line, "request_id").is_empty()));
}

#[tokio::test]
async fn errors_raise_what_fits_and_carry_our_words() {
    let eastus = region("eastus").await;
    let limited = Fault::too_many_requests(RetryAfter::Seconds(30)).on("limited").forever();
    let refused = Fault::status(401).on("refused").forever();
    eastus.script(Script(vec![limited, refused]));
    let models = "
denied_models: [denied-model]
retry: { failover_on_refusal: false }
models: { gpt-4o-mini: { pool: [eastus] }, limited: { pool: [eastus] }, refused: { pool: [eastus] } }
";
    let gateway = gateway(models, [&eastus]).await;
    // The circuit opens in the first run, and each one is told what is left then.
    let start = Instant::now();
    for python in EACH {
        let lines = python.run("errors.py", &[&gateway.url(), KEY]).await;
        let wanted = [
            ("BadRequestError", 400, "Model 'no-such-model' is not served by this gateway"),
            ("AuthenticationError", 401, "The key is missing or not known to this gateway"),
            ("PermissionDeniedError", 403, "Model 'denied-model' is not permitted"),
            ("AuthenticationError", 401, "Your key is not at fault"),
            ("RateLimitError", 429, "retry after"),
        ];
        assert_eq!(lines.len(), 2 * wanted.len());
        for (at, line) in lines.iter().enumerate() {
            let (raised, status, message) = wanted[at / 2];
            assert_eq!((text(line, "raised"), &line["status"]), (raised, &json!(status)), "{line}");
            assert!(text(line, "message").contains(message), "{line}");
        }
        let wait: u64 = text(&lines[9], "retry_after").parse().expect("whole seconds");
        let over = start.elapsed().as_secs() + 1;
        assert!((30_u64.saturating_sub(over)..=30).contains(&wait), "{wait} after {over} s");
    }
}

/// 1.0.0, the oldest, has no Responses API.
#[tokio::test]
async fn a_stream_that_dies_raises_an_error_in_the_sdk() {
    for (python, api) in [(Python::Old, "chat"), (Python::New, "chat"), (Python::New, "responses")]
    {
        let (eastus, westus) = (region("eastus").await, region("westus").await);
        let gateway =
            gateway(&format!("circuit_breaker: {{ failures: 100 }}{PAIR}"), [&eastus, &westus])
                .await;
        let dies = Fault { chunk_delay_ms: Some(20), ..Fault::reset(Reset::MidStream) };
        eastus.script(dies.forever());
        let lines =
            python.run("broken_stream.py", &[&gateway.url(), KEY, "gpt-4o-mini", api]).await;
        assert_eq!(lines.len(), 2);
        for line in lines {
            assert_eq!(text(&line, "raised"), "APIError", "{line}");
            assert_eq!(text(&line, "code"), "stream_interrupted", "{line}");
            assert!(!text(&line, "text").is_empty(), "{line}");
        }
        assert_eq!(story([&eastus, &westus]), [2, 0]);
    }
}

/// Each SDK has a model of its own, so that they do not meet: circuits belong to deployments.
#[tokio::test]
async fn an_exhausted_pool_makes_each_sdk_wait_and_succeed() {
    let waits = Fault::too_many_requests(RetryAfter::Decimal(1.5));
    let (gateway, regions) = everybody_says(&waits).await;
    each_waits(&gateway).await;
    // The first request found everyone throttled; the second may find the first tier back, or
    // just not yet.
    requests_taken(&gateway, 2 * EVERY.len()).await;
    for (n, _) in EVERY.iter().enumerate() {
        assert_eq!(asked(&regions[0], n), 2);
    }
}

/// Everybody fails, each in its own way, so the next request finds nobody and is told 503 and when to
/// come back: also the one that tries before that time. Without it, the SDK would be back after half a
/// second, and again after one more.
#[tokio::test]
async fn a_failing_pool_makes_each_sdk_wait_and_succeed() {
    let (gateway, regions) =
        they_say([Fault::status(401).times(3), Fault::status(500).times(3)]).await;
    for (n, _) in EVERY.iter().enumerate() {
        let chat = Call::chat(&format!("m{n}")).header("api-key", KEY);
        assert_eq!(gateway.send(&chat).await.status, 500);
        let told = gateway.send(&chat).await;
        assert_eq!((told.status, &told.json()["error"]["code"]), (503, &json!("unavailable")));
    }
    each_waits(&gateway).await;
    // Two of ours and two of each SDK: told to wait, each waited.
    let lines = 4 * EVERY.len();
    eventually("the access log", async || (gateway.log_lines().len() >= lines).then_some(())).await;
    assert_eq!(gateway.log_lines().len(), lines);
    for (n, python) in EVERY.iter().enumerate() {
        let asked = asked(&regions[0], n) + asked(&regions[1], n);
        assert_eq!(asked, 7, "both failed, and whoever was back first answered {python:?}");
    }
}

/// Two regions that give this answer once to each SDK's model.
async fn everybody_says(fault: &Fault) -> (Lent, [Region; 2]) {
    they_say([fault.clone(), fault.clone()]).await
}

/// Two regions that each answer so to each SDK's model.
async fn they_say(faults: [Fault; 2]) -> (Lent, [Region; 2]) {
    let regions = [region("eastus").await, region("westus").await];
    let models: Vec<String> = (0..EVERY.len()).map(|n| format!("m{n}")).collect();
    for (region, fault) in regions.iter().zip(&faults) {
        region.script(Script(models.iter().map(|model| fault.clone().on(model)).collect()));
    }
    let pool = "{ pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }";
    let pools: String = models.iter().map(|model| format!("  {model}: {pool}\n")).collect();
    let config = format!("circuit_breaker: {{ failures: 1, trip: 5s }}\nmodels:\n{pools}");
    (gateway(&config, [&regions[0], &regions[1]]).await, regions)
}

/// One call by each SDK, at the same time; each succeeds.
async fn each_waits(gateway: &Gateway) {
    let url = gateway.url();
    let call = async |n: usize| {
        EVERY[n].run("exhausted.py", &[&url, KEY, &format!("m{n}")]).await;
    };
    tokio::join!(call(0), call(1), call(2), call(3));
}

fn asked(region: &Region, n: usize) -> usize {
    let model = format!("m{n}");
    region.requests().iter().filter(|seen| seen.deployment.as_deref() == Some(&model)).count()
}

/// On a backend's first 429, whatever that says about the wait, openai-apim-lb answered 500 (#29).
#[tokio::test]
async fn behaviour_35_never_a_500_on_the_first_429() {
    let waits = [
        RetryAfter::Seconds(50),
        RetryAfter::Raw("50s".into()),
        RetryAfter::Raw("50, 60".into()),
        RetryAfter::Raw(String::new()),
        RetryAfter::Raw("9".repeat(400)),
        RetryAfter::Raw("caf\u{e9}".into()),
        RetryAfter::Decimal(0.001),
        RetryAfter::DateInSeconds(50),
        RetryAfter::RatelimitReset(50),
        RetryAfter::None,
    ];
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let pool = "{ pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }";
    let models: String = (0..waits.len()).map(|n| format!("  m{n}: {pool}\n")).collect();
    let gateway = Gateway::start(&format!("models:\n{models}"), [&eastus, &westus]).await;
    for (n, wait) in waits.iter().enumerate() {
        eastus.script(Fault::too_many_requests(wait.clone()).forever());
        let answer = gateway.send(&Call::chat(&format!("m{n}"))).await;
        assert_eq!((answer.status, answer.backend()), (200, "westus"), "{wait:?}");
    }
    assert_eq!(eastus.statuses(), vec![429; waits.len()]);
}

/// The SDK honours `Retry-After`, so a 429 that gets through means a pause of 50 s (PR#225).
#[tokio::test]
async fn behaviour_35_never_a_pause_while_a_backend_is_healthy() {
    for python in EACH {
        let (eastus, westus) = (region("eastus").await, region("westus").await);
        eastus.script(Fault::too_many_requests(RetryAfter::Seconds(50)).forever());
        let gateway = gateway(PAIR, [&eastus, &westus]).await;
        let started = Instant::now();
        python.run("forms.py", &[&gateway.url(), KEY, "gpt-4o-mini", "1"]).await;
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        assert_eq!(eastus.statuses(), [429]);
        never_tried_again(&[&eastus, &westus]);
    }
}

#[tokio::test]
async fn behaviour_36_the_recorded_order_of_twenty_runs() {
    let (eastus, sweden) = (region("eastus").await, region("swedencentral").await);
    let (westus, uksouth) = (region("westus").await, region("uksouth").await);
    let gateway = gateway(LAB_POOL, [&eastus, &sweden, &westus, &uksouth]).await;
    let url = gateway.url();
    let arguments = [&url, KEY, "http", "150"];
    let runs = Python::New.run("lab_backend_pool.py", &arguments);
    // After eight requests the first tier has enough, for a time that ends while the second tier
    // still answers.
    let throttles = async {
        eventually("eight requests", async || (eastus.count() >= 8).then_some(())).await;
        eastus.script(Fault::too_many_requests(RetryAfter::Millis(1200)));
    };
    let (lines, ()) = tokio::join!(runs, throttles);
    let regions: Vec<&str> = lines.iter().map(|line| text(line, "region")).collect();
    assert!(lines.iter().all(|line| line["status"] == 200));
    assert!(regions[..8].iter().all(|region| *region == "East US"), "{regions:?}");
    let back = regions[8..].iter().position(|region| *region == "East US");
    let back = 8 + back.unwrap_or_else(|| panic!("the first tier did not return: {regions:?}"));
    let between = &regions[8..back];
    assert!(between.len() >= 3, "{regions:?}");
    assert!(between.windows(2).all(|pair| pair[0] != pair[1]), "strict alternation: {regions:?}");
    assert!(regions[back..].iter().all(|region| *region == "East US"), "{regions:?}");
    assert_eq!(eastus.statuses().iter().filter(|status| **status == 429).count(), 1);
}

const LAB_POOL: &str = "
path_prefix: /inference
models:
  gpt-4o-mini:
    retry: { attempts: 3 }
    pool:
      - { backend: eastus, priority: 1 }
      - { backend: swedencentral, priority: 2, weight: 50 }
      - { backend: westus, priority: 2, weight: 50 }
      - { backend: uksouth, priority: 3 }
";
const LAB_ROUTING: &str = "
path_prefix: /inference
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
async fn behaviour_32_a_stream_shows_tokens_to_those_who_asked_and_to_nobody_else() {
    for python in EACH {
        let (eastus, westus) = (region("eastus").await, region("westus").await);
        let gateway = gateway(PAIR, [&eastus, &westus]).await;
        let lines = python.run("usage.py", &[&gateway.url(), KEY, "gpt-4o-mini"]).await;
        assert_eq!(lines.len(), 5, "{lines:?}");
        for (line, seen) in lines[1..].iter().zip(eastus.requests()) {
            let usage = seen.usage.expect("every stream was made to report");
            let told = json!([[usage.prompt, usage.completion]]);
            let wanted =
                if line["asks"] == true { (json!(1), told) } else { (json!(0), json!([])) };
            assert_eq!((&line["alone"], &line["tokens"]), (&wanted.0, &wanted.1), "{line}");
            assert_eq!(line["finished"], true, "{line}");
        }
        requests_taken(&gateway, 4).await;
        let known = gateway
            .log_lines()
            .iter()
            .filter(|line| log_line::tokens(line)["prompt"].is_u64())
            .count();
        assert_eq!(known, 4, "the log knows all");
    }
}
