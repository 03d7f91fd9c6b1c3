//! Refusals that are about something else than the deployment that the gateway has asked for, and those
//! that are about it, wherever the request names it.

use crate::expect::{another_chat, chat_path, failure, respond, seconds};
use crate::http::{Answer, Request};
use crate::stage::Stage;
use crate::story::{AFTER_READING, Need, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "what refuses an operation that names no model closes no deployment",
        behaviours: &[],
        needs: &[],
        config: BY_DEFAULT,
        play: |stage| {
            let of_no_model = [
                Request::get("/openai/evals?api-version=2025-04-01-preview"),
                Request::get("/openai/v1/fine_tuning/jobs"),
                Request::get("/v1/files/file-1/content"),
                Request::post("/v1/vector_stores", r#"{"name":"store"}"#),
                Request { method: "DELETE".into(), ..Request::get("/openai/threads/thread_1") },
            ];
            for request in of_no_model {
                for status in [401, 403] {
                    stage.will("eastus", [failure(status)]);
                    let answer = stage.send(&request);
                    answer.is(200).from("westus").has("x-spillway-attempts", "2");
                    is_served_by_eastus(stage, "gpt-4o");
                }
            }
            // Where all of them refuse it, its client is told.
            let request = Request::get("/openai/v1/evals");
            for _ in 0..3 {
                stage.will("eastus", [failure(403)]);
                stage.will("westus", [failure(403)]);
                stage.send(&request).is(403).says(failure(403).body);
                is_served_by_eastus(stage, "gpt-4o");
            }
        },
    },
    Story {
        name: "what fails an operation that names no model closes no deployment",
        behaviours: &[],
        needs: &[],
        config: BY_DEFAULT,
        play: |stage| {
            for number in 0..4 {
                // Not done twice: nothing tells whether the upload or the backend is at fault.
                let upload = format!(r#"{{"name":"store-{number}"}}"#);
                stage.will("eastus", [failure(500)]);
                stage.send(&Request::post("/v1/vector_stores", upload)).is(500);
                is_served_by_eastus(stage, "gpt-4o");
                stage.will("eastus", [failure(500)]);
                let read = Request::get(format!("/v1/files/file-{number}/content"));
                stage.send(&read).is(200).from("westus").has("x-spillway-attempts", "2");
                is_served_by_eastus(stage, "gpt-4o");
            }
        },
    },
    Story {
        name: "what a client keeps at a backend may lead to a deployment that is not there",
        behaviours: &[],
        needs: &[AFTER_READING],
        config: BY_DEFAULT,
        play: |stage| {
            let run = || Request::post("/openai/threads/t/runs", r#"{"assistant_id":"a"}"#);
            let fails = "event: error\ndata: {\"error\":{\"code\":\"DeploymentNotFound\"}}\n\n";
            for told in [missing(), Answer::json(200, MISSING), Answer::events(fails)] {
                stage.will("eastus", [told]);
                stage.send(&run()).is(200).from("westus").has("x-spillway-attempts", "2");
                is_served_by_eastus(stage, "gpt-4o");
            }
        },
    },
    Story {
        name: "a cookie leads a request that names no model to a deployment, and its refusal closes none",
        behaviours: &[],
        needs: &[],
        config: "
circuit_breaker: { failures: 1, trip: 60s }
models:
  gpt-4o:
    pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }]
    session_affinity: { cookie: Spillway-Affinity }",
        play: |stage| {
            let (cookie, _) = stage.chat("gpt-4o").is(200).cookie().expect("a cookie");
            for id in ["resp_1", "resp_2", "resp_3"] {
                let request = Request::get(format!("/openai/v1/responses/{id}"));
                stage.will("eastus", [failure(403)]);
                stage.send(&request.with("cookie", cookie.as_str())).is(200).from("westus");
                is_served_by_eastus(stage, "gpt-4o");
            }
        },
    },
    Story {
        name: "a probe that names no model and is refused shows nothing, and another is made",
        behaviours: &[],
        needs: &[Need::VirtualTime],
        config: "
default_model: gpt-4o
circuit_breaker: { failures: 1, trip: 10s, ramp: 1ms }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [failure(500)]);
            stage.chat("gpt-4o").from("westus");
            stage.pass(seconds(10));

            stage.will("eastus", [failure(403), failure(500)]);
            stage.send(&Request::get("/openai/v1/evals")).is(200).from("westus");

            // Neither open nor closed by that: the next one is a probe, and its failure doubles the time.
            stage.chat("gpt-4o").from("westus").has("x-spillway-attempts", "2");
            stage.expect_rest("eastus", seconds(20), &another_chat("gpt-4o"));
        },
    },
    Story {
        name: "a deployment that is missing is not the pool's where the request names others besides",
        behaviours: &[],
        needs: &[AFTER_READING],
        config: "
circuit_breaker: { failures: 1, trip: 60s }
models:
  embed: { pool: [westus] }
  image: { pool: [westus] }
  gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }",
        play: |stage| {
            let draws = r#"{"model":"gpt-4o","input":"a cat","tools":[{"type":"image_generation","model":"image"}]}"#;
            let looks_up = r#"{"model":"gpt-4o","messages":[],"data_sources":[{"type":"azure_search","parameters":{"embedding_dependency":{"type":"deployment_name","deployment_name":"embed"}}}]}"#;
            for request in [
                Request::post("/openai/v1/responses", draws),
                Request::post("/openai/v1/chat/completions", looks_up),
                respond("gpt-4o").with("x-ms-oai-image-generation-deployment", "image"),
            ] {
                for told in [missing(), Answer::json(200, MISSING)] {
                    stage.will("eastus", [told]);
                    stage.send(&request).is(200).from("westus").has("x-spillway-attempts", "2");
                    is_served_by_eastus(stage, "gpt-4o");
                }
            }
        },
    },
    Story {
        name: "whoever asks what there is asks no deployment",
        behaviours: &[],
        needs: &[AFTER_READING],
        config: BY_DEFAULT,
        play: |stage| {
            // Azure lists the models that can be deployed there, and no deployments.
            for path in ["/openai/models/gpt-4o?api-version=2024-10-21", "/openai/v1/models/gpt-4o"]
            {
                stage.will("eastus", [missing()]);
                stage.send(&Request::get(path)).is(200).from("westus");
                is_served_by_eastus(stage, "gpt-4o");
            }
        },
    },
    Story {
        name: "the deployment that the gateway has asked for counts, wherever the request names its model",
        behaviours: &[10],
        needs: &[AFTER_READING],
        config: "
backends:
  eastus: { url: '{eastus}', deployments: { body: other, form: other-form } }
  westus: { url: '{westus}' }
circuit_breaker: { failures: 1, trip: 60s }
models:
  path: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  body: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  form: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  long: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }",
        play: |stage| {
            let form = "--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nform\r\n\
                        --b\r\ncontent-disposition: form-data; name=\"prompt\"\r\n\r\na cat\r\n--b--\r\n";
            let form = Request::post("/openai/v1/images/edits", form)
                .with("content-type", "multipart/form-data; boundary=b");
            let input = "x".repeat(20_000);
            let long = format!(r#"{{"model":"long","input":"{input}"}}"#);
            for request in [
                Request::post(chat_path("path"), r#"{"messages":[]}"#),
                respond("body"),
                form,
                Request::post("/v1/embeddings", long),
            ] {
                stage.will("eastus", [missing()]);
                stage.send(&request).is(200).from("westus").has("x-spillway-attempts", "2");
                stage.send(&request).is(200).from("westus").has("x-spillway-attempts", "1");
            }
        },
    },
    Story {
        name: "a refusal closes no other deployment where one circuit covers the whole backend",
        behaviours: &[14],
        needs: &[AFTER_READING],
        config: "
circuit_breaker: { scope: backend, failures: 1, trip: 60s }
models:
  a: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  b: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }",
        play: |stage| {
            let inside = "data: {\"error\":{\"code\":\"model_not_found\",\"message\":\"x\"}}\n\n";
            for told in [missing(), failure(401), failure(403), Answer::events(inside)] {
                stage.will("eastus", [told]);
                stage.chat("a").is(200).from("westus").has("x-spillway-attempts", "2");
                is_served_by_eastus(stage, "b");
            }
            // What fails, fails for all of them.
            stage.will("eastus", [failure(500)]);
            stage.chat("a").is(200).from("westus");
            stage.chat("b").is(200).from("westus").has("x-spillway-attempts", "1");
        },
    },
    Story {
        name: "a missing deployment closes every model that is this deployment, and no other one",
        behaviours: &[14],
        needs: &[AFTER_READING],
        config: "
backends:
  eastus: { url: '{eastus}', deployments: { a: shared, b: shared } }
  westus: { url: '{westus}' }
circuit_breaker: { failures: 1, trip: 60s }
models:
  a: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  b: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  c: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }",
        play: |stage| {
            stage.will("eastus", [missing()]);
            stage.chat("a").is(200).from("westus").has("x-spillway-attempts", "2");
            for model in ["a", "b"] {
                stage.chat(model).is(200).from("westus").has("x-spillway-attempts", "1");
            }
            is_served_by_eastus(stage, "c");
        },
    },
    Story {
        name: "a refusal is no part of a share of failures, also where one circuit covers the whole backend",
        behaviours: &[],
        needs: &[],
        config: "
circuit_breaker: { scope: backend, failure_ratio: 1%, minimum_requests: 1 }
models:
  a: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  b: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }",
        play: |stage| {
            for _ in 0..4 {
                stage.will("eastus", [failure(401)]);
                stage.chat("a").is(200).from("westus").has("x-spillway-attempts", "2");
                is_served_by_eastus(stage, "b");
            }
        },
    },
    Story {
        name: "a refusal under a good status is a refusal",
        behaviours: &[],
        needs: &[AFTER_READING],
        config: "
default_model: gpt-4o
models:
  gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  passes:
    pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }]
    retry: { failover_on_refusal: false }",
        play: |stage| {
            let refused = r#"{"error":{"code":"invalid_api_key","message":"x"}}"#;
            // It was not done, and may go on although it must not be done twice.
            stage.will("eastus", [Answer::json(200, refused)]);
            let store = Request::post("/v1/vector_stores", r#"{"name":"store"}"#);
            stage.send(&store).is(200).from("westus").has("x-spillway-attempts", "2");

            for told in [refused, MISSING] {
                stage.will("eastus", [Answer::json(200, told)]);
                stage.chat("passes").is(200).says(told).has("x-spillway-attempts", "1");
            }
        },
    },
];

/// An innocent request is served by the first member, at once.
#[track_caller]
fn is_served_by_eastus(stage: &mut dyn Stage, model: &str) {
    stage.chat(model).is(200).from("eastus").has("x-spillway-attempts", "1");
}

fn missing() -> Answer {
    Answer::json(404, MISSING)
}

const MISSING: &str = r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#;

const BY_DEFAULT: &str = "
default_model: gpt-4o
circuit_breaker: { failures: 1, trip: 60s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }";
