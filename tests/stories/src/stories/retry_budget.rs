//! The retry budget keeps failures from spreading, and nobody from a backend that works.

use crate::expect::{failure, throttled};
use crate::http::{Answer, Reaction};
use crate::stage::Stage;
use crate::story::{AFTER_READING, AFTER_SILENCE, Need, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a spent retry budget asks nobody who fails as well, and everybody who works",
        behaviours: &[],
        needs: &[AFTER_SILENCE],
        config: "
circuit_breaker: { failures: 10000 }
retry: { budget: 0% }
models:
  gpt-4o:
    pool:
      - { backend: eastus, priority: 1 }
      - { backend: westus, priority: 2 }
      - { backend: uksouth, priority: 3 }",
        play: |stage| {
            // Ten retries are always allowed.
            stage.will("eastus", (0..5).flat_map(|_| [failure(500).into(), Reaction::HangUp]));
            stage.will("westus", vec![failure(500); 5]);
            assert_eq!(stage.regions("gpt-4o", 5), ["uksouth"; 5]);
            assert_eq!(stage.count("westus"), 5);

            // It is spent, and the third works.
            assert_eq!(stage.regions("gpt-4o", 5), ["uksouth"; 5]);
            assert_eq!(stage.count("westus"), 5);

            // It fails too: whoever has failed is not asked for others.
            stage.will("uksouth", [failure(500)]);
            stage.will("eastus", [failure(500)]);
            stage.chat("gpt-4o").is(500).has("x-spillway-attempts", "2");
            // What is lost on a connection that is used again would only be repeated.
            let closes = failure(500).with("connection", "close");
            stage.will("eastus", [closes.into(), Reaction::HangUp]);
            stage.chat("gpt-4o").is(500).says(failure(500).body).has("x-spillway-attempts", "1");
            let broken = stage.chat("gpt-4o");

            broken.is(503).error("retry_budget_spent").has("x-spillway-attempts", "1");
            assert_eq!((stage.count("westus"), stage.count("uksouth")), (5, 11));
        },
    },
    Story {
        name: "another backend after a 429 costs no budget",
        behaviours: &[],
        needs: &[],
        config: "
circuit_breaker: { max_trip: 1ms, trip: 1ms }
retry: { budget: 0% }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", vec![throttled("retry-after-ms", "1"); 15]);

            assert_eq!(stage.regions("gpt-4o", 15), ["westus"; 15]);
        },
    },
    Story {
        name: "a majority that fails keeps nobody from the backend that works",
        behaviours: &[],
        needs: &[],
        config: SHARE,
        play: |stage| {
            fail_for_long(stage, &failure(500).into());
            for _ in 0..50 {
                stage.chat("gpt-4o").is(200).from("uksouth");
            }
        },
    },
    Story {
        name: "a majority whose good statuses hold errors keeps nobody from the backend that works",
        behaviours: &[33],
        needs: &[AFTER_READING],
        config: "
circuit_breaker: { failures: 10000 }
retry: { budget: 0% }
models: { gpt-4o: { pool: [eastus, westus, uksouth] } }",
        play: |stage| {
            let told = "data: {\"choices\":[]}\n\ndata: {\"error\":{\"code\":500}}\n\n";
            fail_for_long(stage, &Answer::events(told).into());
            for _ in 0..50 {
                stage.chat("gpt-4o").is(200).from("uksouth");
            }
        },
    },
    Story {
        name: "a majority that takes no connections keeps nobody from the backend that works",
        behaviours: &[],
        needs: &[AFTER_SILENCE],
        config: SHARE,
        play: |stage| {
            stage.set_reachable("eastus", false);
            stage.set_reachable("westus", false);
            for _ in 0..50 {
                stage.chat("gpt-4o").is(200).from("uksouth");
            }
        },
    },
    Story {
        name: "each worker has a retry budget, and each finds the backend that works",
        behaviours: &[15],
        needs: &[Need::Workers],
        config: "
circuit_breaker: { failures: 10000 }
retry: { budget: 0% }
models: { gpt-4o: { pool: [eastus, westus, uksouth] } }",
        play: |stage| {
            fail_for_long(stage, &failure(503).into());
            for number in 0..60 {
                stage.use_worker(number % 4);
                stage.chat("gpt-4o").is(200).from("uksouth");
            }
        },
    },
];

/// Two of three members fail for as long as the story is.
fn fail_for_long(stage: &mut dyn Stage, reaction: &Reaction) {
    for backend in ["eastus", "westus"] {
        stage.will(backend, vec![reaction.clone(); 200]);
    }
}

const SHARE: &str = "
circuit_breaker: { failure_ratio: 50% }
models: { gpt-4o: { pool: [eastus, westus, uksouth] } }";
