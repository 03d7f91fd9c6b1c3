//! How a backend that failed comes back.

use crate::expect::{chat, failure, millis, seconds, throttled};
use crate::http::{Answer, Reaction};
use crate::story::{AFTER_SILENCE, Need, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a backend that failed is tried with one request, which fails over unseen",
        behaviours: &[],
        needs: &[],
        config: FAILING,
        play: |stage| {
            stage.will("eastus", [failure(500), failure(500)]);
            stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "2");
            stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "1");

            // The probe is some client's request, and that client is answered.
            stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));

            // It failed, and is left alone for twice the time.
            stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "1");
            stage.expect_rest("eastus", seconds(2), &chat("gpt-4o"));
            stage.chat("gpt-4o").from("eastus");
        },
    },
    Story {
        name: "each failed probe doubles the time, up to the longest",
        behaviours: &[],
        needs: &[Need::VirtualTime],
        config: FAILING,
        play: |stage| {
            stage.will("eastus", vec![failure(500); 6]);
            stage.chat("gpt-4o").from("westus");
            for rest in [1, 2, 4, 5, 5] {
                stage.expect_rest("eastus", seconds(rest), &chat("gpt-4o"));
            }
        },
    },
    Story {
        name: "a trip is drawn up to a tenth longer, so that gateways do not return together",
        behaviours: &[],
        needs: &[Need::VirtualTime],
        config: FAILING,
        play: |stage| {
            for (draw, rest) in [(u64::MAX, 1100), (u64::MAX / 2, 1049)] {
                stage.roll(draw);
                stage.will("eastus", [failure(500)]);
                stage.chat("gpt-4o").from("westus");
                stage.expect_rest("eastus", millis(rest), &chat("gpt-4o"));
                stage.pass(seconds(60));
            }
        },
    },
    Story {
        name: "after an answered probe, traffic returns bit by bit",
        behaviours: &[],
        needs: &[Need::VirtualTime],
        config: "
circuit_breaker: { failures: 1, trip: 1s, ramp: 10s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [failure(500)]);
            stage.chat("gpt-4o").from("westus");
            stage.pass(seconds(1));
            stage.chat("gpt-4o").from("eastus");

            for (passes, draw, region) in [
                (0, 49, "eastus"),
                (0, 50, "westus"),
                (3, 299, "eastus"),
                (0, 300, "westus"),
                (6, 899, "eastus"),
                (0, 900, "westus"),
                (1, 999, "eastus"),
            ] {
                stage.pass(seconds(passes));
                stage.roll(draw);
                stage.chat("gpt-4o").from(region).has("x-spillway-attempts", "1");
            }
        },
    },
    Story {
        name: "a backend that returns is not left out where nobody else can answer",
        behaviours: &[],
        needs: &[Need::VirtualTime],
        config: "
circuit_breaker: { failures: 1, trip: 1s, ramp: 10s }
models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            stage.will("eastus", [failure(500)]);
            stage.chat("gpt-4o").is(500);
            stage.pass(seconds(1));
            stage.roll(999);

            for _ in 0..3 {
                stage.chat("gpt-4o").is(200).from("eastus");
            }
        },
    },
    Story {
        name: "a probe that is throttled shows that the backend works",
        behaviours: &[12],
        needs: &[],
        config: FAILING,
        play: |stage| {
            stage.will("eastus", [failure(500), throttled("retry-after-ms", "300")]);
            stage.chat("gpt-4o").from("westus");
            stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));

            stage.expect_rest("eastus", millis(300), &chat("gpt-4o"));

            assert_eq!(stage.regions("gpt-4o", 3), ["eastus"; 3]);
        },
    },
    Story {
        name: "a client's own mistake ends a probe well",
        behaviours: &[],
        needs: &[],
        config: FAILING,
        play: |stage| {
            stage.will("eastus", [failure(500), failure(400)]);
            stage.chat("gpt-4o").from("westus");
            stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));

            assert_eq!(stage.regions("gpt-4o", 3), ["eastus"; 3]);
        },
    },
    Story {
        name: "a backend that comes back meanwhile takes no attempt from one that was there all along",
        behaviours: &[],
        needs: &[Need::VirtualTime, AFTER_SILENCE],
        config: "
circuit_breaker: { failures: 10000 }
timeouts: { first_byte: 2s }
models:
  gpt-4o:
    pool:
      - { backend: eastus, priority: 1 }
      - { backend: westus, priority: 2 }
      - { backend: uksouth, priority: 3 }
      - { backend: sweden, priority: 4 }",
        play: |stage| {
            stage.will("eastus", vec![throttled("retry-after-ms", "1000"); 2]);
            stage.chat("gpt-4o").from("westus");
            stage.will("westus", [Reaction::Silence]);
            stage.will("uksouth", [failure(503)]);

            let answer = stage.chat("gpt-4o");

            answer.is(200).from("sweden").has("x-spillway-attempts", "3");
            stage.expect_counts(&[("eastus", 1), ("westus", 2), ("uksouth", 1), ("sweden", 1)]);
        },
    },
    Story {
        name: "a share of failures opens the circuit, and not before there are enough answers",
        behaviours: &[],
        needs: &[],
        config: "
circuit_breaker: { failure_ratio: 50%, minimum_requests: 6, trip: 1s, ramp: 1ms }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            // Three good, then a 429 and a mistake that count on neither side, then three failures.
            assert_eq!(stage.regions("gpt-4o", 3), ["eastus"; 3]);
            stage.will(
                "eastus",
                [throttled("retry-after-ms", "1"), failure(400), failure(500), failure(502)],
            );
            stage.chat("gpt-4o").from("westus");
            stage.expect_rest("eastus", millis(1), &chat("gpt-4o"));
            assert_eq!(stage.regions("gpt-4o", 2), ["westus"; 2]);
            let before = stage.count("eastus");
            stage.will("eastus", [failure(503)]);
            stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "2");

            stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "1");
            assert_eq!(stage.count("eastus"), before + 1);
            stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));
        },
    },
    Story {
        name: "a number and a share that are both written down each open the circuit",
        behaviours: &[],
        needs: &[],
        config: "
circuit_breaker: { failures: 2, failure_ratio: 50%, minimum_requests: 100, trip: 60s }
models:
  number: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  share:
    pool: [{ backend: uksouth, priority: 1 }, { backend: westus, priority: 2 }]
    circuit_breaker: { failures: 100, failure_ratio: 50%, minimum_requests: 4 }",
        play: |stage| {
            // Two failures among eight answers are no share of a hundred.
            assert_eq!(stage.regions("number", 6), ["eastus"; 6]);
            stage.will("eastus", vec![failure(500); 2]);
            stage.chat("number").from("westus").has("x-spillway-attempts", "2");
            stage.chat("number").from("westus").has("x-spillway-attempts", "2");
            stage.chat("number").from("westus").has("x-spillway-attempts", "1");

            // Two of four answers are half of them, and no hundred.
            assert_eq!(stage.regions("share", 2), ["uksouth"; 2]);
            stage.will("uksouth", vec![failure(500); 2]);
            stage.chat("share").from("westus").has("x-spillway-attempts", "2");
            stage.chat("share").from("westus").has("x-spillway-attempts", "2");
            stage.chat("share").from("westus").has("x-spillway-attempts", "1");
        },
    },
    Story {
        name: "failures of all workers are one share",
        behaviours: &[15],
        needs: &[Need::Workers],
        config: "
circuit_breaker: { failure_ratio: 50%, minimum_requests: 4 }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", vec![failure(500); 4]);
            for worker in 0..4 {
                stage.use_worker(worker);
                stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "2");
            }

            stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "1");
        },
    },
    Story {
        name: "with headroom, a backend near its limit gets less before it says 429",
        behaviours: &[],
        needs: &[],
        config: "models: { gpt-4o: { pool: [eastus, westus], headroom: true } }",
        play: |stage| {
            let left = |region: &str, tokens: &str| {
                let body = format!(r#"{{"region":"{region}"}}"#);
                let answer = Answer::json(200, body).with("x-ratelimit-remaining-tokens", tokens);
                answer.with("x-ratelimit-limit-tokens", "1000").with("x-ms-region", region)
            };
            stage.will("eastus", vec![left("eastus", "250"); 30]);
            stage.will("westus", vec![left("westus", "1000"); 30]);
            stage.chat("gpt-4o").from("eastus");

            let regions = stage.regions("gpt-4o", 25);

            let eastus = regions.iter().filter(|region| *region == "eastus").count();
            assert!((4..=6).contains(&eastus), "a fifth, for a quarter of the weight: {regions:?}");
        },
    },
];

const FAILING: &str = "
circuit_breaker: { failures: 1, trip: 1s, max_trip: 5s, ramp: 1ms }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";
