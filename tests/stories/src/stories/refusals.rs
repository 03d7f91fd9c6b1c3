//! Backends that refuse Spillway's own key or lack the deployment: the configuration's mistakes.

use crate::expect::{chat, failure, seconds};
use crate::http::Answer;
use crate::story::{AFTER_READING, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a backend that refuses Spillway's key is left alone and another one asked",
        behaviours: &[5, 10],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            for status in [401, 403] {
                // As many different requests as of any failure: one may be refused for what it says.
                for _ in 0..3 {
                    stage.will("eastus", [failure(status)]);
                    stage.chat("gpt-4o").is(200).from("westus").has("x-spillway-attempts", "2");
                }
                stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));
            }
        },
    },
    Story {
        name: "where everyone refuses, the client gets the refusal unchanged",
        behaviours: &[7],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            stage.will("eastus", [failure(401)]);
            stage.will("westus", [failure(403)]);

            stage.chat("gpt-4o").is(403).says(failure(403).body);
        },
    },
    Story {
        name: "with failover_on_refusal: false refusals are passed on, as in API Management",
        behaviours: &[7, 13],
        needs: &[],
        config: "
retry: { failover_on_refusal: false }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [failure(401)]);
            stage.chat("gpt-4o").is(401).error("backend_credential_refused");
            for told in [failure(403), Answer::json(404, NOT_FOUND)] {
                stage.will("eastus", [told.clone()]);
                stage.chat("gpt-4o").is(told.status).says(told.body);
            }

            stage.chat("gpt-4o").from("eastus");
            assert_eq!(stage.count("westus"), 0);
        },
    },
    Story {
        name: "a missing deployment is found on another backend, however its error arrives",
        behaviours: &[5],
        needs: &[AFTER_READING],
        config: FIRST_AND_SECOND,
        play: |stage| {
            for cuts in [vec![], vec![1], vec![20, 40], vec![NOT_FOUND.len() - 1]] {
                for _ in 0..3 {
                    stage.will("eastus", [Answer::json(404, NOT_FOUND).cut_at(cuts.clone())]);
                    stage.chat("gpt-4o").is(200).from("westus").has("x-spillway-attempts", "2");
                }
                stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));
            }
        },
    },
    Story {
        name: "where nobody has the deployment, the client is told so in Azure's words",
        behaviours: &[7],
        needs: &[],
        config: "models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            stage.will("eastus", [Answer::json(404, NOT_FOUND).cut_at([10])]);

            stage.chat("gpt-4o").is(404).says(NOT_FOUND).lacks("x-spillway-retry");
        },
    },
    Story {
        name: "any other 404 is the client's, byte for byte",
        behaviours: &[7, 13],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            let response =
                r#"{"error":{"message":"Response with id 'resp_1' not found.","code":null}}"#;
            let mentions = r#"{"error":{"code":"404","message":"DeploymentNotFound"}}"#;
            let page = format!("<html>{}</html>", "x".repeat(100_000));
            for body in [response, mentions, "", "not JSON", &page] {
                stage.will("eastus", [Answer::json(404, body).cut_at([3])]);
                stage.chat("gpt-4o").is(404).says(body).has("x-spillway-attempts", "1");
            }

            stage.chat("gpt-4o").from("eastus");
            assert_eq!(stage.count("westus"), 0);
        },
    },
    Story {
        name: "a compressed 404 is passed on unread",
        behaviours: &[7],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            let zipped = b"\x1f\x8b\x08\x00\x00\xff".to_vec();
            let told = Answer::json(404, zipped.clone()).with("content-encoding", "gzip");
            stage.will("eastus", [told]);

            stage.chat("gpt-4o").is(404).says(zipped).has("content-encoding", "gzip");

            stage.chat("gpt-4o").from("eastus");
        },
    },
];

const FIRST_AND_SECOND: &str = "
circuit_breaker: { trip: 1s, max_trip: 1s, ramp: 1ms }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";

const NOT_FOUND: &str = r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#;
