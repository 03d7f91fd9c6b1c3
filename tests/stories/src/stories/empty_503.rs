//! `when_exhausted: service_unavailable`: API Management's empty 503, for the request that finds every
//! member exhausted as for the next one. And what an outage is called, whatever the client is told.

use crate::expect::{failure, seconds, throttled};
use crate::http::{Answer, Reaction};
use crate::story::{AFTER_READING, AFTER_SILENCE, Need, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "the request that opens the last circuit of a pool gets the empty 503 too",
        behaviours: &[9],
        needs: &[],
        config: "
when_exhausted: service_unavailable
circuit_breaker: { failures: 1, statuses: [429] }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            let told = |region| throttled("retry-after", "30").with("x-ms-region", region);
            stage.will("eastus", [told("eastus")]);
            stage.will("westus", [told("westus")]);
            for attempts in ["2", "0"] {
                let answer = stage.chat("gpt-4o");
                answer.is(503).says("").lacks("retry-after").lacks("retry-after-ms");
                answer.lacks("x-ms-region").lacks("content-type");
                answer.has("x-spillway-attempts", attempts);
            }
        },
    },
    Story {
        name: "throttling under a good status is the empty 503 too",
        behaviours: &[9],
        needs: &[AFTER_READING],
        config: "
when_exhausted: service_unavailable
models: { json: { pool: [eastus] }, stream: { pool: [westus] } }",
        play: |stage| {
            let error = r#"{"error":{"code":"429","message":"Please retry after 9 seconds."}}"#;
            stage.will("eastus", [Answer::json(200, error)]);
            stage.will(
                "westus",
                [Answer::events(format!("data: {{\"choices\":[]}}\n\ndata: {error}\n\n"))],
            );
            for model in ["json", "stream"] {
                for _ in 0..2 {
                    stage.chat(model).is(503).says("").lacks("retry-after");
                }
            }
        },
    },
    Story {
        name: "a pool that fails is counted as one that fails, although its clients get the labs' empty 503",
        behaviours: &[],
        needs: &[Need::Counts],
        config: "
when_exhausted: service_unavailable
circuit_breaker: { failures: 1, trip: 60s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            // They say different things, so it is not the request's fault. The next one is a try before
            // their time.
            stage.will("eastus", [failure(500), failure(502)]);
            stage.will("westus", [failure(403), failure(503)]);
            stage.chat("gpt-4o").is(403);
            stage.chat("gpt-4o").is(503).says("").lacks("retry-after");
            stage.expect_counted("spillway_pool_exhausted_total", &[("kind", "failing")], 1);
            stage.expect_counted("spillway_pool_exhausted_total", &[("kind", "throttled")], 0);
            stage.expect_counted("spillway_requests_total", &[("outcome", "unavailable")], 1);
            stage.expect_counted("spillway_requests_total", &[("outcome", "exhausted")], 0);
            stage.expect_counted("spillway_errors_total", &[("outcome", "unavailable")], 1);
            stage.expect_counted("spillway_errors_total", &[("outcome", "exhausted")], 0);
        },
    },
    Story {
        name: "a pool that cannot be reached, or never answers, fails and is not throttled",
        behaviours: &[],
        needs: &[AFTER_SILENCE, Need::Counts],
        config: "
circuit_breaker: { failures: 1, trip: 60s }
timeouts: { first_byte: 300ms }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.set_reachable("eastus", false);
            stage.will("westus", [Reaction::Silence, Reaction::Silence]);
            stage.chat("gpt-4o").is(504).error("first_byte_timeout");
            stage.chat("gpt-4o").is(503).error("unavailable").retry_after(seconds(60));
            stage.expect_counted("spillway_pool_exhausted_total", &[("kind", "failing")], 1);
            stage.expect_counted("spillway_pool_exhausted_total", &[("kind", "throttled")], 0);
            stage.expect_counted("spillway_requests_total", &[("outcome", "unavailable")], 2);
        },
    },
    Story {
        name: "one member at its limit makes a pool throttled, whatever the others do",
        behaviours: &[9],
        needs: &[Need::Counts],
        config: "
circuit_breaker: { failures: 1, trip: 60s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "30")]);
            stage.will("westus", [failure(500), failure(500)]);
            stage.chat("gpt-4o").is(500);
            stage.chat("gpt-4o").is(429).error("exhausted").retry_after(seconds(30));
            let kind = [("model", "gpt-4o"), ("kind", "throttled")];
            stage.expect_counted("spillway_pool_exhausted_total", &kind, 1);
        },
    },
];
