//! Streams: their first event is judged like a status, and their end is watched.

use crate::expect::{chat, respond, seconds};
use crate::http::{Answer, Reaction};
use crate::story::{AFTER_READING, AFTER_SILENCE, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a healthy stream passes byte for byte, wherever it is cut",
        behaviours: &[33],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            let body = format!(": ping\n\n{}", stream(&[CHUNK, CHUNK, DONE]));
            for cuts in [vec![], vec![1], vec![9, 30], vec![body.len() - 1]] {
                stage.will("eastus", [Answer::events(body.clone()).cut_at(cuts)]);

                let answer = stage.chat("gpt-4o");

                answer.is(200).says(&body).has("x-spillway-attempts", "1").ends();
                assert_eq!(stage.attempts(), "eastus 200");
            }
        },
    },
    Story {
        name: "an error in a stream's first event fails over like a status",
        behaviours: &[33],
        needs: &[AFTER_READING],
        config: PATIENT,
        play: |stage| {
            for first in [
                r#"data: {"error":{"message":"x","type":"server_error","code":null}}"#,
                "event: error\ndata: {\"message\":\"x\"}",
                r#"data: {"type":"error","code":"server_error","message":"x"}"#,
                r#"data: {"type":"response.failed","response":{"error":{"code":"server_error"}}}"#,
                "data: upstream connect error",
                DONE,
            ] {
                let body = stream(&[first]);
                for told in [body.clone(), format!(": ping\r\n\r\n{body}"), stream(&[first, DONE])]
                {
                    stage.will("eastus", [Answer::events(told.clone()).cut_at([3, 20])]);

                    let answer = stage.chat("gpt-4o");

                    answer.is(200).from("westus").has("x-spillway-attempts", "2");
                    answer.lacks("x-spillway-retry");
                    assert_eq!(stage.attempts(), "eastus 200 error, westus 200", "{told}");
                }
            }
        },
    },
    Story {
        name: "an empty or garbled answer instead of a stream fails over too",
        behaviours: &[33],
        needs: &[AFTER_READING],
        config: PATIENT,
        play: |stage| {
            let html = "<html>502 Bad Gateway</html>";
            for told in [
                Answer::json(200, ""),
                Answer::json(200, " \n "),
                Answer::json(200, "upstream request timeout").cut_at([4]),
                Answer { status: 200, body: html.into(), ..Answer::default() },
                Answer { status: 200, ..Answer::default() },
            ] {
                stage.will("eastus", [told]);
                let answer = stage.chat("gpt-4o");
                answer.is(200).from("westus").has("x-spillway-attempts", "2");
                assert_eq!(stage.attempts(), "eastus 200 error, westus 200");
            }
            let zipped =
                Answer::json(200, b"\x1f\x8b\x08".to_vec()).with("content-encoding", "gzip");
            for told in [Answer::json(200, " \n{}").cut_at([1, 2]), zipped] {
                let body = told.body.clone();
                stage.will("eastus", [told]);
                stage.chat("gpt-4o").is(200).says(body).has("x-spillway-attempts", "1");
            }
        },
    },
    Story {
        name: "a stream that ends or dies before its first event fails over",
        behaviours: &[33],
        needs: &[AFTER_SILENCE],
        config: PATIENT,
        play: |stage| {
            for told in ["", ": ping\n\n", "sorry", "\n\n", "data: {\"id\":"] {
                stage.will("eastus", [Answer::events(told)]);
                stage.chat("gpt-4o").is(200).from("westus").has("x-spillway-attempts", "2");

                stage.will("eastus", [Reaction::Breaks(Answer::events(told))]);
                stage.chat("gpt-4o").is(200).from("westus").has("x-spillway-attempts", "2");
                assert_eq!(stage.attempts(), "eastus failed, westus 200", "{told}");
            }
        },
    },
    Story {
        name: "three streams that begin badly open the circuit",
        behaviours: &[10, 33],
        needs: &[AFTER_SILENCE],
        config: FIRST_AND_SECOND,
        play: |stage| {
            let broken = Reaction::Breaks(Answer::events(": ping\n\n"));
            let told = Answer::events(stream(&[SERVER_ERROR]));
            stage.will("eastus", [told.clone().into(), broken, told.into()]);
            assert_eq!(stage.regions("gpt-4o", 3), ["westus"; 3]);

            stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "1");
            stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));
        },
    },
    Story {
        name: "throttling inside a stream opens the circuit at once",
        behaviours: &[10, 33],
        needs: &[AFTER_READING],
        config: FIRST_AND_SECOND,
        play: |stage| {
            let told = r#"data: {"error":{"code":"rate_limit_exceeded","message":"slow down"}}"#;
            stage.will("eastus", [Answer::events(stream(&[told]))]);

            stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "2");

            stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));
        },
    },
    Story {
        name: "what a request itself is to blame for is its client's, in a stream too",
        behaviours: &[7],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            let told = r#"data: {"error":{"code":"content_filter","type":null,"status":400}}"#;
            let body = stream(&[told]);
            for _ in 0..4 {
                stage.will("eastus", [Answer::events(body.clone())]);
                stage.chat("gpt-4o").is(200).says(&body).has("x-spillway-attempts", "1").ends();
            }
            stage.expect_counts(&[("eastus", 4), ("westus", 0)]);
        },
    },
    Story {
        name: "where nobody else is left, the stream is the client's with its error",
        behaviours: &[8],
        needs: &[],
        config: "models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            let body = stream(&[SERVER_ERROR]);
            stage.will("eastus", [Answer::events(body.clone())]);
            stage.chat("gpt-4o").is(200).says(&body).lacks("x-spillway-retry").ends();

            let cut = stream(&[CHUNK]);
            stage.will("eastus", [Answer::events(cut.clone())]);
            stage.chat("gpt-4o").is(200).interrupted_after(&cut).ends();
        },
    },
    Story {
        name: "a compressed stream passes unread",
        behaviours: &[7],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            let zipped = b"\x1f\x8b\x08\x00\x00\xff".to_vec();
            stage.will("eastus", [Answer::events(zipped.clone()).with("content-encoding", "gzip")]);

            stage.chat("gpt-4o").is(200).says(zipped).ends();
        },
    },
    Story {
        name: "a stream that ends without its end gets an error event, and is not tried again",
        behaviours: &[33],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            let body = stream(&[CHUNK, CHUNK]);
            for _ in 0..3 {
                // The first event comes alone: with all of it there, it would be tried elsewhere.
                let told = Answer::events(body.clone()).cut_at([CHUNK.len() + 2]);
                stage.will("eastus", [told]);

                let answer = stage.chat("gpt-4o");

                answer.is(200).interrupted_after(&body).ends();
                assert_eq!(stage.attempts(), "eastus 200 broken");
            }
            stage.expect_counts(&[("eastus", 3), ("westus", 0)]);
            stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));
        },
    },
    Story {
        name: "a stream whose backend is lost ends with an error event, once and for all",
        behaviours: &[33],
        needs: &[],
        config: PRIORITIES,
        play: |stage| {
            let body = stream(&[CHUNK, CHUNK]);
            for cuts in [vec![], vec![CHUNK.len() + 2], vec![5, 50]] {
                let told = Answer::events(body.clone()).cut_at(cuts);
                stage.will("eastus", [Reaction::Breaks(told)]);

                let answer = stage.chat("gpt-4o");

                answer.is(200).interrupted_after(&body).breaks();
                assert_eq!(stage.attempts(), "eastus 200 broken");
            }
            stage.expect_counts(&[("eastus", 3), ("westus", 0)]);
            stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "1");
        },
    },
    Story {
        name: "an event that was broken off becomes the error event",
        behaviours: &[33],
        needs: &[],
        config: PATIENT,
        play: |stage| {
            for cut in ["data: {\"id\":\"x", "data: ", "data: {\"choices\":[{\"delta\":{}}]}"] {
                let body = format!("{}{cut}", stream(&[CHUNK]));
                let told = Answer::events(body.clone()).cut_at([CHUNK.len() + 2]);
                for told in [Reaction::Breaks(told.clone()), told.into()] {
                    stage.will("eastus", [told]);
                    let answer = stage.chat("gpt-4o");
                    let said = String::from_utf8_lossy(&answer.body).into_owned();
                    assert!(said.starts_with(&body), "{said}");
                    // What was begun is no JSON to stumble over; the last event is the error.
                    let data = said.trim_end().split("\n\n").map(|event| {
                        let data = event.replace("data: ", "");
                        serde_json::from_str::<serde_json::Value>(&data).expect(event)
                    });
                    let last = data.last().expect("an event");
                    assert_eq!(last["error"]["code"], CODE, "{said}");
                }
            }
        },
    },
    Story {
        name: "the Responses API has an end and an error event of its own",
        behaviours: &[33],
        needs: &[],
        config: "
circuit_breaker: { failures: 100 }
models: { gpt-4o: { pool: [eastus, westus] } }",
        play: |stage| {
            let created = "event: response.created\ndata: {\"type\":\"response.created\",\
                           \"sequence_number\":0,\"response\":{\"error\":null}}";
            for last in ["completed", "incomplete", "failed"] {
                let last = format!(
                    "event: response.{last}\ndata: {{\"type\":\"response.{last}\",\"response\":{{}}}}"
                );
                let body = stream(&[created, &last]);
                let told = Answer::events(body.clone()).cut_at([created.len() + 2]);
                for backend in ["eastus", "westus"] {
                    stage.will(backend, [told.clone()]);
                }
                stage.send(&respond("gpt-4o")).is(200).says(&body).ends();
            }

            let delta = "data: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\
                         \"delta\":\"a\"}";
            let body = stream(&[created, delta]);
            for backend in ["eastus", "westus"] {
                stage.will(backend, [Reaction::Breaks(Answer::events(body.clone()))]);
            }
            let answer = stage.send(&respond("gpt-4o"));
            let said = String::from_utf8_lossy(&answer.body).into_owned();
            let rest = said.strip_prefix(&body).expect("what came before");
            let data = rest.strip_prefix("event: error\ndata: ").expect("an error event");
            let data: serde_json::Value = serde_json::from_str(data.trim()).expect("JSON");
            assert_eq!(data["type"], "error");
            assert_eq!(data["sequence_number"], 2);
            assert_eq!((&data["code"], &data["error"]["code"]), (&CODE.into(), &CODE.into()));
        },
    },
    Story {
        name: "a chat stream that says why it finished lacks nothing",
        behaviours: &[7],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            let finish = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
            let usage = r#"data: {"choices":[],"usage":{"total_tokens":3}}"#;
            for body in [stream(&[CHUNK, finish]), stream(&[CHUNK, finish, usage])] {
                stage.will("eastus", [Answer::events(body.clone()).cut_at([CHUNK.len() + 2])]);
                stage.chat("gpt-4o").is(200).says(&body).ends();
            }
        },
    },
    Story {
        name: "an error in the middle of a stream is passed on, and counts",
        behaviours: &[10, 33],
        needs: &[],
        config: FIRST_AND_SECOND,
        play: |stage| {
            let body = stream(&[CHUNK, SERVER_ERROR]);
            for _ in 0..3 {
                stage.will("eastus", [Answer::events(body.clone()).cut_at([CHUNK.len() + 2])]);
                stage.chat("gpt-4o").is(200).says(&body).ends();
                assert_eq!(stage.attempts(), "eastus 200 error");
            }
            stage.expect_rest("eastus", seconds(1), &chat("gpt-4o"));
        },
    },
    Story {
        name: "a stream is held back only so long",
        behaviours: &[33],
        needs: &[],
        config: "
first_event: { time: 100ms, size: 1KiB }
timeouts: { stream_idle: 400ms }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            let long = format!(": {}", "x".repeat(2000));
            for told in [": ping\n\n", long.as_str()] {
                stage.will("eastus", [Reaction::Stalls(Answer::events(told))]);

                // What was let go can no more be tried elsewhere.
                let answer = stage.chat("gpt-4o");
                answer.is(200).says(told).has("x-spillway-attempts", "1").breaks();
                assert_eq!(stage.attempts(), "eastus 200 broken");
            }
            assert_eq!(stage.count("westus"), 0);
        },
    },
    Story {
        name: "a stream that never begins is given up like any slow answer",
        behaviours: &[5, 33],
        needs: &[AFTER_SILENCE],
        config: "
timeouts: { first_byte: 300ms }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            for told in ["", ": ping\n\n"] {
                stage.will("eastus", [Reaction::Stalls(Answer::events(told))]);
                stage.chat("gpt-4o").is(200).from("westus").has("x-spillway-attempts", "2");
                assert_eq!(stage.attempts(), "eastus failed, westus 200");
            }
        },
    },
    Story {
        name: "a stream that falls silent ends with an error event",
        behaviours: &[33],
        needs: &[],
        config: "
timeouts: { stream_idle: 300ms }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            let body = stream(&[CHUNK]);
            stage.will("eastus", [Reaction::Stalls(Answer::events(body.clone()))]);

            stage.chat("gpt-4o").is(200).interrupted_after(&body).breaks();

            assert_eq!(stage.count("westus"), 0);
        },
    },
    Story {
        name: "any answer that breaks off counts against its backend, and a whole one does not",
        behaviours: &[10],
        needs: &[],
        config: PRIORITIES,
        play: |stage| {
            let told = Answer::json(200, r#"{"choices":["#);
            for _ in 0..3 {
                stage.will("eastus", [Reaction::Breaks(told.clone())]);
                stage.chat("gpt-4o").is(200).says(r#"{"choices":["#).breaks();
                assert_eq!(stage.attempts(), "eastus 200 broken");
            }
            assert_eq!(stage.count("westus"), 0);
            stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "1");
        },
    },
];

fn stream(events: &[&str]) -> String {
    events.iter().map(|event| format!("{event}\n\n")).collect()
}

const CHUNK: &str =
    r#"data: {"id":"x","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}"#;
const DONE: &str = "data: [DONE]";
const SERVER_ERROR: &str = r#"data: {"error":{"type":"server_error","message":"x"}}"#;
const CODE: &str = "stream_interrupted";

const FIRST_AND_SECOND: &str = "
circuit_breaker: { trip: 1s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";

const PATIENT: &str = "
circuit_breaker: { failures: 100, trip: 1s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";

const PRIORITIES: &str = "
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";
