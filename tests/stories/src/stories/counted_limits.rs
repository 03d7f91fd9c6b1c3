//! The rule of API Management's labs, written down: a 429 is one of the statuses that are counted. It
//! stays throttling, for the announced time.

use crate::expect::{another_chat, failure, seconds, throttled, too_many};
use crate::http::{Answer, Request};
use crate::story::{Need, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a 429 that is counted still says when its backend is back",
        behaviours: &[9, 10, 11],
        needs: &[],
        config: "
circuit_breaker: { failures: 1, statuses: [429], trip: 60s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "2")]);
            stage.will("westus", [throttled("retry-after", "30")]);

            stage.chat("gpt-4o").is(429).error("exhausted").retry_after(seconds(2));
            stage.chat("gpt-4o").is(429).error("exhausted");
            stage.expect_counts(&[("eastus", 1), ("westus", 1)]);

            // It has all of its traffic back at once.
            stage.expect_rest("eastus", seconds(2), &another_chat("gpt-4o"));
            assert_eq!(stage.regions("gpt-4o", 3), ["eastus"; 3]);
        },
    },
    Story {
        name: "a pool whose counted 429s are enough is at its limit, and does not fail",
        behaviours: &[9],
        needs: &[Need::Counts],
        config: "
circuit_breaker: { failures: 3, statuses: [429, 500-599] }
models: { gpt-4o: { pool: [eastus, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            let backends = ["eastus", "westus"];
            for backend in backends {
                stage.will(backend, vec![throttled("retry-after", "30"); 3]);
            }
            // Until then each client gets what the last backend says.
            for _ in 0..2 {
                stage.chat("gpt-4o").is(429).error("429").has("retry-after", "30");
            }
            stage.chat("gpt-4o").is(429).error("exhausted").retry_after(seconds(30));
            stage.chat("gpt-4o").is(429).error("exhausted");

            stage.expect_counts(&[("eastus", 3), ("westus", 3)]);
            let exhausted = |kind| [("model", "gpt-4o"), ("kind", kind)];
            stage.expect_counted("spillway_pool_exhausted_total", &exhausted("throttled"), 4);
            stage.expect_counted("spillway_pool_exhausted_total", &exhausted("failing"), 0);
            for backend in backends {
                let opened = [("backend", backend), ("cause", "throttled")];
                stage.expect_counted("spillway_breaker_openings_total", &opened, 1);
            }
        },
    },
    Story {
        name: "an SDK that is throttled three times has seen one 429",
        behaviours: &[10],
        needs: &[],
        config: "
circuit_breaker: { failures: 2, statuses: [429], accept_retry_after: false, trip: 1s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            let request = another_chat("gpt-4o");
            stage.will("eastus", vec![too_many(); 4]);
            for _ in 0..3 {
                stage.send(&request).is(200).from("westus").has("x-spillway-attempts", "2");
            }
            stage.chat("gpt-4o").is(200).from("westus").has("x-spillway-attempts", "2");
            stage.expect_rest("eastus", seconds(1), &another_chat("gpt-4o"));
        },
    },
    Story {
        name: "a counted 429 is no part of a share of failures",
        behaviours: &[13],
        needs: &[],
        config: "
circuit_breaker: { failure_ratio: 20%, minimum_requests: 2, statuses: [429, 500-599] }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            for _ in 0..2 {
                stage.will("eastus", [throttled("retry-after", "30")]);
                stage.chat("gpt-4o").is(200).from("westus");
                stage.chat("gpt-4o").is(200).from("eastus").has("x-spillway-attempts", "1");
            }
        },
    },
    Story {
        name: "what was throttled was not done, also where a 429 is counted",
        behaviours: &[5],
        needs: &[],
        config: "
default_model: gpt-4o
circuit_breaker: { statuses: [429] }
retry: { budget: 0% }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            let store = Request::post("/v1/vector_stores", r#"{"name":"store"}"#);
            stage.will("eastus", [throttled("retry-after", "30")]);
            stage.send(&store).is(200).from("westus").has("x-spillway-attempts", "2");
        },
    },
    Story {
        name: "a probe that meets a counted 429 shows that the backend works",
        behaviours: &[12],
        needs: &[],
        config: "
circuit_breaker: { failures: 2, statuses: [429, 500-599], trip: 1s, ramp: 1ms }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            let again: Answer = throttled("retry-after-ms", "1500");
            stage.will("eastus", [failure(500), failure(500), again]);
            assert_eq!(stage.regions("gpt-4o", 2), ["westus"; 2]);
            stage.expect_rest("eastus", seconds(1), &another_chat("gpt-4o"));

            stage.expect_rest("eastus", crate::expect::millis(1500), &another_chat("gpt-4o"));
            assert_eq!(stage.regions("gpt-4o", 3), ["eastus"; 3]);
        },
    },
];
