//! What comes before a stream's first content is held with it: until then, another backend can take
//! over.

use crate::expect::{chat, chat_path, respond, seconds};
use crate::http::{Answer, Reaction, Request};
use crate::story::{AFTER_READING, AFTER_SILENCE, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "an error after events without content fails over, wherever the stream is cut",
        behaviours: &[33],
        needs: &[AFTER_READING],
        config: PATIENT,
        play: |stage| {
            for before in CHAT {
                for error in [SERVER_ERROR, "event: error\ndata: {\"message\":\"x\"}", PAGE] {
                    let body = stream(&[before, error]);
                    for cut in [1, before.len() + 1, before.len() + 2, before.len() + 9] {
                        stage.will("eastus", [Answer::events(body.clone()).cut_at([cut])]);

                        let answer = stage.send(&streaming());

                        answer.is(200).from("westus").has("x-spillway-attempts", "2");
                        assert_eq!(stage.attempts(), "eastus 200 error, westus 200", "{body}");
                    }
                }
            }
        },
    },
    Story {
        name: "the Responses API's first events are held with its first content",
        behaviours: &[33],
        needs: &[AFTER_READING],
        config: "
circuit_breaker: { failures: 100 }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            let failed = "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":\
                          {\"error\":{\"code\":\"server_error\"}}}";
            let error = "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\"}";
            let before = stream(RESPONSES);
            for last in [failed, error, SERVER_ERROR] {
                for before in [stream(&RESPONSES[..2]), before.clone()] {
                    let body = format!("{before}{}", stream(&[last]));
                    stage.will("eastus", [Answer::events(body).cut_at([60, before.len()])]);
                    let answer = stage.send(&respond("gpt-4o"));
                    answer.is(200).from("westus").has("x-spillway-attempts", "2");
                }
            }
            let body = format!("{before}{}", stream(&[OUTPUT, COMPLETED]));
            for cuts in [vec![], vec![before.len()], vec![70, before.len() + OUTPUT.len() + 2]] {
                stage.will("eastus", [Answer::events(body.clone()).cut_at(cuts)]);
                stage.send(&respond("gpt-4o")).is(200).says(&body).ends();
            }
        },
    },
    Story {
        name: "a stream that dies or ends before its first content fails over",
        behaviours: &[33],
        needs: &[AFTER_SILENCE],
        config: PATIENT,
        play: |stage| {
            for before in CHAT {
                let body = stream(&[before]);
                for told in
                    [body.clone(), format!("{body}: ping\n\n{body}"), stream(&[before, DONE])]
                {
                    stage.will("eastus", [Answer::events(told.clone()).cut_at([before.len() + 2])]);
                    stage.send(&streaming()).is(200).from("westus").has("x-spillway-attempts", "2");

                    stage.will("eastus", [Reaction::Breaks(Answer::events(body.clone()))]);
                    stage.send(&streaming()).is(200).from("westus").has("x-spillway-attempts", "2");
                    assert_eq!(stage.attempts(), "eastus failed, westus 200", "{told}");
                }
            }
        },
    },
    Story {
        name: "a stream whose first content is there passes with all that came before it",
        behaviours: &[7, 33],
        needs: &[],
        config: PATIENT,
        play: |stage| {
            let finish = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
            for before in CHAT {
                for content in [CHUNK, finish] {
                    let begun = format!(": ping\n\n{}", stream(&[before, before, content]));
                    let body = format!("{begun}{}", stream(&[finish, DONE]));
                    for cuts in [vec![], vec![9, 20], vec![begun.len()], vec![begun.len() - 4]] {
                        stage.will("eastus", [Answer::events(body.clone()).cut_at(cuts)]);
                        let answer = stage.send(&streaming());
                        answer.is(200).says(&body).has("x-spillway-attempts", "1").ends();
                    }
                    // What is there with the first content need not be followed by anything.
                    stage.will("eastus", [Reaction::Breaks(Answer::events(begun.clone()))]);
                    let answer = stage.send(&streaming());
                    answer.is(200).has("x-spillway-attempts", "1").breaks();
                    assert!(answer.body.starts_with(begun.as_bytes()));
                }
            }
        },
    },
    Story {
        name: "events without content are held within the bounds of first_event",
        behaviours: &[33],
        needs: &[],
        config: "
first_event: { time: 100ms, size: 1KiB }
timeouts: { stream_idle: 400ms }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            let role = stream(&[CHAT[1]]);
            for told in [role.clone(), role.repeat(20)] {
                stage.will("eastus", [Reaction::Stalls(Answer::events(told.clone()))]);
                let answer = stage.send(&streaming());
                answer.is(200).interrupted_after(&told).has("x-spillway-attempts", "1").breaks();
                assert_eq!(stage.attempts(), "eastus 200 broken");
            }
            assert_eq!(stage.count("westus"), 0);
        },
    },
    Story {
        name: "an error of throttling before any content says when its backend is back",
        behaviours: &[10, 33],
        needs: &[AFTER_READING],
        config: "
circuit_breaker: { trip: 60s }
models:
  a: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  b: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  c: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }",
        play: |stage| {
            let words =
                r#"data: {"error":{"code":"429","message":"Please retry after 2 seconds."}}"#;
            let silent = r#"data: {"error":{"code":"rate_limit_exceeded","message":"slow down"}}"#;
            let told = |error: &str| Answer::events(stream(&[CHAT[0], error]));
            let answers = [
                ("a", told(words)),
                ("b", told(silent).with("retry-after", "2")),
                ("c", told(silent).with("retry-after-ms", "2000")),
            ];
            for (model, answer) in answers {
                stage.will("eastus", [answer]);
                stage.chat(model).is(200).from("westus").has("x-spillway-attempts", "2");
                stage.expect_rest("eastus", seconds(2), &chat(model));
            }
        },
    },
    Story {
        name: "a stream that only throttles, and nobody else is left, is a 429",
        behaviours: &[9],
        needs: &[AFTER_READING],
        config: "models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            let told =
                r#"data: {"error":{"code":"429","message":"Please retry after 7 seconds."}}"#;
            stage.will("eastus", [Answer::events(stream(&[CHAT[0], told]))]);
            stage.send(&streaming()).is(429).has("retry-after", "7");
        },
    },
];

fn streaming() -> Request {
    Request::post(chat_path("gpt-4o"), r#"{"stream":true,"messages":[]}"#)
}

fn stream(events: &[&str]) -> String {
    events.iter().map(|event| format!("{event}\n\n")).collect()
}

/// What chat streams begin with.
const CHAT: [&str; 5] = [
    r#"data: {"choices":[],"created":0,"prompt_filter_results":[{"prompt_index":0}]}"#,
    r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
    r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":""}]}"#,
    ": keep-alive",
    "event: ping\ndata: {\"type\":\"ping\"}",
];

const RESPONSES: &[&str] = &[
    "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\
     \"response\":{\"error\":null}}",
    "event: response.in_progress\ndata: {\"type\":\"response.in_progress\",\"sequence_number\":1}",
    "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\
     \"item\":{\"type\":\"message\",\"content\":[]}}",
];
const OUTPUT: &str = "event: response.output_text.delta\n\
                      data: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}";
const COMPLETED: &str =
    "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{}}";

const CHUNK: &str =
    r#"data: {"id":"x","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}"#;
const DONE: &str = "data: [DONE]";
const SERVER_ERROR: &str = r#"data: {"error":{"type":"server_error","message":"x"}}"#;
const PAGE: &str = "data: <html>502</html>";

const PATIENT: &str = "
circuit_breaker: { failures: 1000, trip: 1s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";
