//! Redirects: a backend's own, which are the client's, and Envoy's internal ones, which are how
//! an older Envoy fails over.

use crate::expect::{chat, chat_path, failure, respond, seconds};
use crate::http::{Answer, Reaction, Request};
use crate::story::{ANSWERS_ALONE, Story, UNREAD_ALONE, key_of};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a backend's own redirect is the client's, and nobody follows it",
        behaviours: &[7],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            for status in [301, 302, 303, 307, 308] {
                let told = Answer::json(status, "{}").with("location", "http://127.0.0.1:9/x?y");
                stage.will("eastus", [told]);

                let answer = stage.chat("gpt-4o");

                answer.is(status).says("{}").has("location", "http://127.0.0.1:9/x?y");
                answer.has("x-spillway-attempts", "1").has("x-spillway-backend", "eastus");
                assert_eq!(stage.attempts(), format!("eastus {status}"));
            }
            stage.will("eastus", [Answer::json(307, "")]);
            stage.chat("gpt-4o").is(307).lacks("location");
            stage.expect_counts(&[("eastus", 6), ("westus", 0)]);
        },
    },
    Story {
        name: "what fails over shows no trace of it, to the client or to a backend",
        behaviours: &[5, 22, 29],
        needs: &[],
        config: "
clients: [{ name: chat-app, key: '${CHAT_KEY}' }]
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }, { backend: uksouth, priority: 3 }], session_affinity: true } }",
        play: |stage| {
            let theirs = Answer::json(500, "{}").with("location", "http://127.0.0.1:9/theirs");
            stage.will("eastus", [theirs]);
            stage.will("westus", [failure(503)]);
            let path =
                "/openai/deployments/gpt-4o/embeddings?a=%2F&api-key=key-of-chat&b=[1]&c=\"d\"".as_bytes();
            let request = Request { path: path.to_vec(), ..chat("gpt-4o") };

            let answer = stage.send(&request.with("host", "ai.contoso.com:8443"));

            answer.is(200).from("uksouth").lacks("location").has("x-spillway-attempts", "3");
            assert!(answer.cookie().is_some(), "the client is pinned to who answered");
            assert_eq!(stage.noted("client"), "chat-app");
            assert_eq!(stage.noted("model"), "gpt-4o");
            assert_eq!(stage.attempts(), "eastus 500, westus 503, uksouth 200");
            for backend in ["eastus", "westus", "uksouth"] {
                let received = stage.last(backend);
                received.at("/openai/deployments/gpt-4o/embeddings?a=%2F&b=[1]&c=\"d\"");
                received.has("host", &stage.authority(backend));
                received.has("api-key", &key_of(backend)).lacks("x-envoy-original-url");
            }
        },
    },
    Story {
        name: "a body of unannounced length that fails over is whole at each backend",
        behaviours: &[5, 18],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            for request in [chat("gpt-4o"), respond("gpt-4o")] {
                stage.will("eastus", [failure(500)]);
                let body = request.body.clone();

                stage.send(&request.streamed().cut_at([1, 9])).is(200).from("westus");

                stage.last("eastus").says(body.clone());
                stage.last("westus").says(body);
            }
        },
    },
    Story {
        name: "a body that is nearly as long as may be fails over whole",
        behaviours: &[5, 20],
        needs: &[],
        config: "
max_request_body: 2MiB
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            let text = "x".repeat(2 * 1024 * 1024 - 1000);
            let body = format!(r#"{{"input":"{text}","model":"gpt-4o"}}"#);
            for path in [chat_path("gpt-4o"), "/openai/v1/responses".to_owned()] {
                stage.will("eastus", [failure(500)]);

                stage.send(&Request::post(path, body.clone())).is(200).from("westus");

                stage.last("westus").says(body.clone());
            }
        },
    },
    Story {
        name: "where only answers fail over, a backend that gives none is an error that counts",
        behaviours: &[5, 10],
        needs: &[ANSWERS_ALONE],
        config: "
circuit_breaker: { trip: 1s }
timeouts: { first_byte: 500ms }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [Reaction::HangUp, Reaction::Silence]);
            for status in [503, 504] {
                let answer = stage.chat("gpt-4o");
                answer.is(status).has("content-type", "application/json");
                answer.has("x-spillway-attempts", "1").has("x-spillway-backend", "eastus");
                assert!(answer.error_code().is_some(), "an error in OpenAI's shape");
                assert_eq!(stage.attempts(), "eastus failed");
            }
            stage.set_reachable("eastus", false);
            stage.chat("gpt-4o").is(503);

            // That was the third failure.
            stage.set_reachable("eastus", true);
            stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "1");
            stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));
        },
    },
    Story {
        name: "where an answer that is read cannot be replaced, it is the client's and counts",
        behaviours: &[5],
        needs: &[UNREAD_ALONE],
        config: FIRST_AND_SECOND,
        play: |stage| {
            let told = Answer::json(404, r#"{"error":{"code":"DeploymentNotFound"}}"#);
            for _ in 0..3 {
                stage.will("eastus", [told.clone()]);
                let answer = stage.chat("gpt-4o");
                answer.is(404).says(&told.body[..]).has("x-spillway-attempts", "1");
            }

            stage.chat("gpt-4o").from("westus");
            stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));
        },
    },
];

const FIRST_AND_SECOND: &str = "
circuit_breaker: { trip: 1s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";
