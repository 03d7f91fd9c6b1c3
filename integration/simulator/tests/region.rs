//! A region over real sockets.

#![allow(clippy::unwrap_used, reason = "helpers of tests stand outside of test functions")]

mod client;

use std::time::Duration;

use client::{KEY, MODEL, chat, chat_with, request, response, send, send_h2};
use hyper::{Method, StatusCode};
use serde_json::json;
use sha2::{Digest, Sha256};
use spillway_simulator::{
    DeploymentConfig, Fault, Limits, Region, RegionConfig, Reset, RetryAfter, Script, Stall,
};

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn region() -> Region {
    limited(Limits::unlimited()).await
}

async fn limited(limits: Limits) -> Region {
    start("eastus", "East US", limits).await
}

async fn start(name: &str, display_name: &str, limits: Limits) -> Region {
    let config = RegionConfig {
        api_key: Some(KEY.into()),
        deployments: vec![DeploymentConfig::named(MODEL).limited(limits)],
        ..RegionConfig::named(name, display_name)
    };
    Region::start(config).await.unwrap()
}

#[tokio::test]
async fn a_chat_tells_region_deployment_and_usage() {
    let region = region().await;
    let reply = send(&region, chat(json!({}))).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.header("x-ms-region"), Some("East US"));
    assert!(reply.header("apim-request-id").is_some());
    let body = reply.json();
    let text = body["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.contains("eastus") && text.contains(MODEL), "{text}");
    assert_eq!(body["usage"]["prompt_tokens"], 2);
    assert_eq!(region.stats().by_deployment[MODEL].tokens.total(), body["usage"]["total_tokens"]);
    let seen = &region.requests()[0];
    assert_eq!((seen.method.as_str(), seen.status), ("POST", Some(200)));
    assert_eq!(seen.header("api-key"), Some(KEY));
    assert_eq!(seen.authority.as_deref(), Some("simulator"));
    assert!(seen.completed);
    assert_eq!(seen.sent_sha256, Some(sha256(&reply.body)));
}

#[tokio::test]
async fn a_stream_begins_with_the_filter_and_ends_with_the_usage() {
    let region = region().await;
    let options = json!({ "stream": true, "stream_options": { "include_usage": true } });
    let reply = send(&region, chat(options)).await.unwrap();
    let events = reply.events();
    assert_eq!(events[0]["choices"], json!([]));
    assert!(events[0]["prompt_filter_results"].is_array());
    let last = events.last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert!(last["usage"]["total_tokens"].is_u64());
    assert!(reply.text().ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn a_stream_tells_no_usage_unasked() {
    let region = region().await;
    let reply = send(&region, chat(json!({ "stream": true }))).await.unwrap();
    assert!(!reply.text().contains("\"usage\""));
    assert_eq!(region.requests()[0].usage, None);
}

#[tokio::test]
async fn requests_above_the_window_are_refused_with_the_wait() {
    let region = limited(Limits::requests(2, Duration::from_secs(60))).await;
    for left in ["1", "0"] {
        let reply = send(&region, chat(json!({}))).await.unwrap();
        assert_eq!(reply.header("x-ratelimit-remaining-requests"), Some(left));
    }
    let reply = send(&region, chat(json!({}))).await.unwrap();
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((50..=60).contains(&wait), "{wait}");
    let text = format!("Please retry after {wait} seconds");
    assert!(reply.text().contains(&text), "{}", reply.text());
    region.reset_limits();
    let reply = send(&region, chat(json!({}))).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK);
}

#[tokio::test]
async fn a_script_is_played_in_order_and_then_over() {
    let region = region().await;
    region.script(Script::new([
        Fault::too_many_requests(RetryAfter::Decimal(1.5)).times(2),
        Fault::status(503).on("another"),
        Fault::status(500),
    ]));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let reply = send(&region, chat(json!({}))).await.unwrap();
        if reply.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(reply.header("retry-after"), Some("1.5"));
        }
        statuses.push(reply.status.as_u16());
    }
    assert_eq!(statuses, [429, 429, 500, 200]);
}

#[tokio::test]
async fn a_fault_in_a_header_applies_in_its_region_only() {
    let regions = [region().await, start("westus", "West US", Limits::unlimited()).await];
    let mut statuses = Vec::new();
    for region in &regions {
        let mut request = chat(json!({}));
        let fault = r#"{"region":"westus","status":503}"#.parse().unwrap();
        request.headers_mut().insert("x-sim-fault", fault);
        statuses.push(send(region, request).await.unwrap().status.as_u16());
    }
    assert_eq!(statuses, [200, 503]);
}

#[tokio::test]
async fn resets_break_the_connection_where_told() {
    let region = region().await;
    region.script(Fault::reset(Reset::BeforeHeaders));
    assert!(send(&region, chat(json!({}))).await.is_err());

    region.script(Fault::reset(Reset::AfterHeaders));
    let reply = send(&region, chat(json!({ "stream": true }))).await.unwrap();
    assert!(reply.broken.is_some() && reply.body.is_empty());

    region.script(Fault::reset(Reset::MidStream));
    let reply = send(&region, chat(json!({ "stream": true }))).await.unwrap();
    assert!(reply.broken.is_some() && !reply.body.is_empty());
    assert!(!reply.text().contains("[DONE]"));
    assert!(region.requests().iter().all(|seen| !seen.completed));
}

