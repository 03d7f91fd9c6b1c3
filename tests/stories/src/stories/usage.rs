//! Tokens: what a backend reports is noted, and a client sees no more than it asked for.

use serde_json::{Value, json};

use crate::expect::{chat, chat_path, failure, respond};
use crate::http::{Answer, Reaction, Request};
use crate::stage::Stage;
use crate::story::Story;

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a stream is made to report its tokens, and its client sees no more than it asked for",
        behaviours: &[30],
        needs: &[],
        config: PAIR,
        play: |stage| {
            let (all, wanted) =
                (stream(&[FIRST, CHUNK, USAGE, DONE]), stream(&[FIRST, CHUNK, DONE]));
            let usage = FIRST.len() + CHUNK.len() + 4;
            let cuts = [vec![], vec![9, usage + 1, usage + 40], vec![usage + 6, all.len() - 1]];
            for cuts in cuts.into_iter().chain([(1..all.len()).step_by(7).collect()]) {
                stage.will("eastus", [Answer::events(all.clone()).cut_at(cuts)]);

                stage.send(&streamed()).is(200).says(&wanted).ends();

                assert_eq!(tokens(stage), ["9", "12", "4", "0"]);
                assert_eq!(
                    (stage.noted("marks"), stage.noted("outcome")),
                    ("stream".into(), "answered".into())
                );
                let sent = sent(&stage.last("eastus").body);
                assert_eq!(sent["stream_options"], json!({ "include_usage": true }));
                assert_eq!(sent["messages"], json!([]));
            }
        },
    },
    Story {
        name: "a client that asks for its tokens sees them",
        behaviours: &[30],
        needs: &[],
        config: PAIR,
        play: |stage| {
            let body = r#"{"messages":[],"stream":true,"stream_options":{"include_usage":true}}"#;
            let all = stream(&[CHUNK, USAGE, DONE]);
            stage.will("eastus", [Answer::events(all.clone()).cut_at([30, CHUNK.len() + 20])]);

            stage.send(&Request::post(chat_path("gpt-4o"), body)).is(200).says(&all).ends();

            assert_eq!(stage.last("eastus").body, body.as_bytes());
            assert_eq!(tokens(stage), ["9", "12", "4", "0"]);
        },
    },
    Story {
        name: "every attempt asks for the tokens once, whatever the model is called there",
        behaviours: &[5, 30],
        needs: &[],
        config: "
circuit_breaker: { failures: 100 }
backends:
  eastus: { url: \"{eastus}\", deployments: { gpt-4o: a-longer-name } }
  westus: { url: \"{westus}\", deployments: { gpt-4o: m } }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            for body in [
                r#"{"model":"gpt-4o","stream":true,"messages":[]}"#,
                r#"{"stream":true,"stream_options":{"include_usage":false},"model":"gpt-4o"}"#,
                r#"{"model":"gpt-4o","stream_options":{"x":[1]},"stream":true}"#,
            ] {
                stage.will("eastus", [failure(503)]);
                stage.will("westus", [Answer::events(stream(&[CHUNK, USAGE, DONE]))]);

                let request = Request::post("/openai/v1/chat/completions", body).cut_at([3, 20]);
                let answer = stage.send(&request);

                answer.is(200).says(stream(&[CHUNK, DONE])).has("x-spillway-attempts", "2");
                for (backend, model) in [("eastus", "a-longer-name"), ("westus", "m")] {
                    let received = stage.last(backend);
                    let sent = sent(&received.body);
                    assert_eq!((&sent["model"], &sent["stream"]), (&json!(model), &json!(true)));
                    assert_eq!(sent["stream_options"]["include_usage"], true, "{sent}");
                    let text = String::from_utf8_lossy(&received.body).into_owned();
                    assert_eq!(text.matches("include_usage").count(), 1, "{text}");
                }
                assert_eq!(stage.noted("deployment"), "m");
                assert_eq!(tokens(stage), ["9", "12", "4", "0"]);
            }
        },
    },
    Story {
        name: "a request that would be refused for it is not made to ask",
        behaviours: &[7],
        needs: &[],
        config: "
models:
  gpt-4o: { pool: [eastus] }
  as-it-is: { pool: [eastus], usage: { include_in_streams: false } }",
        play: |stage| {
            let stream_only = r#"{"messages":[],"stream":true}"#;
            let old = |version: &str| {
                format!("/openai/deployments/gpt-4o/chat/completions?api-version={version}")
            };
            for (path, body) in [
                (old("2024-06-01"), stream_only),
                (old("2024-08-01-preview"), stream_only),
                (chat_path("as-it-is"), stream_only),
                (chat_path("gpt-4o"), r#"{"stream":true,"data_sources":[{}]}"#),
                (chat_path("gpt-4o"), r#"{"stream":true"#),
                (chat_path("gpt-4o"), r#"{"stream":false}"#),
            ] {
                let all = stream(&[CHUNK, USAGE, DONE]);
                stage.will("eastus", [Answer::events(all.clone())]);
                stage.send(&Request::post(path, body)).is(200).says(&all);
                assert_eq!(stage.last("eastus").body, body.as_bytes());
                assert_eq!(tokens(stage), ["9", "12", "4", "0"], "what is there is read");
            }
            stage.send(&Request::post(old("2024-06-01"), stream_only));
            assert_eq!(stage.noted("api_version"), "2024-06-01");
            stage.send(&Request::post(old("%22%0a"), stream_only));
            assert_eq!(stage.noted("api_version"), "", "a client's word is none for the log");
        },
    },
    Story {
        name: "the tokens of a whole answer are read, and the answer is the same",
        behaviours: &[30, 32],
        needs: &[],
        config: PAIR,
        play: |stage| {
            let embed = "/openai/deployments/gpt-4o/embeddings?api-version=2024-10-21";
            let embed = Request::post(embed, r#"{"input":"x"}"#);
            let vectors = "[0.1,-2e-3],".repeat(2000);
            for (request, said, wanted) in [
                (
                    chat("gpt-4o"),
                    format!(" {{\"choices\":[{{\"message\":\"\\\"usage\\\":\"}}],{CHAT}}}"),
                    ["9", "12", "4", "0"],
                ),
                (
                    respond("gpt-4o"),
                    format!("{{\"output\":[{{\"usage\":{{}}}}],{RESPONSES}}}"),
                    ["3", "70", "0", "64"],
                ),
                (
                    embed,
                    format!("{{\"data\":[{vectors}[]],\"usage\":{{\"prompt_tokens\":8}}}}"),
                    ["8", "", "", ""],
                ),
                (chat("gpt-4o"), r#"{"choices":[],"usage":null}"#.into(), ["", "", "", ""]),
                (chat("gpt-4o"), r#"{"usage":{"prompt_tokens":-1}}"#.into(), ["", "", "", ""]),
            ] {
                for cuts in [vec![], vec![1], (1..said.len()).step_by(said.len() / 7).collect()] {
                    stage.will("eastus", [Answer::json(200, said.clone()).cut_at(cuts)]);
                    stage.send(&request).is(200).says(&said).ends();
                    assert_eq!(tokens(stage), wanted, "{said}");
                }
                let asked = stage.last("eastus");
                assert_eq!(asked.headers.text("accept-encoding").as_deref(), Some("identity"));
            }
        },
    },
    Story {
        name: "the tokens of a response's stream stand in its last event, however long that is",
        behaviours: &[30],
        needs: &[],
        config: PAIR,
        play: |stage| {
            let created = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"usage\":null}}";
            let text = "x".repeat(100_000);
            let last = format!(
                "event: response.completed\ndata: {{\"type\":\"response.completed\",\"response\":\
                 {{\"output\":[\"{text}\"],{RESPONSES},\"user\":null}}}}"
            );
            let all = stream(&[created, &last]);
            let cuts = (1..all.len()).step_by(9000).collect::<Vec<_>>();
            stage.will("eastus", [Answer::events(all.clone()).cut_at(cuts)]);

            stage.send(&respond("gpt-4o")).is(200).says(&all).ends();

            assert_eq!(tokens(stage), ["3", "70", "0", "64"]);
        },
    },
    Story {
        name: "what is not known of tokens is not noted",
        behaviours: &[30],
        needs: &[],
        config: PAIR,
        play: |stage| {
            let zipped = Answer::json(200, b"\x1f\x8b\x08".to_vec());
            let zipped = zipped.with("content-encoding", "gzip");
            stage.will("eastus", [zipped]);
            stage.chat("gpt-4o").is(200);
            assert_eq!(tokens(stage), [""; 4]);

            stage.will("eastus", [Answer::json(400, format!("{{{CHAT}}}"))]);
            stage.chat("gpt-4o").is(400);
            assert_eq!(tokens(stage), [""; 4]);
            assert_eq!(stage.noted("outcome"), "client_error");

            stage.chat("no-such-model").is(400);
            assert_eq!(stage.noted("outcome"), "rejected");
        },
    },
    Story {
        name: "a stream that breaks off inside of the hidden chunk shows nothing of it",
        behaviours: &[33],
        needs: &[],
        config: "
circuit_breaker: { failures: 100 }
models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            let before = stream(&[CHUNK]);
            let cut = format!("{before}{}", &USAGE[..40]);
            stage.will("eastus", [Reaction::Breaks(Answer::events(cut).cut_at([before.len()]))]);
            let answer = stage.send(&streamed());
            let said = String::from_utf8_lossy(&answer.body).into_owned();
            let rest = said.strip_prefix(&before).expect("what came before");
            assert!(rest.contains("stream_interrupted"), "the event becomes the error: {rest}");

            // All of it had come: nothing is missing.
            let whole = stream(&[FINISH, USAGE]);
            let told = Answer::events(whole).cut_at([FINISH.len() + 2]);
            stage.will("eastus", [Reaction::Breaks(told)]);
            stage.send(&streamed()).is(200).says(stream(&[FINISH])).breaks();
            assert_eq!(tokens(stage), ["9", "12", "4", "0"]);
        },
    },
];

/// A chat that wants a stream, and says nothing of tokens.
fn streamed() -> Request {
    let request = Request::post(chat_path("gpt-4o"), r#"{"messages":[],"stream":true}"#);
    request.with("accept-encoding", "gzip, deflate")
}

fn tokens(stage: &dyn Stage) -> [String; 4] {
    ["prompt", "completion", "cached", "reasoning"].map(|of| stage.noted(&format!("{of}_tokens")))
}

fn sent(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("a body of JSON")
}

fn stream(events: &[&str]) -> String {
    events.iter().map(|event| format!("{event}\n\n")).collect()
}

const FIRST: &str = r#"data: {"choices":[],"prompt_filter_results":[],"usage":null}"#;
const CHUNK: &str = r#"data: {"id":"x","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}],"usage":null}"#;
const FINISH: &str =
    r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#;
const USAGE: &str = r#"data: {"id":"x","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":0}}}"#;
const DONE: &str = "data: [DONE]";
const CHAT: &str = r#""usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":0}}"#;
const RESPONSES: &str = r#""usage":{"input_tokens":3,"input_tokens_details":{"cached_tokens":0},"output_tokens":70,"output_tokens_details":{"reasoning_tokens":64}}"#;

const PAIR: &str = "
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }
";
