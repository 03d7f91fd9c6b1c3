//! Bytes that no proper client or backend would send: they cost the request, never the worker.

use crate::expect::{chat, chat_path, respond, seconds, throttled};
use crate::http::{Answer, Request};
use crate::story::{Need, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "bytes that are no text, in every header that is read, harm nobody",
        behaviours: &[19],
        needs: &[],
        config: "
answer_headers: [backend, attempts, region]
clients: [{ name: chat-app, key: '${CHAT_KEY}' }]
models: { gpt-4o: { pool: [eastus], session_affinity: true } }",
        play: |stage| {
            let known = || chat("gpt-4o").with("api-key", "key-of-chat");
            for name in ["api-key", "authorization"] {
                stage.send(&chat("gpt-4o").with(name, LATIN1)).is(401);
                let bearer = [b"Bearer ", LATIN1].concat();
                stage.send(&chat("gpt-4o").with(name, bearer)).is(401);
            }
            stage.send(&known().with("authorization", LATIN1)).is(200);
            stage.send(&known().with("x-own", LATIN1)).is(200);
            assert_eq!(stage.last("eastus").headers.get("x-own"), Some(LATIN1));

            let cookie = [b"Spillway-Affinity=", LATIN1, b"; b=", LATIN1].concat();
            let answer = stage.send(&known().with("cookie", cookie));
            assert!(answer.is(200).cookie().is_some());
            let kept = [b"b=", LATIN1].concat();
            assert_eq!(stage.last("eastus").headers.get("cookie"), Some(kept.as_slice()));

            let form =
                respond("gpt-4o").with("api-key", "key-of-chat").with("content-type", LATIN1);
            stage.send(&form).is(200).from("eastus");
            stage.send(&known()).is(200);
        },
    },
    Story {
        name: "a backend's bytes that are no text harm nobody either",
        behaviours: &[11, 19],
        needs: &[],
        config: "
answer_headers: [region]
circuit_breaker: { trip: 1s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            for name in [
                "retry-after-ms",
                "retry-after",
                "x-ratelimit-reset-requests",
                "x-ratelimit-reset-tokens",
            ] {
                stage.will("eastus", [throttled(name, LATIN1)]);
                stage.chat("gpt-4o").is(200).from("westus");
                stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));
            }

            let body = [b"{\"text\":\"", LATIN1, b"\"}"].concat();
            stage.will("eastus", [Answer::json(200, body.clone()).with("x-ms-region", LATIN1)]);
            let answer = stage.chat("gpt-4o");
            answer.is(200).says(&body).has("x-backend-region", "unknown");
            assert_eq!(answer.headers.get("x-ms-region"), Some(LATIN1));
        },
    },
    Story {
        name: "a path that is no text names no model and harms nobody",
        behaviours: &[17, 19],
        needs: &[Need::OddBytes],
        config: "models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            let path = [b"/openai/deployments/", LATIN1, b"/chat/completions"].concat();
            // Envoy itself refuses such a path where it looks closely, and else the filter does.
            stage.send(&Request::post(path, "{}")).is(400);
            stage.chat("caf%e9").is(400).error("path_ambiguous");

            let path = [chat_path("gpt-4o").as_bytes(), b"&x=", LATIN1].concat();
            let answer = stage.send(&Request::post(path, "{}"));
            let escaped = format!("{}&x=caf%E9", chat_path("gpt-4o"));
            assert!(matches!(answer.status, 200 | 400), "{}", answer.status);
            assert!(answer.status == 400 || stage.last("eastus").path == escaped.as_bytes());

            stage.chat("gpt-4o").is(200);
        },
    },
    Story {
        name: "a path that is none is refused",
        behaviours: &[17],
        needs: &[Need::OddBytes],
        config: "models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            for path in ["", "*", "http://x/openai", "?", "openai/deployments/gpt-4o/x"] {
                let answer = stage.send(&Request::get(path));
                assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
            }
            assert_eq!(stage.count("eastus"), 0);
            stage.chat("gpt-4o").is(200);
        },
    },
    Story {
        name: "very long headers, cookies and names pass or are refused, and nothing breaks",
        behaviours: &[19],
        needs: &[],
        config: "models: { gpt-4o: { pool: [eastus], session_affinity: true } }",
        play: |stage| {
            let long = "x".repeat(40_000);
            stage.send(&chat("gpt-4o").with("x-own", long.as_str())).is(200);
            stage.last("eastus").has("x-own", &long);
            stage.send(&chat("gpt-4o").with("authorization", format!("Bearer {long}"))).is(200);

            let tags = format!("Spillway-Affinity={}", "abcdefghijkl.".repeat(3000));
            let answer = stage.send(&chat("gpt-4o").with("cookie", tags));
            let (pair, _) = answer.is(200).cookie().expect("a cookie");
            assert!(pair.len() < 200, "the cookie does not grow");

            let answer = stage.chat(&long);
            answer.is(400).error("model_not_found");
            assert!(answer.body.len() < 1000, "the mistake is not repeated at length");
        },
    },
    Story {
        name: "a client cannot steer the gateway with its headers",
        behaviours: &[22],
        needs: &[],
        config: "
retry: { attempts: 1 }
models: { gpt-4o: { pool: [eastus, westus] } }",
        play: |stage| {
            let request = chat("gpt-4o")
                .with("x-spillway-retry", "1")
                .with("x-envoy-max-retries", "5")
                .with("x-envoy-retry-on", "5xx")
                .with("x-envoy-upstream-rq-timeout-ms", "1")
                .with("x-spillway-cluster", "westus");
            stage.will("eastus", [crate::expect::failure(500)]);

            stage.send(&request).is(500);

            stage.expect_counts(&[("eastus", 1), ("westus", 0)]);
            let received = stage.last("eastus");
            received
                .lacks("x-spillway-retry")
                .lacks("x-envoy-retry-on")
                .lacks("x-envoy-max-retries");
        },
    },
];

/// Latin-1 text, which is no UTF-8.
const LATIN1: &[u8] = b"caf\xe9";
