//! When nobody may be chosen.

use crate::expect::{chat, failure, seconds, throttled};
use crate::story::{AFTER_SILENCE, Need, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "where nobody may be chosen, the client is told when the first one is back",
        behaviours: &[9],
        needs: &[],
        config: "models: { gpt-4o: { pool: [eastus, westus] } }",
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "30")]);
            stage.will("westus", [throttled("retry-after-ms", "1500")]);
            stage.chat("gpt-4o").is(429);

            let answer = stage.chat("gpt-4o");

            answer.is(429).error("exhausted").retry_after(crate::expect::millis(1500));
            answer.has("content-type", "application/json").has("x-spillway-backend", "none");
            let body = String::from_utf8_lossy(&answer.body);
            assert!(!body.contains("eastus") && !body.contains("westus"), "no backend in {body}");
            assert_eq!(stage.noted("attempts"), "exhausted");
            stage.expect_counts(&[("eastus", 1), ("westus", 1)]);
        },
    },
    Story {
        name: "one that is throttled and one that fails: the second is tried at once",
        behaviours: &[9],
        needs: &[],
        config: "
circuit_breaker: { failures: 1, trip: 1s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "30")]);
            stage.will("westus", [failure(500)]);
            stage.chat("gpt-4o").is(500);

            // The one that has failed is tried at once; the other has said until when to wait.
            stage.chat("gpt-4o").is(200).from("westus");
        },
    },
    Story {
        name: "the time that is left falls, is whole seconds, and never too short",
        behaviours: &[9],
        needs: &[Need::VirtualTime],
        config: "models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "3")]);
            stage.chat("gpt-4o").is(429).has("retry-after", "3").has("retry-after-ms", "3000");

            for (pass, seconds, millis) in [(1, "3", "2999"), (999, "2", "2000"), (1999, "1", "1")]
            {
                stage.pass(crate::expect::millis(pass));
                let answer = stage.chat("gpt-4o");
                answer.is(429).has("retry-after", seconds).has("retry-after-ms", millis);
            }

            stage.pass(crate::expect::millis(1));
            stage.chat("gpt-4o").is(200).from("eastus");
        },
    },
    Story {
        name: "as a setting, an empty 503 as in API Management",
        behaviours: &[9],
        needs: &[],
        config: "
when_exhausted: service_unavailable
models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "2")]);
            // The request that opens the last circuit gets it as well.
            for _ in 0..2 {
                stage.chat("gpt-4o").is(503).says("").lacks("retry-after").lacks("content-type");
            }

            stage.expect_rest("eastus", seconds(2), &chat("gpt-4o"));
        },
    },
    Story {
        name: "the labs' empty 503 is still counted by its cause",
        behaviours: &[9],
        needs: &[Need::Counts],
        config: "
when_exhausted: service_unavailable
models: { throttled: { pool: [eastus] } }",
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "60")]);
            for counted in 1..=2 {
                stage.chat("throttled").is(503).says("").lacks("retry-after");
                assert_eq!(stage.noted("outcome"), "exhausted");
                let kind = [("model", "throttled"), ("kind", "throttled")];
                stage.expect_counted("spillway_pool_exhausted_total", &kind, counted);
            }
        },
    },
    Story {
        name: "what everyone says to one request is its own fault, and stops nobody else",
        behaviours: &[9],
        needs: &[],
        config: "
circuit_breaker: { failures: 1, trip: 1s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            for (first, last) in [(500, 502), (403, 403)] {
                for _ in 0..10 {
                    stage.will("eastus", [failure(first)]);
                    stage.will("westus", [failure(last)]);
                    stage.chat("gpt-4o").is(last).says(failure(last).body);
                    stage.chat("gpt-4o").is(200).from("eastus").has("x-spillway-attempts", "1");
                }
            }
        },
    },
    Story {
        name: "where everyone fails, one request at a time sees whether that is over",
        behaviours: &[9, 10],
        needs: &[AFTER_SILENCE],
        config: "
circuit_breaker: { failures: 1, trip: 60s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.set_reachable("eastus", false);
            stage.set_reachable("westus", false);
            for _ in 0..3 {
                stage.chat("gpt-4o").is(503);
                assert_eq!(stage.attempts(), "eastus failed, westus failed");
            }

            stage.set_reachable("westus", true);
            stage.chat("gpt-4o").is(200).from("westus");
            stage.chat("gpt-4o").is(200).from("westus").has("x-spillway-attempts", "1");
        },
    },
    Story {
        name: "twelve requests in a row that everyone fails are an outage",
        behaviours: &[10],
        needs: &[Need::VirtualTime, Need::Counts],
        config: "
circuit_breaker: { trip: 60s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            for number in 1..=12 {
                stage.expect_counted("spillway_breaker_state", &[], 0);
                stage.will("eastus", [failure(500)]);
                stage.will("westus", [failure(500)]);
                stage.chat("gpt-4o").is(500);
                let again = if number == 12 { 2 } else { 0 };
                stage.expect_counted("spillway_breaker_state", &[("backend", "eastus")], again);
            }

            stage.chat("gpt-4o").is(200).from("eastus");
        },
    },
];
