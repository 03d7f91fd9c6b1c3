//! Which pool a request belongs to, and where it arrives there.

use crate::expect::{CHAT_BODY, chat, chat_path, respond, respond_body};
use crate::http::Request;
use crate::stage::Stage;
use crate::story::Story;

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "the deployment in the path decides, whatever the body says",
        behaviours: &[16, 18],
        needs: &[],
        config: MAP,
        play: |stage| {
            let request = Request::post(chat_path("gpt-4.1"), respond_body("gpt-4.1-mini"));
            stage.send(&request).is(200).from("eastus");
            assert_eq!(stage.noted("model"), "gpt-4.1");

            for body in [&b"not JSON"[..], b"\xff\xfe", b"{\"model\":\"a\",\"model\":\"b\"}", b"[]"]
            {
                stage.send(&Request::post(chat_path("gpt-4.1-mini"), body)).from("westus");
                stage.last("westus").says(body);
            }
            stage.send(&Request::post(chat_path("gpt-4.1-nano"), "")).is(200).from("uksouth");
        },
    },
    Story {
        name: "without a deployment in the path, the body's model decides",
        behaviours: &[16, 18, 20],
        needs: &[],
        config: MAP,
        play: |stage| {
            let owners =
                [("gpt-4.1", "eastus"), ("gpt-4.1-mini", "westus"), ("gpt-4.1-nano", "uksouth")];
            for (model, owner) in owners {
                let answer = stage.send(&respond(model));
                answer.is(200).from(owner);
                assert_eq!(answer.deployment(), model);
                stage
                    .last(owner)
                    .says(respond_body(model))
                    .at("/openai/responses?api-version=2025-03-01-preview");

                let paths = [
                    "/openai/v1/chat/completions",
                    "/openai/v1/responses",
                    "/openai/v1/embeddings",
                ];
                for path in paths {
                    stage.send(&Request::post(path, respond_body(model))).is(200).from(owner);
                    stage.last(owner).at(path);
                }
            }
        },
    },
    Story {
        name: "names are exact and case-sensitive, and escapes are read as what they mean",
        behaviours: &[17],
        needs: &[],
        config: MAP,
        play: |stage| {
            for name in ["GPT-4.1", "gpt-4", "gpt-4.1-", "gpt-4.1%20", ""] {
                stage.chat(name).is(400).error("model_not_found");
                stage.send(&respond(name)).is(400).error("model_not_found");
            }
            nobody_was_asked(stage);

            stage.chat("gpt%2D4.1").is(200).from("eastus");
            stage.last("eastus").at(&chat_path("gpt-4.1"));
            stage.send(&respond(r"gpt\u002d4.1")).is(200).from("eastus");
        },
    },
    Story {
        name: "an unknown model is refused in the shape that the SDKs read",
        behaviours: &[17],
        needs: &[],
        config: MAP,
        play: |stage| {
            let answer = stage.chat("gpt-9");

            answer.is(400).error("model_not_found").has("content-type", "application/json");
            answer.has("x-spillway-backend", "none").has("x-spillway-attempts", "0");
            assert_eq!(stage.noted("attempts"), "model_not_found");
            nobody_was_asked(stage);
        },
    },
    Story {
        name: "an unknown model is refused in API Management's words where that is wanted",
        behaviours: &[17],
        needs: &[],
        config: IN_THEIR_WORDS,
        play: |stage| {
            let text = r#"{"error":"Invalid model or deployment-id. Supply a valid name in the URL or JSON body."}"#;

            stage.chat("gpt-9").is(400).says(text).has("content-type", "application/json");
            stage.send(&respond("gpt-9")).is(400).says(text);
            stage.send(&Request::post("/openai/responses", "{}")).is(400).says(text);
            nobody_was_asked(stage);
        },
    },
    Story {
        name: "a denied model is refused, in the path and in the body, by name and by its beginning",
        behaviours: &[17],
        needs: &[],
        config: "
denied_models: [gpt-4o-audio-preview, 'o1*']
models: { o1-mini: { pool: [eastus] } }",
        play: |stage| {
            for name in ["gpt-4o-audio-preview", "o1", "o1-preview"] {
                stage.chat(name).is(403).error("model_not_permitted");
                stage.send(&respond(name)).is(403).error("model_not_permitted");
            }
            stage.chat("gpt-4o-audio-previews").is(400);
            nobody_was_asked(stage);

            stage.chat("o1-mini").is(200).from("eastus");
        },
    },
    Story {
        name: "a denied model is refused in API Management's words where that is wanted",
        behaviours: &[17],
        needs: &[],
        config: IN_THEIR_WORDS,
        play: |stage| {
            let text = r#"{"error":"Model 'gpt-4o' is not permitted."}"#;

            stage.chat("gpt-4o").is(403).says(text);
            stage.send(&respond("gpt-4o")).is(403).says(text);
            nobody_was_asked(stage);
        },
    },
    Story {
        name: "a request that names no model goes to the default model's pool",
        behaviours: &[19],
        needs: &[],
        config: "
default_model: b
models: { a: { pool: [eastus] }, b: { pool: [westus] } }",
        play: |stage| {
            stage.send(&Request::get("/openai/models?api-version=1")).is(200).from("westus");
            stage.last("westus").at("/openai/models?api-version=1");

            stage.send(&Request::post("/openai/files", "{\"purpose\":\"batch\"}")).from("westus");
            let upload = Request::post("/openai/files", "\x00\x01")
                .with("content-type", "application/octet-stream");
            stage.send(&upload).is(400).error("invalid_body");
        },
    },
    Story {
        name: "without a default model, a request that names none is refused",
        behaviours: &[17, 19],
        needs: &[],
        config: MAP,
        play: |stage| {
            for request in [
                Request::get("/openai/models"),
                Request::post("/openai/responses", ""),
                Request::post("/openai/responses", "{}"),
                Request::post("/openai/responses", r#"{"model":null}"#),
                Request::post("/openai/responses", r#"{"input":{"model":"gpt-4.1"}}"#),
            ] {
                stage.send(&request).is(400).error("model_missing");
            }
            nobody_was_asked(stage);
        },
    },
    Story {
        name: "a model may be called otherwise at a backend, in its path",
        behaviours: &[23],
        needs: &[],
        config: "
backends:
  eastus: { url: '{eastus}', deployments: { gpt-4o: 'gpt+4o/standard' } }
  westus: { url: '{westus}/base' }
models: { gpt-4o: { pool: [eastus, westus] } }",
        play: |stage| {
            stage.send(&chat("gpt-4o")).is(200);
            stage.send(&chat("gpt-4o")).is(200);

            let rest = "chat/completions?api-version=2024-10-21";
            let eastus = format!("/openai/deployments/gpt%2B4o%2Fstandard/{rest}");
            stage.last("eastus").at(&eastus).says(CHAT_BODY);
            stage.last("westus").at(&format!("/base{}", chat_path("gpt-4o"))).says(CHAT_BODY);
        },
    },
    Story {
        name: "each attempt has the path of its own backend",
        behaviours: &[5, 23],
        needs: &[],
        config: "
backends:
  eastus: { url: '{eastus}/one', deployments: { gpt-4o: first } }
  westus: { url: '{westus}' }
  uksouth: { url: '{uksouth}/three', deployments: { gpt-4o: third } }
models: { gpt-4o: { pool: [eastus, westus, uksouth] } }",
        play: |stage| {
            stage.will("eastus", [crate::expect::failure(500)]);
            stage.will("westus", [crate::expect::failure(500)]);

            stage.chat("gpt-4o").is(200).from("uksouth");

            stage.last("eastus").at(&format!("/one{}", chat_path("first")));
            stage.last("westus").at(&chat_path("gpt-4o"));
            stage.last("uksouth").at(&format!("/three{}", chat_path("third")));
        },
    },
    Story {
        name: "the gateway may live below a prefix",
        behaviours: &[23],
        needs: &[],
        config: "
path_prefix: /inference
models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            let below = |path: &str| format!("/inference{path}");
            stage.send(&Request::post(below(&chat_path("gpt-4o")), CHAT_BODY)).is(200);
            stage.last("eastus").at(&chat_path("gpt-4o")).has("host", &stage.authority("eastus"));
            stage
                .send(&Request::post("/inference/openai/v1/responses", respond_body("gpt-4o")))
                .is(200);
            stage.last("eastus").at("/openai/v1/responses");

            stage.send(&chat("gpt-4o")).is(404).error("unknown_path");
            stage.send(&Request::get("/inferences/openai/models")).is(404).error("unknown_path");
            assert_eq!(stage.count("eastus"), 2);
        },
    },
];

#[track_caller]
fn nobody_was_asked(stage: &dyn Stage) {
    for backend in ["eastus", "westus", "uksouth"] {
        assert_eq!(stage.count(backend), 0, "requests to {backend}");
    }
}

const MAP: &str = "
models:
  gpt-4.1: { pool: [eastus] }
  gpt-4.1-mini: { pool: [westus] }
  gpt-4.1-nano: { pool: [uksouth] }
";

const IN_THEIR_WORDS: &str = "
error_format: api_management
denied_models: ['gpt-4o*']
models: { gpt-4.1: { pool: [eastus] } }
";
