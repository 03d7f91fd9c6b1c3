//! Asking another backend inside the same request, and what the client gets.

use crate::expect::{chat, failure, seconds, throttled, too_many};
use crate::http::{Answer, Reaction, Request};
use crate::story::{AFTER_SILENCE, Need, Story, key_of};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "what is the client's own is passed on, byte for byte, and blames nobody",
        behaviours: &[7, 13],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            for status in [201, 302, 400, 402, 404, 405, 409, 413, 415, 422, 423, 431, 499] {
                let told = failure(status).with("x-own", "as it was");
                stage.will("eastus", [told.clone(), told.clone()]);

                for _ in 0..2 {
                    let answer = stage.chat("gpt-4o");
                    answer.is(status).says(&told.body).has("x-own", "as it was");
                    answer.has("x-spillway-attempts", "1").lacks("x-spillway-retry");
                }
            }
            stage.expect_counts(&[("eastus", 26), ("westus", 0)]);
        },
    },
    Story {
        name: "a refused prompt is the client's, byte for byte",
        behaviours: &[7],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            stage.will("eastus", [Answer::json(400, CONTENT_FILTER)]);

            stage.chat("gpt-4o").is(400).says(CONTENT_FILTER);

            stage.expect_counts(&[("eastus", 1), ("westus", 0)]);
            stage.chat("gpt-4o").from("eastus");
        },
    },
    Story {
        name: "a failing backend's request is served by another",
        behaviours: &[5, 7],
        needs: &[],
        config: PATIENT,
        play: |stage| {
            for status in [408, 429, 500, 502, 503, 504, 529] {
                stage.will("eastus", [failure(status).with("retry-after-ms", "1")]);

                let answer = stage.chat("gpt-4o");

                answer.is(200).from("westus").has("x-spillway-attempts", "2");
                answer.lacks("x-spillway-retry");
                assert_eq!(stage.attempts(), format!("eastus {status}, westus 200"));
                if status == 429 {
                    stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));
                }
            }
        },
    },
    Story {
        name: "where everyone fails, the client gets the last one's answer",
        behaviours: &[5, 6],
        needs: &[],
        config: PATIENT,
        play: |stage| {
            stage.will("eastus", [failure(500)]);
            stage.will("westus", [failure(503).with("x-own", "the last one's")]);

            let answer = stage.chat("gpt-4o");

            answer.is(503).says(failure(503).body).has("x-own", "the last one's");
            answer.has("x-spillway-backend", "westus").lacks("x-spillway-retry");
            stage.expect_counts(&[("eastus", 1), ("westus", 1)]);
        },
    },
    Story {
        name: "every attempt is the same request, with the backend's own key and host",
        behaviours: &[5, 22, 23, 33],
        needs: &[],
        config: "models: { gpt-4o: { pool: [eastus, westus, uksouth] } }",
        play: |stage| {
            stage.will("eastus", [too_many()]);
            stage.will("westus", [failure(503)]);
            let path = "/openai/deployments/gpt-4o/chat/completions?api-version=1&x=%20%C3%A9&y";
            let body = "{\"stream\": true,  \"messages\":\t[] }";

            let sent = path.replace("&y", "&&y");
            stage.send(&Request::post(sent, body).with("x-own", "as it was")).from("uksouth");

            for backend in ["eastus", "westus", "uksouth"] {
                let received = stage.last(backend);
                received.at(path).says(body).has("x-own", "as it was");
                received.has("api-key", &key_of(backend)).lacks("authorization");
                received.has("host", &stage.authority(backend)).lacks("x-envoy-max-retries");
                received.has("content-length", &body.len().to_string());
                assert_eq!(received.method, "POST");
            }
        },
    },
    Story {
        name: "what must not be done twice goes on only where it is plain that it was not done",
        behaviours: &[5],
        needs: &[AFTER_SILENCE],
        config: "
default_model: gpt-4o
circuit_breaker: { failures: 100 }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            let store = || Request::post("/v1/vector_stores", r#"{"name":"store"}"#);
            stage.will("eastus", [too_many()]);
            stage.send(&store()).is(200).from("westus");
            stage.will("eastus", [failure(401)]);
            stage.send(&store()).is(200).from("westus");
        },
    },
    Story {
        name: "what may have been done is not done again",
        behaviours: &[5],
        needs: &[AFTER_SILENCE],
        config: "
default_model: gpt-4o
circuit_breaker: { failures: 100 }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            let store = || Request::post("/v1/vector_stores", r#"{"name":"store"}"#);
            stage.will("eastus", [failure(500)]);
            stage.send(&store()).is(500);
            stage.will("eastus", [Reaction::HangUp]);
            let answer = stage.send(&store());
            answer.is(502).error("outcome_unknown").has("x-should-retry", "false");
            assert_eq!(stage.count("westus"), 0);

            // Also where no other backend could be asked.
            stage.set_reachable("westus", false);
            stage.will("eastus", [Reaction::HangUp]);
            stage.send(&store()).is(502).error("outcome_unknown");
            stage.set_reachable("westus", true);

            // A chat may be; and what never reached a backend was not done.
            stage.will("eastus", [Reaction::HangUp]);
            stage.send(&chat("gpt-4o")).is(200).from("westus");
            stage.set_reachable("eastus", false);
            stage.send(&store()).is(200).from("westus");
        },
    },
    Story {
        name: "no backend is asked twice, and no more than may be",
        behaviours: &[6, 8],
        needs: &[],
        config: "
retry: { attempts: 2 }
models: { gpt-4o: { pool: [eastus, westus, uksouth] } }",
        play: |stage| {
            for backend in ["eastus", "westus", "uksouth"] {
                stage.will(backend, [failure(500), failure(500)]);
            }

            stage.send(&chat("gpt-4o").with("x-envoy-max-retries", "9")).is(500);

            stage.expect_counts(&[("eastus", 1), ("westus", 1), ("uksouth", 0)]);
        },
    },
    Story {
        name: "one attempt means no retry",
        behaviours: &[6],
        needs: &[],
        config: "models: { gpt-4o: { pool: [eastus, westus], retry: { attempts: 1 } } }",
        play: |stage| {
            stage.will("eastus", [failure(500)]);

            stage.chat("gpt-4o").is(500).says(failure(500).body).has("x-spillway-attempts", "1");

            stage.expect_counts(&[("eastus", 1), ("westus", 0)]);
        },
    },
    Story {
        name: "only the configured statuses are tried again",
        behaviours: &[7],
        needs: &[],
        config: "
retry: { statuses: [429, 503] }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [failure(500), failure(503)]);

            stage.chat("gpt-4o").is(500);
            stage.chat("gpt-4o").from("westus");
        },
    },
    Story {
        name: "where everyone is throttled, the client is told the soonest time, in the gateway's words",
        behaviours: &[8, 35],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "5")]);
            stage.will("westus", [throttled("retry-after", "30").with("x-own", "the last one's")]);

            let answer = stage.chat("gpt-4o");

            answer.is(429).error("exhausted").retry_after(seconds(5)).lacks("x-own");
            answer.has("x-spillway-backend", "westus").has("x-spillway-attempts", "2");
            assert_eq!(stage.attempts(), "eastus 429, westus 429");
            stage.expect_counts(&[("eastus", 1), ("westus", 1)]);
        },
    },
    Story {
        name: "where nobody else may be chosen, the failing one's answer is the client's",
        behaviours: &[8],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            stage.will("eastus", [throttled("retry-after-ms", "400")]);
            stage.will("westus", [throttled("retry-after", "30")]);
            stage.chat("gpt-4o").is(429);
            stage.expect_rest("eastus", crate::expect::millis(400), &chat("gpt-4o"));

            stage.will("eastus", [failure(500)]);
            let answer = stage.chat("gpt-4o");

            answer.is(500).says(failure(500).body).lacks("x-spillway-retry");
            assert_eq!(stage.count("westus"), 1);
        },
    },
    Story {
        name: "a backend that cannot be reached is passed over",
        behaviours: &[5, 7],
        needs: &[AFTER_SILENCE],
        config: FIRST_AND_SECOND,
        play: |stage| {
            stage.set_reachable("eastus", false);

            for _ in 0..2 {
                stage.chat("gpt-4o").is(200).from("westus").has("x-spillway-attempts", "2");
                assert_eq!(stage.attempts(), "eastus failed, westus 200");
            }

            stage.set_reachable("eastus", true);
            stage.chat("gpt-4o").is(200).from("eastus");
        },
    },
    Story {
        name: "three failed connections open the circuit",
        behaviours: &[10],
        needs: &[AFTER_SILENCE],
        config: FIRST_AND_SECOND,
        play: |stage| {
            stage.set_reachable("eastus", false);
            assert_eq!(stage.regions("gpt-4o", 3), ["westus"; 3]);

            stage.set_reachable("eastus", true);

            stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "1");
            stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));
        },
    },
    Story {
        name: "where nobody can be reached, the client gets an error that it can read",
        behaviours: &[5],
        needs: &[AFTER_SILENCE],
        config: FIRST_AND_SECOND,
        play: |stage| {
            stage.set_reachable("eastus", false);
            stage.set_reachable("westus", false);

            let answer = stage.chat("gpt-4o");
            answer.is(503).has("content-type", "application/json");
            assert!(answer.error_code().is_some(), "an error in OpenAI's shape");
            assert_eq!(stage.attempts(), "eastus failed, westus failed");

            for _ in 0..3 {
                stage.chat("gpt-4o").is(503);
            }
            // Both circuits are open now, and a pool that is dark is tried at once.
            stage.chat("gpt-4o").is(503).error("unavailable").retry_after_trip(seconds(1));
            stage.set_reachable("westus", true);
            stage.chat("gpt-4o").is(200).from("westus");
        },
    },
    Story {
        name: "a connection that breaks before the answer is a failure",
        behaviours: &[5],
        needs: &[AFTER_SILENCE],
        config: FIRST_AND_SECOND,
        play: |stage| {
            stage.will("eastus", [Reaction::HangUp]);

            stage.chat("gpt-4o").is(200).from("westus");

            stage.expect_counts(&[("eastus", 1), ("westus", 1)]);
            assert_eq!(stage.attempts(), "eastus failed, westus 200");
        },
    },
    Story {
        name: "an attempt that takes too long is given up",
        behaviours: &[5],
        needs: &[AFTER_SILENCE],
        config: "
timeouts: { first_byte: 500ms }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [Reaction::Silence, Reaction::Silence]);
            stage.chat("gpt-4o").is(200).from("westus");
            stage.last("eastus").lacks("x-envoy-upstream-rq-per-try-timeout-ms");

            stage.will("westus", [Reaction::Silence]);
            let answer = stage.chat("gpt-4o");

            answer.is(504);
            assert!(answer.error_code().is_some(), "an error in OpenAI's shape");
            assert_eq!(stage.attempts(), "eastus failed, westus failed");
        },
    },
    Story {
        name: "the clock of the attempts is the gateway's",
        behaviours: &[29],
        needs: &[Need::VirtualTime, AFTER_SILENCE],
        config: "
timeouts: { first_byte: 500ms }
models: { gpt-4o: { pool: [eastus, westus] } }",
        play: |stage| {
            stage.will("eastus", [Reaction::Silence]);

            stage.chat("gpt-4o").is(200);

            assert_eq!(stage.noted("attempts"), "eastus failed 500ms, westus 200 0ms");
        },
    },
];

const FIRST_AND_SECOND: &str = "
circuit_breaker: { trip: 1s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";

const PATIENT: &str = "
circuit_breaker: { failures: 100, trip: 1s, accept_retry_after: false }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";

const CONTENT_FILTER: &str = r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#;
