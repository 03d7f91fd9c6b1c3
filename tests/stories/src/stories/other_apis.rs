//! What holds for chat holds for the other APIs: Responses, completions, embeddings, images, messages.

use crate::expect::{chat_path, millis, respond, seconds};
use crate::http::{Answer, Headers, Reaction, Request};
use crate::story::{AFTER_READING, AFTER_SILENCE, Need, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a stream of any API is one whatever its content type says",
        behaviours: &[33],
        needs: &[],
        config: TWO,
        play: |stage| {
            let responses = [CREATED, DELTA, COMPLETED].concat();
            for (request, body) in [
                (streaming("responses"), responses.as_str()),
                (streaming("completions"), TEXT),
                (streaming("images/generations"), IMAGE),
                (messages(), MESSAGE),
            ] {
                for said in [None, Some("text/plain"), Some("application/json")] {
                    for cuts in [vec![], vec![3], vec![body.len() - 4]] {
                        stage.will("eastus", [labelled(said, body).cut_at(cuts)]);
                        let answer = stage.send(&request);
                        answer.is(200).says(body).has("x-spillway-attempts", "1").ends();
                    }
                }
            }
            assert_eq!(stage.count("westus"), 0);
        },
    },
    Story {
        name: "an unlabelled stream of any API that begins with an error fails over",
        behaviours: &[33],
        needs: &[AFTER_READING],
        config: TWO,
        play: |stage| {
            let failed = "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\"}}}\n\n";
            let overloaded = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
            let text = "data: {\"choices\":[{\"text\":\"\",\"index\":0}]}\n\ndata: {\"error\":{\"code\":500}}\n\n";
            for (request, body) in [
                (streaming("responses"), [CREATED, failed].concat()),
                (streaming("completions"), text.to_owned()),
                (messages(), overloaded.to_owned()),
            ] {
                for said in [None, Some("text/event-stream"), Some("application/octet-stream")] {
                    stage.will("eastus", [labelled(said, &body).cut_at([2, 40])]);
                    let answer = stage.send(&request);
                    answer.is(200).from("westus").has("x-spillway-attempts", "2");
                }
            }
        },
    },
    Story {
        name: "an error as the JSON of a 200 fails over whatever was asked for",
        behaviours: &[33],
        needs: &[AFTER_READING],
        config: TWO,
        play: |stage| {
            let response = r#"{"id":"resp_1","object":"response","status":"failed","error":{"code":"server_error","message":"x"},"output":[]}"#;
            for (request, body) in [
                (respond("gpt-4o"), response),
                (streaming("responses"), response),
                (plain("moderations"), r#"{"error":{"code":"503","message":"x"}}"#),
                (
                    plain("completions"),
                    r#"{"object":"error","message":"x","type":"internal","code":500}"#,
                ),
                (messages(), r#"{"type":"error","error":{"type":"api_error","message":"x"}}"#),
                (plain("images/edits"), r#"{"error":{"code":"500","message":"x"}}"#),
            ] {
                for cuts in [vec![], vec![1, 30], vec![body.len() - 1]] {
                    stage.will("eastus", [Answer::json(200, body).cut_at(cuts)]);
                    let answer = stage.send(&request);
                    answer.is(200).from("westus").has("x-spillway-attempts", "2");
                }
            }
        },
    },
    Story {
        name: "a page or nothing at all is no response, no message and no verdict",
        behaviours: &[33],
        needs: &[AFTER_READING],
        config: TWO,
        play: |stage| {
            let page = "<html><body>Bad Gateway</body></html>";
            for request in [
                respond("gpt-4o"),
                streaming("responses"),
                messages(),
                plain("moderations"),
                plain("completions"),
                plain("images/variations"),
            ] {
                for told in [
                    Answer::json(200, ""),
                    Answer::json(200, page).cut_at([9]),
                    labelled(Some("text/html"), page),
                    Answer::json(200, "upstream connect error"),
                ] {
                    stage.will("eastus", [told]);
                    let answer = stage.send(&request);
                    answer.is(200).from("westus").has("x-spillway-attempts", "2");
                }
            }
        },
    },
    Story {
        name: "a completion that gives no reason to finish is not complete, however its connection ends",
        behaviours: &[33],
        needs: &[],
        config: TWO,
        play: |stage| {
            let text =
                "data: {\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":\"\"}]}\n\n";
            // The second choice is still being written.
            let first = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n";
            let second = "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"},\"finish_reason\":\"\"}]}\n\n";
            let choices = [first, second].concat();
            for (request, body, cut) in [
                (streaming("completions"), text.repeat(2), text.len()),
                (streaming("chat/completions"), choices, first.len()),
            ] {
                for ends in [true, false] {
                    let told = Answer::events(body.clone()).cut_at([cut]);
                    let told = if ends { Reaction::Answer(told) } else { Reaction::Breaks(told) };
                    stage.will("eastus", [told]);
                    stage.send(&request).is(200).interrupted_after(&body);
                    assert_eq!(stage.attempts(), "eastus 200 broken");
                }
            }
        },
    },
    Story {
        name: "odd JSON is no failure of any API",
        behaviours: &[7],
        needs: &[],
        config: TWO,
        play: |stage| {
            let odd = [
                &b"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"\\ud83d\"}\n\n"[..],
                b"data: {\"type\":\"response.output_text.delta\",\"delta\":\"\xe2\x82\"}\n\n",
                b"data: {\"type\":\"response.output_text.delta\",\"delta\":\"a\",\"logprobs\":[-Infinity]}\n\n",
            ];
            for begin in odd {
                let body = [begin, COMPLETED.as_bytes()].concat();
                stage.will("eastus", [Answer::events(body.clone()).cut_at([begin.len() - 9])]);
                let answer = stage.send(&streaming("responses"));
                answer.is(200).says(body).has("x-spillway-attempts", "1").ends();
            }
            for (request, body) in [
                (plain("embeddings"), &br#"{"data":[{"embedding":[NaN,Infinity]}]}"#[..]),
                (plain("moderations"), br#"{"results":[{"scores":{"hate":NaN}}]}"#),
                (respond("gpt-4o"), b"{\"output\":[{\"text\":\"\xff\xfe\"}]}"),
            ] {
                for cuts in [vec![], vec![2]] {
                    stage.will("eastus", [Answer::json(200, body).cut_at(cuts)]);
                    let answer = stage.send(&request);
                    answer.is(200).says(body).has("x-spillway-attempts", "1");
                }
            }
            assert_eq!(stage.count("westus"), 0);
        },
    },
    Story {
        name: "white space before any API's answer is waited through, in each of its forms",
        behaviours: &[7],
        needs: &[],
        config: TWO,
        play: |stage| {
            for space in ["\r\n", "\t ", "\n\n"] {
                for (request, json) in [
                    (respond("gpt-4o"), r#"{"object":"response","output":[]}"#),
                    (plain("images/generations"), r#"{"data":[]}"#),
                    (messages(), r#"{"type":"message","content":[]}"#),
                ] {
                    let body = format!("{}{json}", space.repeat(1500));
                    let told = Answer::json(200, body.as_str()).cut_at([1, 700, 2999]);
                    stage.will("eastus", [told]);
                    let answer = stage.send(&request);
                    answer.is(200).says(&body).has("x-spillway-attempts", "1").ends();
                }
            }
            assert_eq!(stage.count("westus"), 0);
        },
    },
    Story {
        name: "a response whose stream trailers end gets what it lacks, and then its trailers",
        behaviours: &[33],
        needs: &[],
        config: TWO,
        play: |stage| {
            let checksum = Headers(vec![("x-checksum".to_owned(), b"abc".to_vec())]);
            let whole = [CREATED, DELTA, COMPLETED].concat();
            let told = Answer::events(whole.clone()).trailer("x-checksum", "abc");
            stage.will("eastus", [told.cut_at([30])]);
            let answer = stage.send(&streaming("responses"));
            answer.is(200).says(&whole).ends();
            assert_eq!(answer.trailers, checksum);

            let cut = [CREATED, DELTA].concat();
            let told = Answer::events(cut.clone()).trailer("x-checksum", "abc");
            stage.will("eastus", [told.cut_at([CREATED.len() + DELTA.len() - 3])]);
            let answer = stage.send(&streaming("responses"));
            let said = String::from_utf8_lossy(&answer.body).into_owned();
            let rest = said.strip_prefix(&cut).expect("what came before");
            assert!(rest.starts_with("event: error\ndata: "), "{rest}");
            assert!(rest.contains("stream_interrupted") && rest.ends_with("\n\n"), "{rest}");
            assert_eq!(answer.trailers, checksum);
        },
    },
    Story {
        name: "a response or a completion that falls silent ends when the time for silence is over",
        behaviours: &[33],
        needs: &[Need::VirtualTime, AFTER_SILENCE],
        config: "
timeouts: { first_byte: 2s, stream_idle: 3s }
default_model: gpt-4o
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            for (request, body) in [
                (streaming("responses"), [CREATED, DELTA].concat()),
                (streaming("completions"), TEXT.split_inclusive("\n\n").take(1).collect()),
            ] {
                let before = stage.now();
                stage.will("eastus", [Reaction::Stalls(Answer::events(body.clone()))]);
                let answer = stage.send(&request);
                let said = String::from_utf8_lossy(&answer.is(200).breaks().body).into_owned();
                assert!(said.starts_with(&body) && said.contains("stream_interrupted"), "{said}");
                let took = stage.now().duration_since(before).unwrap_or_default();
                assert_eq!(took, seconds(3));
            }
            // What is no stream has no event to end with, and ends all the same.
            let before = stage.now();
            stage.will(
                "eastus",
                [Reaction::Stalls(Answer::json(200, r#"{"data":[{"embedding":["#))],
            );
            stage.send(&plain("embeddings")).is(200).breaks();
            let took = stage.now().duration_since(before).unwrap_or_default();
            assert!(took >= millis(2999) && took <= millis(3001), "{took:?}");
        },
    },
];

fn plain(operation: &str) -> Request {
    let body = r#"{"model":"gpt-4o","input":"hello"}"#;
    Request::post(format!("/openai/v1/{operation}"), body)
}

fn streaming(operation: &str) -> Request {
    let body = r#"{"model":"gpt-4o","stream":true,"input":"hello"}"#;
    match operation {
        "completions" => Request::post(chat_path("gpt-4o").replace("chat/", ""), body),
        _ => Request::post(format!("/openai/v1/{operation}"), body),
    }
}

fn messages() -> Request {
    let body = r#"{"model":"gpt-4o","stream":true,"max_tokens":9,"messages":[]}"#;
    Request::post("/anthropic/v1/messages", body)
}

fn labelled(content_type: Option<&str>, body: &str) -> Answer {
    let answer = Answer { status: 200, body: body.into(), ..Answer::default() };
    match content_type {
        Some(value) => answer.with("content-type", value),
        None => answer,
    }
}

const CREATED: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"error\":null}}\n\n";
const DELTA: &str = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"delta\":\"a\"}\n\n";
const COMPLETED: &str = "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":2,\"response\":{}}\n\n";
const TEXT: &str = "data: {\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":null}]}\n\n\
                    data: {\"choices\":[{\"index\":0,\"text\":\"\",\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
const IMAGE: &str = "event: image_generation.partial_image\ndata: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"aGk=\"}\n\n\
                     event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\",\"b64_json\":\"aGk=\"}\n\n";
const MESSAGE: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"content\":[]}}\n\n\
                       event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n\
                       event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

const TWO: &str = "
circuit_breaker: { failures: 1000, trip: 1s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
default_model: gpt-4o
";
