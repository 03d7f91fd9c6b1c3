//! Answers that end with trailers: their body never says that it has ended.

use crate::expect::chat;
use crate::http::{Answer, Headers};
use crate::story::{AFTER_READING, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a stream that trailers end in its middle gets its error event, and then its trailers",
        behaviours: &[33],
        needs: &[],
        config: PRIORITIES,
        play: |stage| {
            let body = format!("{CHUNK}\n\n{CHUNK}\n\n");
            for cuts in [vec![], vec![7], vec![CHUNK.len() + 2]] {
                let told = Answer::events(body.clone()).cut_at(cuts);
                stage.will("eastus", [told.trailer("x-checksum", "abc")]);

                let answer = stage.chat("gpt-4o");

                answer.is(200).interrupted_after(&body);
                assert_eq!(answer.trailers, checksum());
                assert_eq!(stage.attempts(), "eastus 200 broken");
            }
        },
    },
    Story {
        name: "a whole stream that trailers end is whole, and its tokens are counted",
        behaviours: &[33],
        needs: &[],
        config: PRIORITIES,
        play: |stage| {
            let body = format!("{CHUNK}\n\n{USAGE}\n\ndata: [DONE]\n\n");
            stage.will("eastus", [Answer::events(body.clone()).trailer("x-checksum", "abc")]);

            let answer = stage.send(&chat("gpt-4o"));

            answer.is(200).says(&body).ends();
            assert_eq!(answer.trailers, checksum());
            assert_eq!(stage.noted("prompt_tokens"), "31");
            assert_eq!(stage.noted("outcome"), "answered");
        },
    },
    Story {
        name: "an error that trailers end fails over like any other",
        behaviours: &[33],
        needs: &[AFTER_READING],
        config: PATIENT,
        play: |stage| {
            let missing = r#"{"error":{"code":"DeploymentNotFound","message":"x"}}"#;
            let error = "data: {\"error\":{\"type\":\"server_error\",\"message\":\"x\"}}";
            for told in [
                Answer::events(error).cut_at([9]),
                Answer::events(format!("{error}\n\n")),
                Answer::json(200, "<html>502</html>"),
                Answer::json(200, ""),
                // A refusal opens the circuit.
                Answer::json(404, missing).cut_at([9]),
            ] {
                stage.will("eastus", [told.clone().trailer("x-checksum", "abc")]);

                let answer = stage.chat("gpt-4o");

                answer.is(200).from("westus").has("x-spillway-attempts", "2");
                assert_eq!(answer.trailers, Headers::default(), "{told:?}");
            }
        },
    },
    Story {
        name: "an answer that is read and ends with trailers passes whole, and its tokens are counted",
        behaviours: &[],
        needs: &[],
        config: PRIORITIES,
        play: |stage| {
            let body = r#"{"choices":[],"usage":{"prompt_tokens":31,"completion_tokens":2}}"#;
            for cuts in [vec![], vec![1], vec![20, 40]] {
                let told = Answer::json(200, body).cut_at(cuts).trailer("x-checksum", "abc");
                stage.will("eastus", [told]);

                let answer = stage.chat("gpt-4o");

                answer.is(200).says(body).has("x-spillway-attempts", "1");
                assert_eq!(answer.trailers, checksum());
                assert_eq!(stage.noted("prompt_tokens"), "31");
            }
        },
    },
    Story {
        name: "an answer that cannot be read and ends with trailers blames nobody",
        behaviours: &[],
        needs: &[],
        config: PRIORITIES,
        play: |stage| {
            for _ in 0..4 {
                let told = Answer::json(200, "\x1f\u{8b}").with("content-encoding", "gzip");
                stage.will("eastus", [told.trailer("x-checksum", "abc")]);
                stage.chat("gpt-4o").is(200).has("x-spillway-attempts", "1");
            }
            assert_eq!(stage.count("westus"), 0);
        },
    },
];

fn checksum() -> Headers {
    Headers(vec![("x-checksum".to_owned(), b"abc".to_vec())])
}

const CHUNK: &str =
    r#"data: {"id":"x","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}"#;
const USAGE: &str =
    r#"data: {"id":"x","choices":[],"usage":{"prompt_tokens":31,"completion_tokens":2}}"#;

const PRIORITIES: &str = "
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";

const PATIENT: &str = "
circuit_breaker: { failures: 100, trip: 1s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";
