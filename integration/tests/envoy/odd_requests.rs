//! Requests that no SDK sends, on connections that must go on afterwards.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use spillway_integration::{
    Call, Client, Gateway, Journal, Lent, Raw, RawAnswer, eventually, region,
};
use spillway_simulator::{Fault, Region, RetryAfter};

const CONFIG: &str = "
models:
  gpt-4o-mini: { pool: [{ backend: eastus }, { backend: westus, priority: 2 }] }
";
const PATH: &str = "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21";
const V1: &str = "/openai/v1/chat/completions";
const BODY: &str =
    "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";

/// A gateway whose first backend says 429 every other time, so that each request is also sent a
/// second time somewhere.
async fn gateway() -> (Lent, Region, Region) {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let gateway = Gateway::start(CONFIG, [&eastus, &westus]).await;
    (gateway, eastus, westus)
}

/// Sends what `write` writes twice: to a backend that answers, and to one that says 429 first.
async fn both_ways(gateway: &Gateway, first: &Region, request: &[u8]) -> Vec<RawAnswer> {
    let mut raw = Raw::connect(gateway.at).await;
    let mut answers = Vec::new();
    for throttled in [false, true] {
        if throttled {
            first.script(Fault::too_many_requests(RetryAfter::Millis(1)));
        }
        raw.write(request).await;
        answers.push(raw.answer().await);
        // The one millisecond has to pass, or the next finds the circuit open.
        eventually("the first backend", async || {
            let answer = Client::at(gateway.at).send(&Call::chat("gpt-4o-mini")).await;
            (answer.backend() == "eastus").then_some(())
        })
        .await;
    }
    raw.write(plain_request(V1)).await;
    let next = raw.answer().await;
    assert_eq!(next.status, 200, "the next request on the connection: {next:?}");
    answers
}

fn plain_request(path: &str) -> String {
    let length = BODY.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{BODY}"
    )
}

fn is_chat(answer: &RawAnswer) {
    assert_eq!(answer.status, 200, "{} {}", answer.head, String::from_utf8_lossy(&answer.body));
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert!(body["choices"][0]["message"]["content"].is_string(), "{body}");
}

#[tokio::test]
async fn a_latin_1_byte_in_a_header() {
    let (gateway, eastus, westus) = gateway().await;
    for path in [PATH, V1] {
        eastus.clear();
        westus.clear();
        let mut request = format!("POST {path} HTTP/1.1\r\nhost: g\r\nx-name: caf").into_bytes();
        request.extend(b"\xe9\r\ncookie: a=\xfc\r\nauthorization: \xff\r\napi-key: \xfe\r\n");
        request.extend(b"content-type: application/json; x=\xe9\r\nx-request-id: \xe9\r\n");
        request.extend(format!("content-length: {}\r\n\r\n{BODY}", BODY.len()).bytes());
        both_ways(&gateway, &eastus, &request).await.iter().for_each(is_chat);
        let odd: Vec<_> = eastus.requests().into_iter().chain(westus.requests()).collect();
        let kept = odd.iter().flat_map(|seen| &seen.headers);
        let kept = kept.filter(|(name, value)| name == "x-name" && value == b"caf\xe9").count();
        assert_eq!(kept, 3, "as it was, at every attempt");
    }
    let mut raw = Raw::connect(gateway.at).await;
    raw.write(b"POST /openai/deployments/caf\xe9/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: 2\r\n\r\n{}").await;
    let answer = raw.answer().await;
    assert_eq!(answer.status, 400, "{answer:?}");
    // An answer with such a byte passes as well.
    let answer =
        Fault { headers: [("x-note".into(), "caf\u{e9}".into())].into(), ..Fault::default() };
    eastus.script(answer);
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.status, 200);
}

