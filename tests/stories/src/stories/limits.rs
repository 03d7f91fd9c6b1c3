//! Limits as backends announce them, in each of their spellings, and what is made of them.

use crate::expect::{another_chat, failure, millis, seconds, throttled, too_many};
use crate::http::{Answer, Request};
use crate::story::{AFTER_READING, Need, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "the reset of a limit is read in each spelling of it",
        behaviours: &[11],
        needs: &[Need::VirtualTime],
        config: TWO,
        play: |stage| {
            for (name, value, rest) in [
                ("x-rate-limit-reset-tokens", "3", seconds(3)),
                ("x-rate-limit-reset-requests", "4", seconds(4)),
                ("x-rate-limit-reset-tokens", "250ms", millis(250)),
                // Groq's, with a fraction.
                ("x-ratelimit-reset-tokens", "7.66s", millis(7660)),
                ("x-ratelimit-reset-requests", "2m59.56s", millis(179_560)),
                ("x-ratelimit-reset-requests", "1h1s", seconds(600)),
            ] {
                stage.will("eastus", [throttled(name, value)]);
                stage.chat("gpt-4o").is(200).from("westus");
                stage.expect_rest("eastus", rest, &another_chat("gpt-4o"));
            }
        },
    },
    Story {
        name: "of several limits the one that is exhausted says when",
        behaviours: &[11],
        needs: &[Need::VirtualTime],
        config: TWO,
        play: |stage| {
            let limits = |requests, tokens, left_requests: &str, left_tokens: &str| {
                let mut answer = throttled("x-ratelimit-reset-requests", requests)
                    .with("x-ratelimit-reset-tokens", tokens);
                for (name, left) in [("requests", left_requests), ("tokens", left_tokens)] {
                    if !left.is_empty() {
                        answer = answer.with(&format!("x-ratelimit-remaining-{name}"), left);
                    }
                }
                answer
            };
            for (told, rest) in [
                (limits("2", "50", "0", "900"), seconds(2)),
                (limits("2", "50", "7", "0"), seconds(50)),
                (limits("50", "2", "0", ""), seconds(50)),
                (limits("50", "2", "", "0"), seconds(2)),
                (limits("2", "50", "0", "0"), seconds(50)),
                (limits("2", "50", "", ""), seconds(50)),
                (limits("50", "2", "many", "-1"), seconds(2)),
                // The one that was exhausted is back, and the other never was.
                (limits("0s", "50", "0", "900"), seconds(1)),
            ] {
                stage.will("eastus", [told]);
                stage.chat("gpt-4o").is(200).from("westus");
                stage.expect_rest("eastus", rest, &another_chat("gpt-4o"));
            }
        },
    },
    Story {
        name: "a backend that is back at once is asked again soon, and not in the same breath",
        behaviours: &[11],
        needs: &[Need::VirtualTime],
        config: TWO,
        play: |stage| {
            for (name, zero) in [
                ("retry-after", "0.0"),
                ("retry-after-ms", "00"),
                ("x-ratelimit-reset-tokens", "0"),
                ("x-ratelimit-reset-requests", "0s"),
                ("x-rate-limit-reset-requests", "0ms"),
            ] {
                stage.will("eastus", [throttled(name, zero)]);
                stage.chat("gpt-4o").is(200).from("westus");
                stage.expect_rest("eastus", seconds(1), &another_chat("gpt-4o"));
            }
            // Its client is told so too.
            stage.will("eastus", [throttled("retry-after", "0")]);
            stage.will("westus", [throttled("retry-after", "0")]);
            stage.chat("gpt-4o").is(429).has("retry-after", "1");
        },
    },
    Story {
        name: "a backend that is back at once may say so under a good status",
        behaviours: &[11],
        needs: &[AFTER_READING, Need::VirtualTime],
        config: TWO,
        play: |stage| {
            for error in [
                r#"{"error":{"code":429,"message":"Please retry after 0 seconds."}}"#,
                r#"{"error":{"code":429,"retry_after":0}}"#,
            ] {
                let stream = format!("data: {{\"choices\":[]}}\n\ndata: {error}\n\n");
                for told in [Answer::json(200, error), Answer::events(stream)] {
                    stage.will("eastus", [told]);
                    stage.chat("gpt-4o").is(200).from("westus");
                    stage.expect_rest("eastus", seconds(1), &another_chat("gpt-4o"));
                }
            }
        },
    },
    Story {
        name: "a limit on what names no model is no deployment's",
        behaviours: &[],
        needs: &[],
        config: "
default_model: gpt-4o
circuit_breaker: { trip: 60s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            for request in [
                Request::get("/openai/v1/files"),
                Request::post("/openai/threads/t/messages", r#"{"role":"user","content":"hi"}"#),
                Request::get("/openai/models/gpt-4o?api-version=2024-10-21"),
            ] {
                stage.will("eastus", [throttled("retry-after", "30")]);
                stage.send(&request).is(200).from("westus").has("x-spillway-attempts", "2");
                stage.chat("gpt-4o").is(200).from("eastus").has("x-spillway-attempts", "1");
            }
            // Where all of them have it, the last one says how long to wait.
            let told = throttled("retry-after", "7");
            stage.will("eastus", [throttled("retry-after", "30")]);
            stage.will("westus", [told.clone()]);
            let answer = stage.send(&Request::get("/openai/v1/files"));
            answer.is(429).says(told.body).has("retry-after", "7");
            stage.chat("gpt-4o").is(200).from("eastus").has("x-spillway-attempts", "1");
        },
    },
    Story {
        name: "where one circuit covers the whole backend, so does every limit",
        behaviours: &[14],
        needs: &[],
        config: "
default_model: gpt-4o
circuit_breaker: { scope: backend }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "30")]);
            stage.send(&Request::get("/openai/v1/files")).is(200).from("westus");
            stage.chat("gpt-4o").is(200).from("westus").has("x-spillway-attempts", "1");
        },
    },
    Story {
        name: "what fails tells nobody to wait longer than a minute",
        behaviours: &[9],
        needs: &[Need::VirtualTime],
        config: "
circuit_breaker: { failures: 1, trip: 60s, max_trip: 10m }
models: { gpt-4o: { pool: [eastus, westus] } }",
        play: |stage| {
            // Each trip is a tenth longer than it is configured.
            stage.roll(u64::MAX);
            for told in [failure(500), failure(503).with("retry-after", "300")] {
                // They say different things, so it is not the request's fault.
                stage.will("eastus", vec![told.clone(); 4]);
                let first = failure(403);
                stage.will("westus", [vec![first], vec![told.clone(); 3]].concat());
                stage.chat("gpt-4o");
                for _ in 0..3 {
                    let answer = stage.chat("gpt-4o");
                    answer.is(503).error("unavailable").has("retry-after", "60");
                }
                for backend in ["eastus", "westus"] {
                    stage.will(backend, Vec::<Answer>::new());
                }
                // Both are well again, and have their traffic after their probes.
                stage.pass(seconds(3600));
                stage.chat("gpt-4o").is(200);
                stage.chat("gpt-4o").is(200);
                stage.pass(seconds(3600));
            }
        },
    },
    Story {
        name: "an announced time is told as long as it is",
        behaviours: &[9],
        needs: &[],
        config: "models: { gpt-4o: { pool: [eastus, westus] } }",
        play: |stage| {
            stage.will("eastus", [throttled("retry-after", "90")]);
            stage.will("westus", [too_many().with("x-rate-limit-reset-tokens", "2m")]);
            stage.chat("gpt-4o").is(429).retry_after(seconds(90));
            stage.chat("gpt-4o").is(429).error("exhausted").retry_after(seconds(90));
        },
    },
];

const TWO: &str = "
circuit_breaker: { trip: 20s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";