#[tokio::test]
async fn a_stall_keeps_the_caller_waiting() {
    let region = region().await;
    for when in [Stall::BeforeHeaders, Stall::AfterFirstChunk] {
        region.script(Fault::stall(when));
        let call = send(&region, chat(json!({ "stream": true })));
        let outcome = tokio::time::timeout(Duration::from_millis(200), call).await;
        assert!(outcome.is_err(), "{when:?} let the answer through");
    }
}

#[tokio::test]
async fn a_response_is_known_only_where_it_was_made() {
    let east = region().await;
    let west = start("westus", "West US", Limits::unlimited()).await;
    let made = send(&east, response(json!({ "model": MODEL, "input": "Hi" }))).await;
    let id = made.unwrap().json()["id"].as_str().unwrap().to_owned();
    let next = json!({ "model": MODEL, "input": "And?", "previous_response_id": id });

    let known = send(&east, response(next.clone())).await.unwrap();
    assert_eq!(known.status, StatusCode::OK);
    let unknown = send(&west, response(next)).await.unwrap();
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    assert_eq!(unknown.json()["error"]["code"], "previous_response_not_found");

    let path = format!("/openai/responses/{id}?api-version=2025-03-01-preview");
    for (region, status) in [(&east, 200), (&west, 404)] {
        let reply = send(region, request(Method::GET, &path, "")).await.unwrap();
        assert_eq!(reply.status, status);
    }
}

#[tokio::test]
async fn refusals_are_azures_own() {
    let region = region().await;
    let mut stranger = chat(json!({}));
    stranger.headers_mut().insert("api-key", "wrong".parse().unwrap());
    let unversioned = "/openai/deployments/gpt-4o-mini/chat/completions";
    let v1 = json!({ "model": "unknown", "messages": [] }).to_string();
    let malformed = format!("{unversioned}?api-version=1");
    for (request, status, text) in [
        (stranger, 401, "invalid subscription key"),
        (chat_with("unknown", json!({})), 404, "DeploymentNotFound"),
        (request(Method::POST, unversioned, "{}"), 404, "Resource not found"),
        (request(Method::POST, "/openai/v1/chat/completions", v1), 400, "existing deployment"),
        (request(Method::POST, &malformed, "{\"messages\""), 400, "invalid_request_error"),
    ] {
        let reply = send(&region, request).await.unwrap();
        assert_eq!(reply.status, status, "{}", reply.text());
        assert!(reply.text().contains(text), "{}", reply.text());
    }
}

#[tokio::test]
async fn large_headers_are_accepted_over_both_versions() {
    let region = region().await;
    let crowded = || {
        let mut request = chat(json!({}));
        let headers = request.headers_mut();
        headers.insert("x-long", "a".repeat(90 << 10).parse().unwrap());
        for number in 0..1_000 {
            let name = format!("x-header-{number}").parse::<hyper::header::HeaderName>();
            headers.insert(name.unwrap(), "value".parse().unwrap());
        }
        request
    };
    let h1 = send(&region, crowded()).await.unwrap();
    let h2 = send_h2(&region, crowded()).await.unwrap();
    assert_eq!([h1.status, h2.status], [StatusCode::OK; 2]);
    let versions: Vec<String> =
        region.requests().into_iter().map(|seen| seen.http_version).collect();
    assert_eq!(versions, ["HTTP/1.1", "HTTP/2.0"]);
    assert_eq!(region.requests()[1].header("x-long").unwrap().len(), 90 << 10);
}

#[tokio::test]
async fn a_large_body_is_hashed_whole() {
    let region = region().await;
    let text = "x".repeat(20 << 20);
    let body = json!({ "messages": [{ "role": "user", "content": text }] }).to_string();
    let hash = sha256(body.as_bytes());
    let length = body.len() as u64;
    let path = "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21";
    let reply = send(&region, request(Method::POST, path, body)).await;
    assert_eq!(reply.unwrap().status, StatusCode::OK);
    let seen = region.requests().remove(0);
    assert_eq!((seen.body_len, seen.body_sha256), (length, hash));
    assert_eq!(seen.body, None);
}

#[tokio::test]
async fn a_region_goes_down_and_comes_back_on_its_port() {
    let region = region().await;
    region.set_down().await;
    let refused = tokio::net::TcpStream::connect(region.addr()).await;
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    region.set_up().await.unwrap();
    let reply = send(&region, chat(json!({}))).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK);
}

#[tokio::test]
async fn control_works_over_http_and_is_not_counted() {
    let region = region().await;
    let script = r#"{"status":418,"times":"forever"}"#;
    for (method, path, body, status) in [
        (Method::PUT, "/_sim/script", script, 204),
        (Method::PUT, "/_sim/script", r#"{"stauts":1}"#, 400),
        (Method::PUT, "/_sim/limits", r#"{"capacity":1}"#, 204),
        (Method::POST, "/_sim/reset-limits", "", 204),
        (Method::GET, "/_sim/nothing", "", 404),
    ] {
        let reply = send(&region, request(method, path, body)).await.unwrap();
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
    }
    assert_eq!(send(&region, chat(json!({}))).await.unwrap().status, StatusCode::IM_A_TEAPOT);
    let stats = send(&region, request(Method::GET, "/_sim/stats", "")).await;
    assert_eq!(stats.unwrap().json()["by_status"], json!({ "418": 1 }));
    let seen = send(&region, request(Method::GET, "/_sim/requests", "")).await;
    assert_eq!(seen.unwrap().json().as_array().unwrap().len(), 1);
}