#[tokio::test]
async fn two_hundred_headers_and_one_of_60_kb() {
    let (gateway, eastus, westus) = gateway().await;
    let many: String = (0..200).map(|n| format!("x-header-{n}: {n}\r\n")).collect();
    let long = format!("x-long: {}\r\n", "l".repeat(60 * 1024));
    for headers in [many, long] {
        eastus.clear();
        westus.clear();
        let length = BODY.len();
        let request = format!(
            "POST {V1} HTTP/1.1\r\nhost: g\r\n{headers}content-type: application/json\r\n\
             content-length: {length}\r\n\r\n{BODY}"
        );
        both_ways(&gateway, &eastus, request.as_bytes()).await.iter().for_each(is_chat);
        let seen = &westus.requests()[0];
        let passed = seen.headers.iter().filter(|(name, _)| name.starts_with("x-")).count();
        assert_eq!(passed >= 200, headers.starts_with("x-header"), "{passed} headers");
        let bytes: usize = seen.headers.iter().map(|(_, value)| value.len()).sum();
        assert_eq!(bytes >= 60 * 1024, headers.starts_with("x-long"), "{bytes} bytes");
    }
    // More than is taken is refused in the SDKs' terms, not cut off.
    let mut raw = Raw::connect(gateway.at).await;
    raw.write(format!("GET /x HTTP/1.1\r\nhost: g\r\nx: {}\r\n\r\n", "l".repeat(200 * 1024))).await;
    let answer = raw.answer().await;
    let error: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!((answer.status, error["error"]["code"].as_str()), (431, Some("headers_too_large")));
}

