//! What a backend sends cannot pass for what is the gateway's, nor for an answer where it is none.

use crate::expect::{chat, failure, too_many};
use crate::http::Answer;
use crate::story::{Story, key_of};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a backend that refuses the gateway's key is not the client's fault, and says nothing",
        behaviours: &[],
        needs: &[],
        config: "
clients: [{ name: chat-app, key: '${CHAT_KEY}' }]
models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            stage.will("eastus", [refusal()]);

            refused(&stage.send(&chat("gpt-4o").with("api-key", key_of("chat"))));

            assert_eq!(stage.noted("outcome"), "backend_refused");
            let stranger = stage.send(&chat("gpt-4o").with("api-key", "someone's"));
            stranger.is(401).error("invalid_api_key").has("x-spillway-attempts", "0");
        },
    },
    Story {
        name: "where every backend refuses the gateway's key, none of their words pass",
        behaviours: &[],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            stage.will("eastus", [refusal()]);
            stage.will("westus", [refusal()]);

            refused(stage.chat("gpt-4o").has("x-spillway-attempts", "2"));
        },
    },
    Story {
        name: "with failover_on_refusal: false, a refusal of the gateway's key has our words too",
        behaviours: &[],
        needs: &[],
        config: "
retry: { failover_on_refusal: false }
models: { gpt-4o: { pool: [eastus, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            for _ in 0..3 {
                stage.will("eastus", [refusal()]);
                refused(stage.chat("gpt-4o").has("x-spillway-attempts", "1"));
                assert_eq!(stage.noted("outcome"), "backend_refused");
            }
            stage.expect_counts(&[("eastus", 3), ("westus", 0)]);
        },
    },
    Story {
        name: "a backend cannot have its answer replayed elsewhere",
        behaviours: &[],
        needs: &[],
        config: "
retry: { statuses: [503] }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            for told in [Answer::json(200, "{}"), Answer::json(302, ""), failure(400), too_many()] {
                let status = told.status;
                stage.will("eastus", [told.with("x-spillway-retry", "1")]);

                stage.chat("gpt-4o").is(status).lacks("x-spillway-retry");
            }
            stage.expect_counts(&[("eastus", 4), ("westus", 0)]);
        },
    },
    Story {
        name: "a backend cannot keep the router from asking another one",
        behaviours: &[],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            for name in ["x-envoy-ratelimited", "x-envoy-overloaded"] {
                stage.will("eastus", [failure(500).with(name, "true")]);
                stage.chat("gpt-4o").is(200).from("westus").lacks(name);
            }
        },
    },
    Story {
        name: "a backend cannot speak in the gateway's name",
        behaviours: &[],
        needs: &[],
        config: "
answer_headers: [attempts]
models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            let told = Answer::json(200, "{}").with("x-spillway-backend", "elsewhere");
            let told = told.with("x-spillway-attempts", "9").with("x-spillway-made-up", "x");
            let told = told.with("x-envoy-upstream-canary", "true").with("x-envoy-made-up", "x");
            stage.will("eastus", [told.with("x-ms-region", "East US")]);

            let answer = stage.chat("gpt-4o");

            answer.is(200).has("x-spillway-attempts", "1").has("x-ms-region", "East US");
            for name in ["backend", "made-up"] {
                answer.lacks(&format!("x-spillway-{name}"));
            }
            answer.lacks("x-envoy-upstream-canary").lacks("x-envoy-made-up");
        },
    },
    Story {
        name: "a backend cannot set the affinity cookie, and its other cookies keep their order",
        behaviours: &[],
        needs: &[],
        config: "
models:
  gpt-4o: { pool: [eastus], session_affinity: { cookie: Pin } }
  other: { pool: [westus], session_affinity: { cookie: Pin-Too } }",
        play: |stage| {
            let cookies = ["a=1; Path=/", "Pin=forged; Path=/", "b=Pin", " Pin-Too = x", "a=2"];
            let mut told = Answer::json(200, "{}");
            for cookie in cookies {
                told = told.with("set-cookie", cookie);
            }
            stage.will("eastus", [told]);

            let answer = stage.chat("gpt-4o");

            let set: Vec<_> =
                answer.headers.all("set-cookie").map(String::from_utf8_lossy).collect();
            assert_eq!(set[..3], ["a=1; Path=/", "b=Pin", "a=2"]);
            assert!(set[3].starts_with("Pin=") && !set[3].contains("forged"), "{set:?}");
            assert_eq!(set.len(), 4, "{set:?}");
            let pinned = set[3].split(';').next().unwrap_or_default().to_owned();
            let again = stage.send(&chat("gpt-4o").with("cookie", pinned));
            assert_eq!(again.is(200).headers.get("set-cookie"), None, "the cookie is ours");
        },
    },
    Story {
        name: "a status that is none is a failure, and another backend answers",
        behaviours: &[],
        needs: &[],
        config: "
circuit_breaker: { failures: 3, trip: 60s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            for status in [600, 999, 101] {
                stage.will("eastus", [no_answer(status)]);
                stage.chat("gpt-4o").is(200).from("westus").has("x-spillway-attempts", "2");
            }
            // That was the third failure.
            stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "1");
        },
    },
    Story {
        name: "where nobody else is left, a status that is none is a 502 of the gateway's own",
        behaviours: &[],
        needs: &[],
        config: "
circuit_breaker: { failures: 100 }
models:
  gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  lonely: { pool: [uksouth] }",
        play: |stage| {
            for status in [600, 999, 101] {
                stage.will("eastus", [no_answer(status)]);
                stage.will("westus", [no_answer(status)]);
                stage.will("uksouth", [no_answer(status)]);
                for (model, attempts) in [("gpt-4o", "2"), ("lonely", "1")] {
                    let answer = stage.chat(model);
                    answer.is(502).error("invalid_backend_answer").lacks("x-theirs");
                    answer.has("content-type", "application/json");
                    answer.has("x-spillway-attempts", attempts);
                    assert_eq!(stage.noted("outcome"), "unavailable");
                }
            }
        },
    },
];

/// Azure's answer to a key that it does not know, and more than it would say.
fn refusal() -> Answer {
    let body = r#"{"error":{"code":"401","message":"Access denied: key-of-eastus is invalid."}}"#;
    Answer::json(401, body).with("www-authenticate", "Bearer realm=\"the backend's\"")
}

#[track_caller]
fn refused(answer: &Answer) {
    answer.is(401).error("backend_credential_refused").lacks("www-authenticate");
    answer.has("content-type", "application/json");
    let body = String::from_utf8_lossy(&answer.body);
    assert!(body.contains("Your key is not at fault"), "{body}");
    assert!(!body.contains("denied") && !body.contains("key-of"), "{body}");
}

/// Something that is no answer; Envoy refuses 101 by itself where a length is announced.
fn no_answer(status: u16) -> Answer {
    let body = if status < 200 { "" } else { "{}" };
    Answer { status, body: body.into(), ..Answer::default() }.with("x-theirs", "x")
}

const FIRST_AND_SECOND: &str = "
circuit_breaker: { failures: 100, trip: 1ms, max_trip: 1ms }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";
