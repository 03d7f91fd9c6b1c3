//! Time-outs: what is given up, for whom, and what the client's own wishes count.

use crate::expect::millis;
use crate::http::{Answer, Reaction};
use crate::story::{AFTER_SILENCE, Need, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a slow first byte fails over and counts, by the model's own measure",
        behaviours: &[5, 10],
        needs: &[AFTER_SILENCE],
        config: "
timeouts: { first_byte: 1m }
models:
  patient: { pool: [eastus, westus] }
  gpt-4o:
    pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }]
    timeouts: { first_byte: 1s }",
        play: |stage| {
            let slow = Reaction::Late(Answer::json(200, "{}"), millis(100));
            stage.will("eastus", [slow]);
            stage.chat("gpt-4o").is(200).says("{}").has("x-spillway-attempts", "1");

            for _ in 0..3 {
                stage.will("eastus", [Reaction::Late(Answer::json(200, "{}"), millis(3000))]);
                stage.chat("gpt-4o").is(200).from("westus");
                assert_eq!(stage.attempts(), "eastus failed, westus 200");
                stage.last("eastus").lacks("x-envoy-upstream-rq-per-try-timeout-ms");
            }
            stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "1");

            stage.will("eastus", [Reaction::Late(Answer::json(200, "{}"), millis(500))]);
            stage.will("westus", [Reaction::Late(Answer::json(200, "{}"), millis(500))]);
            stage.chat("patient").is(200).says("{}").has("x-spillway-attempts", "1");
        },
    },
    Story {
        name: "a whole attempt that takes too long is given up, before its answer and in it",
        behaviours: &[5, 33],
        needs: &[AFTER_SILENCE],
        config: "
timeouts: { per_try: 1m }
models:
  gpt-4o:
    pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }]
    timeouts: { per_try: 1s }",
        play: |stage| {
            stage.will("eastus", [Reaction::Silence]);
            stage.chat("gpt-4o").is(200).from("westus").has("x-spillway-attempts", "2");
            stage.last("westus").lacks("x-envoy-upstream-stream-duration-ms");

            stage.will("eastus", [Reaction::Stalls(Answer::events(STREAM))]);
            stage.chat("gpt-4o").is(200).interrupted_after(STREAM).breaks();
        },
    },
    Story {
        name: "one deadline holds for a request over all its attempts",
        behaviours: &[6],
        needs: &[AFTER_SILENCE],
        config: "
timeouts: { first_byte: 2s, request: 1m }
models:
  gpt-4o:
    pool:
      - { backend: eastus, priority: 1 }
      - { backend: westus, priority: 2 }
      - { backend: uksouth, priority: 3 }
    timeouts: { request: 3500ms }",
        play: |stage| {
            stage.will("eastus", [Reaction::Silence]);
            stage.will("westus", [Reaction::Silence]);

            let answer = stage.chat("gpt-4o");

            answer.is(504);
            assert!(answer.error_code().is_some(), "an error in OpenAI's shape");
            assert_eq!(stage.attempts(), "eastus failed, westus failed");
            stage.expect_counts(&[("eastus", 1), ("westus", 1), ("uksouth", 0)]);
            stage.last("westus").lacks("x-envoy-upstream-rq-timeout-ms");

            stage.will("eastus", [Reaction::Stalls(Answer::events(STREAM))]);
            stage.chat("gpt-4o").is(200).interrupted_after(STREAM).breaks();
        },
    },
    Story {
        name: "silence in an answer ends it also when the time for its beginning has passed",
        behaviours: &[33],
        needs: &[Need::VirtualTime, AFTER_SILENCE],
        config: "
timeouts: { first_byte: 2s, stream_idle: 3s }
models:
  gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  patient: { pool: [eastus], timeouts: { first_byte: 5s } }",
        play: |stage| {
            for model in ["gpt-4o", "patient"] {
                let before = stage.now();
                stage.will("eastus", [Reaction::Stalls(Answer::events(STREAM))]);
                stage.chat(model).is(200).interrupted_after(STREAM).breaks();
                let took = stage.now().duration_since(before).unwrap_or_default();
                assert_eq!(took, millis(3000), "{model}");
            }
            // Before its beginning, the shorter time counts.
            let before = stage.now();
            stage.will("eastus", [Reaction::Silence]);
            stage.chat("gpt-4o").is(200).from("westus");
            assert_eq!(stage.now().duration_since(before).unwrap_or_default(), millis(2000));
        },
    },
    Story {
        name: "a client's own time-outs have no say",
        behaviours: &[5],
        needs: &[],
        config: "models: { gpt-4o: { pool: [eastus, westus] } }",
        play: |stage| {
            let mut request = crate::expect::chat("gpt-4o");
            for name in STEERING {
                request = request.with(name, "20");
            }
            let late = || [Reaction::Late(Answer::json(200, "{}"), millis(200))];
            stage.will("eastus", late());
            stage.will("westus", late());

            stage.send(&request).is(200).says("{}").has("x-spillway-attempts", "1");

            for name in STEERING {
                stage.last("eastus").lacks(name);
            }
        },
    },
];

/// What Envoy's router would read.
const STEERING: [&str; 5] = [
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-stream-duration-ms",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-max-retries",
];

const STREAM: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n";
