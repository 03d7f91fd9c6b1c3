//! The field that the gateway adds so that streams report their tokens, at backends that refuse it.

use crate::expect::{chat_path, failure, seconds};
use crate::http::{Answer, Request};
use crate::story::{AFTER_READING, Need, Story, UNREAD_ALONE};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a backend that refuses the field is asked once more without it, and gets it no more",
        behaviours: &[],
        needs: &[AFTER_READING],
        config: PAIR,
        play: |stage| {
            for (model, refusal) in [("gpt-4o", unrecognized()), ("mistral", forbidden())] {
                let (before, request) = (stage.count("eastus"), asks(model));
                stage.will("eastus", [refusal.cut_at([40]), told()]);

                let answer = stage.send(&request);

                answer.is(200).says(STREAM).ends().has("x-spillway-attempts", "2");
                assert_eq!(gets_the_field(&stage.received("eastus")[before].body), 1);
                assert_eq!(stage.last("eastus").body, request.body);
                assert_eq!(stage.noted("outcome"), "answered");

                for _ in 0..2 {
                    stage.will("eastus", [told()]);
                    stage.send(&request).is(200).says(STREAM).has("x-spillway-attempts", "1");
                    assert_eq!(stage.last("eastus").body, request.body);
                }
            }
            assert_eq!(stage.count("westus"), 0);
        },
    },
    Story {
        name: "a body that goes without the field is the client's own, under each backend's own name",
        behaviours: &[],
        needs: &[AFTER_READING],
        config: "
backends:
  eastus: { url: \"{eastus}\", deployments: { gpt-4o: a-longer-name } }
models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            stage.will("eastus", [forbidden()]);
            for body in [
                r#"{"model":"gpt-4o","stream":true,"messages":[]}"#,
                r#" { "messages" : [], "stream" : true, "model" : "gpt-4o" } "#,
            ] {
                let request = Request::post("/openai/v1/chat/completions", body).cut_at([3, 20]);
                for request in [request.clone(), request.streamed()] {
                    stage.send(&request).is(200);
                    let renamed = body.replace("gpt-4o", "a-longer-name");
                    assert_eq!(String::from_utf8_lossy(&stage.last("eastus").body), renamed);
                }
            }
        },
    },
    Story {
        name: "what the client has sent itself is refused to the client",
        behaviours: &[7],
        needs: &[],
        config: PAIR,
        play: |stage| {
            for options in [r#"{"include_usage":true}"#, r#"{"include_usage":false}"#, "{}", "null"]
            {
                let body = format!(r#"{{"stream_options":{options},"stream":true,"messages":[]}}"#);
                let request = Request::post(chat_path("gpt-4o"), body);
                for refusal in [unrecognized(), forbidden()] {
                    stage.will("eastus", [refusal.clone()]);
                    let answer = stage.send(&request);
                    answer.is(refusal.status).says(refusal.body).has("x-spillway-attempts", "1");
                    assert_eq!(stage.noted("outcome"), "client_error");
                }
            }
            // Nothing was learned of it.
            stage.send(&asks("gpt-4o"));
            assert_eq!(gets_the_field(&stage.last("eastus").body), 1);
            assert_eq!(stage.count("westus"), 0);
        },
    },
    Story {
        name: "a 400 about something else is the client's, byte for byte",
        behaviours: &[7],
        needs: &[],
        config: PAIR,
        play: |stage| {
            let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "x".repeat(200_000));
            let gzip = Answer::json(400, FIELD).with("content-encoding", "gzip");
            for answer in [
                Answer::json(400, r#"{"error":{"code":"content_filter","param":"prompt"}}"#),
                Answer::json(422, r#"{"detail":[{"loc":["body","stream"]}]}"#).cut_at([3, 20]),
                Answer::json(400, long).cut_at((1..200_000).step_by(9_000)),
                Answer::json(400, ""),
                Answer::json(409, FIELD),
                gzip,
            ] {
                let answer = answer.with("x-of-the-backend", "kept");
                stage.will("eastus", [answer.clone()]);
                let got = stage.send(&asks("gpt-4o"));
                got.is(answer.status).says(answer.body).ends().has("x-spillway-attempts", "1");
                got.has("x-of-the-backend", "kept");
                assert_eq!(gets_the_field(&stage.last("eastus").body), 1, "nothing was learned");
            }
            assert_eq!(stage.count("westus"), 0);
        },
    },
    Story {
        name: "an error that names the field, and stays without it, is the client's and teaches nothing",
        behaviours: &[7],
        needs: &[AFTER_READING],
        config: PAIR,
        play: |stage| {
            let shows = r#"{"detail":[{"loc":["body","n"],"input":{"stream_options":{}}}]}"#;
            let again = Answer::json(422, r#"{"detail":[{"loc":["body","n"],"input":{}}]}"#);
            for _ in 0..2 {
                stage.will("eastus", [Answer::json(422, shows), again.clone()]);
                stage.send(&asks("gpt-4o")).is(422).says(&again.body[..]);
            }
            let received = stage.received("eastus").into_iter();
            let with: Vec<usize> = received.map(|got| gets_the_field(&got.body)).collect();
            assert_eq!(with, [1, 0, 1, 0]);
            assert_eq!(stage.count("westus"), 0);

            // A backend that says it without the field is not asked for ever.
            stage.will("eastus", [unrecognized(), unrecognized()]);
            stage.send(&asks("gpt-4o")).is(400).says(unrecognized().body);
        },
    },
    Story {
        name: "another backend of the pool still gets the field",
        behaviours: &[],
        needs: &[AFTER_READING],
        config: PAIR,
        play: |stage| {
            stage.will("eastus", [unrecognized()]);
            stage.send(&asks("gpt-4o")).is(200).from("eastus");

            stage.will("eastus", [failure(503)]);
            stage.send(&asks("gpt-4o")).is(200).from("westus").has("x-spillway-attempts", "2");
            assert_eq!(gets_the_field(&stage.last("eastus").body), 0);
            assert_eq!(gets_the_field(&stage.last("westus").body), 1);
        },
    },
    Story {
        name: "a refusal of the field blames nobody, and takes no attempt from other backends",
        behaviours: &[],
        needs: &[AFTER_READING],
        config: "
circuit_breaker: { failures: 1, trip: 60s }
retry: { attempts: 2, budget: 0% }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [unrecognized()]);
            stage.send(&asks("gpt-4o")).is(200).from("eastus");
            assert_eq!(stage.attempts(), "eastus 400, eastus 200");
            stage.send(&asks("gpt-4o")).is(200).from("eastus").has("x-spillway-attempts", "1");
            assert_eq!(stage.count("westus"), 0);
        },
    },
    Story {
        name: "a backend that is asked without the field and fails has failed, and another is asked",
        behaviours: &[],
        needs: &[AFTER_READING],
        config: "
circuit_breaker: { failures: 100 }
retry: { attempts: 2 }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [unrecognized(), failure(503)]);
            stage.will("westus", [forbidden()]);
            stage.send(&asks("gpt-4o")).is(200).from("westus");
            assert_eq!(stage.attempts(), "eastus 400, eastus 503, westus 422, westus 200");

            // Only a backend that has taken the request has shown why it refused it.
            stage.send(&asks("gpt-4o")).is(200).from("eastus");
            assert_eq!(gets_the_field(&stage.last("eastus").body), 1);
        },
    },
    Story {
        name: "a refusal of the field is counted as no attempt's failure and no failover",
        behaviours: &[],
        needs: &[AFTER_READING, Need::Counts],
        config: PAIR,
        play: |stage| {
            stage.will("eastus", [unrecognized()]);
            stage.send(&asks("gpt-4o")).is(200);
            stage.expect_counted("spillway_attempts_total", &[("cause", "client_error")], 0);
            stage.expect_counted("spillway_attempts_total", &[("cause", "ok")], 1);
            stage.expect_counted("spillway_failovers_total", &[], 0);
        },
    },
    Story {
        name: "a probe that refuses the field is made once more, and its answer counts",
        behaviours: &[],
        needs: &[AFTER_READING, Need::VirtualTime],
        config: "
circuit_breaker: { failures: 1, trip: 1s }
models: { gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] } }",
        play: |stage| {
            stage.will("eastus", [failure(500)]);
            stage.send(&asks("gpt-4o")).from("westus");
            stage.pass(seconds(1));
            stage.will("eastus", [unrecognized(), failure(500)]);
            stage.send(&asks("gpt-4o")).from("westus").has("x-spillway-attempts", "3");
            stage.pass(seconds(1));
            stage.send(&asks("gpt-4o")).from("westus").has("x-spillway-attempts", "1");
        },
    },
    Story {
        name: "a refusal of the field is forgotten after an hour, and each worker learns it by itself",
        behaviours: &[],
        needs: &[AFTER_READING, Need::VirtualTime, Need::Workers],
        config: PAIR,
        play: |stage| {
            stage.will("eastus", [unrecognized()]);
            stage.send(&asks("gpt-4o")).is(200);
            // What goes on meanwhile does not make it last.
            for (passes, with) in [(1800, 0), (1799, 0), (1, 1)] {
                stage.pass(seconds(passes));
                stage.send(&asks("gpt-4o")).is(200);
                assert_eq!(gets_the_field(&stage.last("eastus").body), with, "after {passes} s");
            }

            stage.will("eastus", [unrecognized()]);
            stage.send(&asks("gpt-4o")).is(200).has("x-spillway-attempts", "2");
            for (worker, with) in [(1, 1), (0, 0)] {
                stage.use_worker(worker);
                stage.send(&asks("gpt-4o")).is(200);
                assert_eq!(gets_the_field(&stage.last("eastus").body), with, "worker {worker}");
            }
        },
    },
    Story {
        name: "where a refusal cannot be replaced it is the client's, and the next request is asked without",
        behaviours: &[],
        needs: &[UNREAD_ALONE],
        config: PAIR,
        play: |stage| {
            let refusal = unrecognized();
            stage.will("eastus", [refusal.clone()]);
            stage.send(&asks("gpt-4o")).is(400).says(refusal.body).has("x-spillway-attempts", "1");

            stage.will("eastus", [told()]);
            stage.send(&asks("gpt-4o")).is(200).says(STREAM).has("x-spillway-attempts", "1");
            assert_eq!(stage.last("eastus").body, asks("gpt-4o").body);
            assert_eq!(stage.count("westus"), 0);
        },
    },
];

/// A chat that wants a stream, and says nothing of tokens.
fn asks(model: &str) -> Request {
    Request::post(chat_path(model), r#"{"messages":[],"stream":true}"#)
}

/// How often a body has the field.
fn gets_the_field(body: &[u8]) -> usize {
    String::from_utf8_lossy(body).matches(FIELD).count()
}

/// OpenAI's words, as of an older Azure.
fn unrecognized() -> Answer {
    Answer::json(
        400,
        r#"{"error":{"message":"Unrecognized request argument supplied: stream_options","type":"invalid_request_error","param":null,"code":null}}"#,
    )
}

/// Those of servers that check with pydantic.
fn forbidden() -> Answer {
    Answer::json(
        422,
        r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted","input":{"include_usage":true}}]}"#,
    )
}

/// What a backend says that was not asked for its tokens, with those that it tells by itself.
fn told() -> Answer {
    Answer::events(STREAM)
}

const FIELD: &str = "stream_options";

const STREAM: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n\
                      data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}\n\n\
                      data: [DONE]\n\n";

const PAIR: &str = "
models:
  gpt-4o: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
  mistral: { pool: [{ backend: eastus, priority: 1 }, { backend: westus, priority: 2 }] }
";
