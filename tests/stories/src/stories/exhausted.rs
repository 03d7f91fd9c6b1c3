//! When nobody may be chosen.

use crate::expect::{chat, failure, seconds, throttled};
use crate::story::{Need, Story};

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
        name: "one that is throttled and one that fails: there is capacity to wait for",
        behaviours: &[9],
        needs: &[],
        config: "
circuit_breaker: { failures: 1, trip: 1s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "30")]);
            stage.will("westus", [failure(500)]);
            stage.chat("gpt-4o").is(500);

            stage.chat("gpt-4o").is(429).error("exhausted").retry_after_trip(seconds(1));
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
            let told = throttled("retry-after", "2");
            stage.will("eastus", [told.clone()]);
            stage.chat("gpt-4o").is(429).has("retry-after", "2").says(told.body);

            stage.chat("gpt-4o").is(503).says("").lacks("retry-after").lacks("content-type");

            stage.expect_rest("eastus", seconds(2), &chat("gpt-4o"));
        },
    },
    Story {
        name: "the labs' empty 503 is still counted by its cause: at the limit, or failing",
        behaviours: &[9],
        needs: &[Need::Counts],
        config: "
when_exhausted: service_unavailable
circuit_breaker: { failures: 1, trip: 60s }
models: { throttled: { pool: [eastus] }, failing: { pool: [westus] } }",
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "60")]);
            stage.will("westus", [failure(500)]);
            for (model, first, kind, outcome) in [
                ("throttled", 429, "throttled", "exhausted"),
                ("failing", 500, "failing", "unavailable"),
            ] {
                stage.chat(model).is(first);
                stage.chat(model).is(503).says("").lacks("retry-after");
                assert_eq!(stage.noted("outcome"), outcome);
                let kind = [("model", model), ("kind", kind)];
                let counted = u64::from(first == 429) + 1;
                stage.expect_counted("spillway_pool_exhausted_total", &kind, counted);
            }
        },
    },
    Story {
        name: "where everyone fails, it is a 503 with the time to come back",
        behaviours: &[9, 10],
        needs: &[],
        config: "
circuit_breaker: { failures: 1, trip: 1s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [failure(500)]);
            stage.will("westus", [failure(502)]);
            stage.chat("gpt-4o").is(502).says(failure(502).body);

            let answer = stage.chat("gpt-4o");

            answer.is(503).error("unavailable").retry_after_trip(seconds(1));
            let body = String::from_utf8_lossy(&answer.body);
            assert!(
                body.contains("'gpt-4o'") && body.contains(" GMT. Please retry after"),
                "{body}"
            );
            assert!(!body.contains("eastus") && !body.contains("westus"), "no backend in {body}");

            stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));
        },
    },
];
