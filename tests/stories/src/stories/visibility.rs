//! What clients and operators get to see.

use crate::expect::{chat, failure, respond, throttled};
use crate::http::Answer;
use crate::story::Story;

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "an answer says who gave it, and after how many attempts",
        behaviours: &[28],
        needs: &[],
        config: TWO,
        play: |stage| {
            let answer = stage.chat("gpt-4o");
            answer.has("x-spillway-backend", "eastus").has("x-spillway-attempts", "1");
            answer.has("x-ms-region", "eastus").lacks("x-backend-region").lacks("x-spillway-retry");

            stage.will("eastus", [failure(503)]);
            let answer = stage.chat("gpt-4o");
            answer.has("x-spillway-backend", "westus").has("x-spillway-attempts", "2");
        },
    },
    Story {
        name: "the gateway's own headers can be switched off",
        behaviours: &[28],
        needs: &[],
        config: "
answer_headers: []
models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            for answer in [stage.chat("gpt-4o"), stage.chat("no-such-model")] {
                answer.lacks("x-spillway-backend").lacks("x-spillway-attempts");
                answer.lacks("x-backend-region");
            }
        },
    },
    Story {
        name: "the region is told as the labs expect it",
        behaviours: &[28],
        needs: &[],
        config: "
answer_headers: [region]
models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            let answer = stage.chat("gpt-4o");
            answer.has("x-backend-region", "eastus").has("x-ms-region", "eastus");
            answer.lacks("x-spillway-backend").lacks("x-spillway-attempts");

            stage.will("eastus", [Answer::json(200, "{}")]);
            stage.chat("gpt-4o").has("x-backend-region", "unknown").lacks("x-ms-region");
            stage.chat("no-such-model").has("x-backend-region", "unknown");
        },
    },
    Story {
        name: "the access log says which model, and how each attempt went",
        behaviours: &[29],
        needs: &[],
        config: TWO,
        play: |stage| {
            stage.send(&respond("gpt-4o")).is(200);
            assert_eq!(stage.noted("model"), "gpt-4o");
            assert_eq!(stage.attempts(), "eastus 200");

            stage.will("eastus", [throttled("retry-after", "30")]);
            stage.will("westus", [failure(500)]);
            stage.chat("gpt-4o").is(500);
            assert_eq!(stage.attempts(), "eastus 429, westus 500");
            assert_eq!(stage.noted("client"), "");
        },
    },
    Story {
        name: "a backend's own headers reach the client as they are",
        behaviours: &[28],
        needs: &[],
        config: TWO,
        play: |stage| {
            let told = Answer::json(200, "{}").with("x-ratelimit-remaining-tokens", "7984");
            let told = told.with("apim-request-id", "1").with("set-cookie", "theirs=1; Path=/");
            stage.will("eastus", [told]);

            let answer = stage.send(&chat("gpt-4o"));

            answer.has("x-ratelimit-remaining-tokens", "7984").has("apim-request-id", "1");
            answer.has("set-cookie", "theirs=1; Path=/");
        },
    },
];

const TWO: &str = "
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";
