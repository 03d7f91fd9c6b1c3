//! What a 200 is worth: the first bytes of its body say what it is, and its content type does not.

use crate::expect::{CHAT_BODY, chat, chat_path, seconds};
use crate::http::{Answer, Reaction, Request};
use crate::story::{AFTER_READING, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a stream is one whatever its content type says",
        behaviours: &[33],
        needs: &[],
        config: TWO,
        play: |stage| {
            let types = [
                None,
                Some("text/plain"),
                Some("application/octet-stream"),
                Some("application/json"),
                Some("text/plain; charset=utf-8"),
            ];
            for begin in ["", ": ping\n\n", "\u{feff}", "\n\nevent: x\n", "id: 1\n"] {
                let body = format!("{begin}{CHUNK}\n\n{CHUNK}\n\ndata: [DONE]\n\n");
                for said in types {
                    for cuts in [vec![], vec![2], vec![begin.len() + 8, body.len() - 5]] {
                        stage.will("eastus", [unlabelled(&body, said).cut_at(cuts)]);
                        let answer = stage.send(&streaming());
                        answer.is(200).says(&body).has("x-spillway-attempts", "1").ends();
                    }
                }
            }
            // It is watched like any other.
            let begun = format!("{CHUNK}\n\n");
            stage.will("eastus", [Reaction::Breaks(unlabelled(&begun, None))]);
            stage.send(&streaming()).is(200).interrupted_after(&begun).breaks();
            assert_eq!(stage.count("westus"), 0);
        },
    },
    Story {
        name: "an unlabelled stream that begins with an error fails over",
        behaviours: &[33],
        needs: &[AFTER_READING],
        config: TWO,
        play: |stage| {
            let body = "data: {\"choices\":[]}\n\ndata: {\"error\":{\"code\":\"500\"}}\n\n";
            for said in [None, Some("application/json")] {
                stage.will("eastus", [unlabelled(body, said).cut_at([3, 30])]);
                stage.send(&streaming()).is(200).from("westus").has("x-spillway-attempts", "2");
            }
        },
    },
    Story {
        name: "an error as the JSON of a 200 fails over as the error it is",
        behaviours: &[10, 33],
        needs: &[AFTER_READING],
        config: TWO,
        play: |stage| {
            for error in [
                r#"{"error":{"code":"500","message":"x"}}"#,
                r#" {"error": "overloaded"}"#,
                r#"{"object":"error","message":"x","code":503}"#,
                r#"{"type":"error","error":{"type":"overloaded_error"}}"#,
                r#"{"id":"x","error":{"type":"server_error"}}"#,
                r#"[{"error":{"code":500,"status":"INTERNAL"}}]"#,
            ] {
                for request in [chat("gpt-4o"), streaming(), embeddings(), images()] {
                    for cuts in [vec![], vec![1, 5], vec![error.len() - 1]] {
                        let told = Answer::json(200, error).cut_at(cuts);
                        stage.will("eastus", [told]);
                        let answer = stage.send(&request);
                        answer.is(200).from("westus").has("x-spillway-attempts", "2");
                        assert_eq!(stage.attempts(), "eastus 200 error, westus 200", "{error}");
                    }
                }
                // Its content type may be that of the stream that was asked for.
                stage.will("eastus", [Answer::events(error)]);
                stage.send(&streaming()).is(200).from("westus");
            }
        },
    },
    Story {
        name: "throttling as the JSON of a 200 opens the circuit for the announced time",
        behaviours: &[10],
        needs: &[AFTER_READING],
        config: "
circuit_breaker: { trip: 60s }
models:
  a: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  b: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  c: { pool: [eastus] }",
        play: |stage| {
            let words = r#"{"error":{"code":429,"message":"Please retry after 2 seconds."}}"#;
            let silent = r#"{"error":{"code":429,"message":"slow down"}}"#;
            let with_head = Answer::json(200, silent).with("retry-after", "2");
            for (model, told) in [("a", Answer::json(200, words)), ("b", with_head.clone())] {
                stage.will("eastus", [told]);
                stage.chat(model).is(200).from("westus").has("x-spillway-attempts", "2");
                stage.expect_rest("eastus", seconds(2), &chat(model));
            }
            stage.will("eastus", [with_head]);
            stage.chat("c").is(429).has("retry-after", "2");
        },
    },
    Story {
        name: "a request's own mistake as the JSON of a 200 is its client's",
        behaviours: &[7],
        needs: &[],
        config: "
circuit_breaker: { failures: 1 }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            for error in [
                r#"{"error":{"code":"content_filter","status":400}}"#,
                r#"{"error":{"code":null,"type":"invalid_request_error"}}"#,
                r#"{"object":"error","code":400,"type":"BadRequestError","message":"x"}"#,
            ] {
                for request in [chat("gpt-4o"), streaming(), embeddings()] {
                    stage.will("eastus", [Answer::json(200, error)]);
                    let answer = stage.send(&request);
                    answer.is(200).says(error).has("x-spillway-attempts", "1");
                }
            }
            assert_eq!(stage.count("westus"), 0);
        },
    },
    Story {
        name: "JSON that only looks like an error is a good answer",
        behaviours: &[7],
        needs: &[],
        config: TWO,
        play: |stage| {
            for good in [
                r#"{"choices":[{"content_filter_results":{"error":{"code":"x"}}}]}"#,
                r#"{"error":null,"choices":[]}"#,
                r#"{"type":"message","content":[{"text":"{\"error\":{}}"}]}"#,
                r#"{"object":"response","status":"completed","error":null}"#,
                r#"{"choices":[{"score":NaN,"message":{"content":"\ud83d"}}]}"#,
            ] {
                for request in [chat("gpt-4o"), streaming(), embeddings()] {
                    for cuts in [vec![], vec![1], vec![12]] {
                        stage.will("eastus", [Answer::json(200, good).cut_at(cuts)]);
                        let answer = stage.send(&request);
                        answer.is(200).says(good).has("x-spillway-attempts", "1").ends();
                    }
                }
                stage.will("eastus", [Answer::events(good)]);
                stage.send(&streaming()).is(200).says(good).has("x-spillway-attempts", "1");
            }
            stage.expect_counts(&[("westus", 0)]);
        },
    },
    Story {
        name: "a page or nothing at all is no answer of any API",
        behaviours: &[33],
        needs: &[AFTER_READING],
        config: TWO,
        play: |stage| {
            let page = "<!DOCTYPE html><html>502 Bad Gateway</html>";
            for request in [chat("gpt-4o"), streaming(), embeddings(), images(), speech()] {
                for told in [
                    Answer::json(200, ""),
                    Answer { status: 200, ..Answer::default() },
                    Answer::json(200, " \n "),
                    Answer::json(200, page),
                    unlabelled(page, Some("text/html")).cut_at([20]),
                    unlabelled("\n<html></html>", None),
                ] {
                    stage.will("eastus", [told]);
                    let answer = stage.send(&request);
                    answer.is(200).from("westus").has("x-spillway-attempts", "2");
                }
            }
        },
    },
    Story {
        name: "what is neither JSON nor a page passes where it may be the answer",
        behaviours: &[7],
        needs: &[],
        config: TWO,
        play: |stage| {
            for (request, body) in [
                (speech(), &b"ID3\x04\xff\xfb"[..]),
                (embeddings(), b"\xef\xbb\xbf{\"data\":[]}"),
                (Request::get("/openai/files/f/content?api-version=1"), b"<html>mine</html>"),
                (Request::get("/openai/files/f/content?api-version=1"), b"{\"error\":{}}"),
            ] {
                stage.will("eastus", [Answer { body: body.into(), ..unlabelled("", None) }]);
                stage.send(&request).is(200).says(body).has("x-spillway-attempts", "1");
            }
        },
    },
    Story {
        name: "white space is waited through within the bounds of first_event",
        behaviours: &[7],
        needs: &[],
        config: "
first_event: { time: 100ms, size: 8KiB }
timeouts: { stream_idle: 400ms }
circuit_breaker: { failures: 1000 }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
default_model: gpt-4o",
        play: |stage| {
            for (space, json) in [(2000, r#"{"choices":[]}"#), (7000, "{}"), (9000, "{}")] {
                let body = format!("{}{json}", " \n".repeat(space / 2));
                for request in [chat("gpt-4o"), embeddings()] {
                    for cuts in [vec![], vec![1, 1024, 1500], vec![space]] {
                        stage.will("eastus", [Answer::json(200, body.as_str()).cut_at(cuts)]);
                        let answer = stage.send(&request);
                        answer.is(200).says(&body).has("x-spillway-attempts", "1").ends();
                    }
                }
            }
            // What was let go can no more be tried elsewhere.
            stage.will("eastus", [Reaction::Stalls(Answer::json(200, " \n"))]);
            stage.chat("gpt-4o").is(200).says(" \n").has("x-spillway-attempts", "1").breaks();
            assert_eq!(stage.count("westus"), 0);
        },
    },
    Story {
        name: "white space before an error, or before nothing, is none of an answer",
        behaviours: &[33],
        needs: &[AFTER_READING],
        config: TWO,
        play: |stage| {
            let space = " \n".repeat(1000);
            for rest in ["", r#"{"error":{"code":"500"}}"#, "<html>", "data: {\"error\":{}}\n\n"] {
                let told = Answer::json(200, format!("{space}{rest}")).cut_at([1, 1500, 2000]);
                stage.will("eastus", [told]);
                stage.send(&streaming()).is(200).from("westus").has("x-spillway-attempts", "2");
            }
        },
    },
    Story {
        name: "an odd first event is no failure",
        behaviours: &[7],
        needs: &[],
        config: TWO,
        play: |stage| {
            let done = "\n\ndata: [DONE]\n\n";
            for odd in [
                &br#"{"choices":[{"delta":{"content":"x"},"logprobs":{"t":-Infinity}}]}"#[..],
                br#"{"choices":[{"delta":{"content":"x"},"score":NaN}]}"#,
                br#"{"choices":[{"delta":{"content":"\ud83d"}}]}"#,
                b"{\"choices\":[{\"delta\":{\"content\":\"\xe2\x82\"}}]}",
                br#"{"choices":[{"delta":{"content":"x"}}],}"#,
            ] {
                let body = [&b"data: "[..], odd, done.as_bytes()].concat();
                for cuts in [vec![], vec![6 + odd.len() - 8]] {
                    stage.will("eastus", [Answer::events(body.clone()).cut_at(cuts)]);
                    let answer = stage.send(&streaming());
                    answer.is(200).says(&body).has("x-spillway-attempts", "1").ends();
                }
            }
            assert_eq!(stage.count("westus"), 0);
        },
    },
    Story {
        name: "an empty reason to finish is none",
        behaviours: &[33],
        needs: &[],
        config: TWO,
        play: |stage| {
            for reason in [r#""""#, "null", r#""null""#] {
                let chunk = format!(
                    "data: {{\"choices\":[{{\"delta\":{{\"content\":\"a\"}},\"finish_reason\": {reason}}}]}}\n\n"
                );
                for told in [chunk.clone(), chunk.repeat(3)] {
                    let cut = Answer::events(told.clone()).cut_at([chunk.len()]);
                    stage.will("eastus", [Reaction::Breaks(cut)]);
                    stage.send(&streaming()).is(200).interrupted_after(&told).breaks();
                    assert_eq!(stage.attempts(), "eastus 200 broken");
                }
            }
        },
    },
    Story {
        name: "a model that a compatible server does not have is asked for elsewhere",
        behaviours: &[],
        needs: &[AFTER_READING],
        config: "
models:
  a: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  b: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  c: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }",
        play: |stage| {
            for (model, missing) in [
                ("a", r#"{"error":{"type":"invalid_request_error","code":"model_not_found"}}"#),
                ("b", r#"{"error":{"code":"DeploymentNotFound","message":"x"}}"#),
                ("c", r#"{"error":{"code":404,"type":"model_not_found","message":"x"}}"#),
            ] {
                for _ in 0..3 {
                    stage.will("eastus", [Answer::json(404, missing)]);
                    stage.chat(model).is(200).from("westus").has("x-spillway-attempts", "2");
                }
                stage.chat(model).is(200).from("westus").has("x-spillway-attempts", "1");
            }
        },
    },
];

fn unlabelled(body: &str, content_type: Option<&str>) -> Answer {
    let answer = Answer { status: 200, body: body.into(), ..Answer::default() };
    match content_type {
        Some(value) => answer.with("content-type", value),
        None => answer,
    }
}

fn streaming() -> Request {
    Request::post(chat_path("gpt-4o"), r#"{"stream":true,"messages":[]}"#)
}

fn of(operation: &str) -> Request {
    let path = format!("/openai/deployments/gpt-4o/{operation}?api-version=2024-10-21");
    Request::post(path, CHAT_BODY)
}

fn embeddings() -> Request {
    of("embeddings")
}

fn images() -> Request {
    of("images/generations")
}

fn speech() -> Request {
    of("audio/speech")
}

const CHUNK: &str =
    r#"data: {"id":"x","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}"#;

const TWO: &str = "
circuit_breaker: { failures: 1000, trip: 1s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
default_model: gpt-4o
";
