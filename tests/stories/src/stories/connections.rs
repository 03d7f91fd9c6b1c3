//! Connections that a backend closes while a request is on its way: nobody's failure.

use crate::expect::chat;
use crate::http::{Reaction, Request};
use crate::story::{AFTER_SILENCE, Need, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "what is lost on a reused connection is sent again, and counts for nothing",
        behaviours: &[5],
        needs: &[Need::VirtualTime, AFTER_SILENCE],
        config: PAIR,
        play: |stage| {
            for _ in 0..6 {
                stage.chat("gpt-4o").is(200).from("eastus").has("x-spillway-attempts", "1");
                stage.will("eastus", [Reaction::Stale]);
                stage.chat("gpt-4o").is(200).from("eastus").has("x-spillway-attempts", "2");
                assert_eq!(stage.attempts(), "eastus failed, eastus 200");
            }
            assert_eq!(stage.count("westus"), 0, "no failure has been counted");

            // Idle connections end together, so the next one may be closing as well.
            stage.will("eastus", [Reaction::Stale, Reaction::Stale]);
            stage.chat("gpt-4o").is(200).from("eastus").has("x-spillway-attempts", "3");
            stage.will("eastus", [Reaction::Stale, Reaction::Stale, Reaction::Stale]);
            stage.chat("gpt-4o").is(200).from("westus").has("x-spillway-attempts", "4");
        },
    },
    Story {
        name: "what is lost on a new connection is a failure, also behind one that was reused",
        behaviours: &[5],
        needs: &[Need::VirtualTime, AFTER_SILENCE],
        config: "
circuit_breaker: { failures: 2 }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.chat("gpt-4o").is(200).from("eastus");
            for _ in 0..2 {
                stage.will("eastus", [Reaction::Stale, Reaction::HangUp]);
                stage.chat("gpt-4o").is(200).from("westus").has("x-spillway-attempts", "3");
            }
            stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "1");
        },
    },
    Story {
        name: "a repetition takes no attempt away from other backends, and a pool of one has it too",
        behaviours: &[5, 6],
        needs: &[Need::VirtualTime, AFTER_SILENCE],
        config: "
circuit_breaker: { failures: 100 }
retry: { attempts: 2 }
models:
  alone: { pool: [uksouth] }
  gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }, { backend: uksouth, priority: 3 }] }",
        play: |stage| {
            stage.chat("gpt-4o").is(200).from("eastus");
            stage.will("eastus", [Reaction::Stale, Reaction::Silence]);
            stage.chat("gpt-4o").is(200).from("westus").has("x-spillway-attempts", "3");
            stage.will("eastus", [Reaction::HangUp]);
            stage.will("westus", [Reaction::Stale, Reaction::HangUp]);
            stage.chat("gpt-4o").is(503).error("backend_connection_lost");
            assert_eq!(stage.count("uksouth"), 0);

            stage.chat("alone").is(200);
            stage.will("uksouth", [Reaction::Stale]);
            stage.chat("alone").is(200).has("x-spillway-attempts", "2");
            // Whoever fails is not asked again, although Envoy would.
            stage.will("uksouth", [Reaction::HangUp]);
            stage.chat("alone").is(503).error("backend_connection_lost");
            stage.set_reachable("uksouth", false);
            stage.chat("alone").is(503).error("backend_unreachable");
        },
    },
    Story {
        name: "a repetition is counted as no failure",
        behaviours: &[],
        needs: &[Need::VirtualTime, AFTER_SILENCE, Need::Counts],
        config: PAIR,
        play: |stage| {
            stage.chat("gpt-4o").is(200).from("eastus");
            stage.will("eastus", [Reaction::Stale]);
            stage.chat("gpt-4o").is(200).from("eastus");
            let lost = [("backend", "eastus"), ("cause", "no_answer")];
            stage.expect_counted("spillway_attempts_total", &lost, 0);
        },
    },
    Story {
        name: "what must not be done twice is not repeated",
        behaviours: &[5],
        needs: &[Need::VirtualTime, AFTER_SILENCE],
        config: "
default_model: gpt-4o
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.send(&chat("gpt-4o")).is(200).from("eastus");
            stage.will("eastus", [Reaction::Stale]);
            let store = Request::post("/v1/vector_stores", r#"{"name":"store"}"#);
            stage.send(&store).is(502).error("outcome_unknown");
            stage.expect_counts(&[("eastus", 2), ("westus", 0)]);
        },
    },
];

const PAIR: &str = "
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";
