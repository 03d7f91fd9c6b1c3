//! What one client's requests provoke is not for others to pay: whoever asks next is served by the first
//! member, at once.

use crate::expect::{another_chat, chat_path, failure};
use crate::http::{Answer, Reaction, Request};
use crate::stage::Stage;
use crate::story::{AFTER_READING, AFTER_SILENCE, Need, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a prompt that a firewall refuses is one vote, however often an SDK sends it",
        behaviours: &[],
        needs: &[],
        config: KINDS,
        play: |stage| {
            for (model, prompt) in prompts() {
                for told in [failure(403), page(403), failure(401)] {
                    for _ in 0..3 {
                        stage.will("eastus", [told.clone()]);
                        stage.send(&prompt).is(200).from("westus").has("x-spillway-attempts", "2");
                    }
                    is_served(stage, model);
                }
                // The firewall stands before both of them.
                for told in [failure(403), page(403)] {
                    for _ in 0..3 {
                        stage.will("eastus", [told.clone()]);
                        stage.will("westus", [told.clone()]);
                        stage.send(&prompt).is(403).says(&told.body);
                    }
                    is_served(stage, model);
                }
            }
        },
    },
    Story {
        name: "a prompt is one vote on whichever workers it arrives",
        behaviours: &[15],
        needs: &[Need::Workers],
        config: "
circuit_breaker: { failures: 2 }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            let prompt = another_chat("gpt-4o");
            for worker in 0..4 {
                stage.use_worker(worker);
                stage.will("eastus", [failure(403)]);
                stage.send(&prompt).is(200).from("westus").has("x-spillway-attempts", "2");
                is_served(stage, "gpt-4o");
            }
        },
    },
    Story {
        name: "whatever every member says to a client's requests changes nothing for others",
        behaviours: &[],
        needs: &[AFTER_READING],
        config: "
models:
  a: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  b: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  c: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  d: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  e: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  f: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }",
        play: |stage| {
            let missing = r#"{"error":{"code":"model_not_found","message":"x"}}"#;
            let error = r#"{"error":{"type":"server_error","message":"x"}}"#;
            for (model, told) in [
                ("a", failure(500)),
                ("b", failure(408)),
                ("c", page(502)),
                ("d", page(200)),
                ("e", Answer::json(404, missing)),
                ("f", Answer::json(200, error)),
            ] {
                for _ in 0..4 {
                    every_member(stage, &told.clone().into());
                    stage.chat(model).is(told.status).has("x-spillway-attempts", "2");
                }
                is_served(stage, model);
                // An hour of good answers makes it no worse.
                assert_eq!(stage.regions(model, 20), ["eastus"; 20]);
                for _ in 0..4 {
                    every_member(stage, &told.clone().into());
                    stage.chat(model).is(told.status).has("x-spillway-attempts", "2");
                }
                is_served(stage, model);
            }
        },
    },
    Story {
        name: "requests that no member answers change nothing for others",
        behaviours: &[],
        needs: &[AFTER_SILENCE],
        config: "
timeouts: { first_byte: 300ms }
models:
  a: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  b: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  c: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }",
        play: |stage| {
            let begun = Answer::events("data: {\"choices\":[]}\n\n");
            for (model, reaction) in
                [("a", Reaction::HangUp), ("b", Reaction::Silence), ("c", Reaction::Breaks(begun))]
            {
                for _ in 0..4 {
                    every_member(stage, &reaction);
                    let answer = stage.chat(model);
                    assert!(matches!(answer.status, 502..=504), "{}", answer.status);
                }
            }
            for model in ["a", "b", "c"] {
                is_served(stage, model);
            }
        },
    },
    Story {
        name: "streams that begin with an error at every member change nothing for others",
        behaviours: &[33],
        needs: &[AFTER_READING],
        config: "
models:
  responses: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  created: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  chat: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  text: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }",
        play: |stage| {
            let failed = "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"x\"}\n\n";
            let created = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{}}\n\n\
                           event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\"}}}\n\n";
            let chat = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n\
                        data: {\"error\":{\"type\":\"server_error\",\"message\":\"x\"}}\n\ndata: [DONE]\n\n";
            let text = "data: {\"choices\":[{\"index\":0,\"text\":\"\"}]}\n\ndata: {\"error\":{\"code\":500}}\n\n";
            for (model, operation, told) in [
                ("responses", "responses", failed),
                ("created", "responses", created),
                ("chat", "chat/completions", chat),
                ("text", "completions", text),
            ] {
                for number in 0..4 {
                    let body = format!(r#"{{"model":"{model}","stream":true,"seed":{number}}}"#);
                    let request = Request::post(format!("/openai/v1/{operation}"), body);
                    every_member(stage, &Answer::events(told).into());
                    stage.send(&request).is(200).says(told).has("x-spillway-attempts", "2");
                }
                is_served(stage, model);
            }
        },
    },
    Story {
        name: "a member that one client's requests break is left to that client's requests alone",
        behaviours: &[10],
        needs: &[],
        config: "
circuit_breaker: { failures: 3, trip: 60s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            // Two different requests that eastus alone fails, each tried three times, and others between.
            for prompt in [another_chat("gpt-4o"), another_chat("gpt-4o")] {
                for _ in 0..3 {
                    stage.will("eastus", [failure(500)]);
                    stage.send(&prompt).is(200).from("westus").has("x-spillway-attempts", "2");
                    is_served(stage, "gpt-4o");
                }
            }
        },
    },
];

/// Another client's request for this model is served by the first member, at once.
#[track_caller]
fn is_served(stage: &mut dyn Stage, model: &str) {
    stage.chat(model).is(200).from("eastus").has("x-spillway-attempts", "1");
}

/// Both members react so to the next request.
fn every_member(stage: &mut dyn Stage, reaction: &Reaction) {
    for backend in ["eastus", "westus"] {
        stage.will(backend, [reaction.clone()]);
    }
}

/// A prompt by each API, each for a model of its own.
fn prompts() -> [(&'static str, Request); 5] {
    let to = |model, operation: &str, body: &str| {
        let body = body.replacen('{', &format!("{{\"model\":\"{model}\","), 1);
        (model, Request::post(format!("/openai/v1/{operation}"), body))
    };
    [
        (
            "path",
            Request::post(
                chat_path("path"),
                r#"{"messages":[{"role":"user","content":"' OR 1=1"}]}"#,
            ),
        ),
        to("chat", "chat/completions", r#"{"messages":[],"stream":true}"#),
        to("responses", "responses", r#"{"input":"' OR 1=1"}"#),
        to("embeddings", "embeddings", r#"{"input":"' OR 1=1"}"#),
        to("images", "images/generations", r#"{"prompt":"' OR 1=1"}"#),
    ]
}

/// A page for people, with this status.
fn page(status: u16) -> Answer {
    let page =
        Answer { status, body: b"<html><h1>Forbidden</h1></html>".into(), ..Answer::default() };
    page.with("content-type", "text/html")
}

const KINDS: &str = "
models:
  path: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  chat: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  responses: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  embeddings: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  images: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }";