#[tokio::test]
async fn a_body_of_20_mb() {
    let (gateway, eastus, westus) = gateway().await;
    let client = gateway.client();
    let content = "y".repeat(20 * 1024 * 1024);
    let body =
        json!({ "model": "gpt-4o-mini", "messages": [{ "role": "user", "content": content }] });
    for path in [PATH, V1] {
        for throttled in [false, true] {
            eastus.clear();
            westus.clear();
            if throttled {
                eastus.script(Fault::too_many_requests(RetryAfter::Millis(1)));
            }
            let call = Call::post(path, &body);
            assert_eq!(client.send(&call).await.status, 200, "{path} {throttled}");
            let served = if throttled { &westus } else { &eastus };
            assert_eq!(served.only().body_sha256, hash(call.body()));
            assert_eq!(client.send(&Call::chat("gpt-4o-mini")).await.status, 200);
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_and_nobody_is_blamed() {
    let (eastus, westus) = (region("eastus").await, region("westus").await);
    let config = format!("max_request_body: 100KB{CONFIG}");
    let gateway = Gateway::start(&config, [&eastus, &westus]).await;
    let body = json!({ "model": "gpt-4o-mini", "messages": [], "x": "z".repeat(300_000) });
    for path in [PATH, V1] {
        let answer = gateway.client().send(&Call::post(path, &body)).await;
        assert_eq!(answer.status, 413, "{path}: {}", answer.text());
        assert_eq!(answer.json()["error"]["code"], "request_too_large", "{path}");
        let next = gateway.send(&Call::chat("gpt-4o-mini")).await;
        assert_eq!((next.status, next.backend()), (200, "eastus"), "{path}");
    }
    assert_eq!(westus.count(), 0);
}

#[tokio::test]
async fn chunks_and_trailers() {
    let (gateway, eastus, westus) = gateway().await;
    let (one, two) = BODY.split_at(20);
    for path in [PATH, V1] {
        for trailers in ["", "x-checksum: abc\r\nx-odd: \u{e9}\r\n"] {
            eastus.clear();
            westus.clear();
            let request = format!(
                "POST {path} HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\n\
                 transfer-encoding: chunked\r\n\r\n{:x}\r\n{one}\r\n{:x};ext=1\r\n{two}\r\n0\r\n\
                 {trailers}\r\n",
                one.len(),
                two.len()
            );
            both_ways(&gateway, &eastus, request.as_bytes()).await.iter().for_each(is_chat);
            let seen = &westus.requests()[0];
            assert_eq!(seen.body.as_deref(), Some(BODY), "{path} {trailers}");
            // Whoever hands a request on may leave its trailers out (RFC 9110, section 6.5.1).
            assert_eq!(seen.trailers, [], "{path} {trailers}");
        }
    }
}

#[tokio::test]
async fn http_1_0() {
    let (gateway, eastus, _westus) = gateway().await;
    let length = BODY.len();
    for throttled in [false, true] {
        if throttled {
            eastus.script(Fault::too_many_requests(RetryAfter::Millis(1)));
        }
        for path in [PATH, V1] {
            let mut raw = Raw::connect(gateway.at).await;
            raw.write(format!("POST {path} HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{BODY}")).await;
            let answer = raw.answer().await;
            is_chat(&answer);
            assert!(raw.rest().await.is_empty(), "1.0 closes");
        }
    }
    let mut raw = Raw::connect(gateway.at).await;
    raw.write("GET /openai/models HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").await;
    let answer = raw.answer().await;
    assert_eq!(answer.status, 400, "{answer:?}");
    if !answer.head.contains("connection: close") {
        raw.write(plain_request(PATH)).await;
        is_chat(&raw.answer().await);
    }
}

#[tokio::test]
async fn expect_100_continue() {
    let (gateway, eastus, _westus) = gateway().await;
    let length = BODY.len();
    for path in [PATH, V1] {
        for throttled in [false, true] {
            if throttled {
                eastus.script(Fault::too_many_requests(RetryAfter::Millis(1)));
            }
            let mut raw = Raw::connect(gateway.at).await;
            raw.write(format!("POST {path} HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n")).await;
            assert_eq!(raw.answer().await.status, 100);
            raw.write(BODY).await;
            is_chat(&raw.answer().await);
            raw.write(plain_request(path)).await;
            is_chat(&raw.answer().await);
        }
    }
    // Refused by its head alone: the body is never asked for, or is read and thrown away.
    let mut raw = Raw::connect(gateway.at).await;
    raw.write(format!("POST /openai/deployments/none/chat/completions HTTP/1.1\r\nhost: g\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n")).await;
    let mut answer = raw.answer().await;
    if answer.status == 100 {
        answer = raw.answer().await;
    }
    assert_eq!(answer.status, 400, "{answer:?}");
}

/// A refusal that comes before the body has: the connection either goes on or says that it ends.
#[tokio::test]
async fn an_early_refusal_leaves_the_connection_in_order() {
    let (gateway, _eastus, _westus) = gateway().await;
    for length in [2_usize, 100_000, 5_000_000] {
        let mut raw = Raw::connect(gateway.at).await;
        raw.write(format!("POST /openai/deployments/none/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: {length}\r\n\r\n")).await;
        raw.write_what_is_taken(&vec![b'x'; length]).await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, 400, "{answer:?}");
        if answer.head.contains("connection: close") {
            continue;
        }
        raw.write(plain_request(V1)).await;
        is_chat(&raw.answer().await);
    }
}

#[tokio::test]
async fn http_2() {
    let (gateway, eastus, westus) = gateway().await;
    let client = Client::http2_at(gateway.at);
    let long = json!({ "model": "gpt-4o-mini", "messages": [], "x": "z".repeat(3_000_000) });
    for throttled in [false, true] {
        for call in [
            Call::chat("gpt-4o-mini"),
            Call::v1_chat("gpt-4o-mini"),
            Call::streamed_chat("gpt-4o-mini"),
            Call::post(V1, &long),
            Call::chat("gpt-4o-mini").header("x-name", b"caf\xe9"),
        ] {
            if throttled {
                eastus.clear();
                westus.clear();
                eastus.script(Fault::too_many_requests(RetryAfter::Millis(1)));
            }
            let answer = client.send(&call).await;
            assert_eq!(answer.status, 200, "{throttled} {} {}", call.path(), answer.text());
        }
    }
    let refused = client.send(&Call::chat("none")).await;
    assert_eq!(refused.status, 400);
    let all = (0..50).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.send(&Call::v1_chat("gpt-4o-mini")).await.status })
    });
    for status in all.collect::<Vec<_>>() {
        assert_eq!(status.await.expect("a status"), 200);
    }
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
