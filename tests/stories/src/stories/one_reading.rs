//! What is judged is what is sent: the request line and the places outside of the body that name a
//! model. (Real servers that read otherwise stand behind the gateway in `integration/tests/readings`.)

use crate::expect::{CHAT_BODY, chat, chat_path, respond_body};
use crate::http::Request;
use crate::story::{Need, Story};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a path that can be read in two ways is refused",
        behaviours: &[17],
        needs: &[],
        config: DENYING,
        play: |stage| {
            for path in [
                "/openai/deployments/gpt-4o/..%2fo1-pro/chat/completions",
                "/openai/deployments/gpt-4o%2F..%2Fo1-pro/chat/completions",
                "/openai/deployments/gpt-4o%5c..%5co1-pro/chat/completions",
                "/openai/deployments;x/o1-pro/chat/completions",
                "/openai/deployments/gpt-4o;model=o1-pro/chat/completions",
                "/openai/deployments/gpt-4o/%252e%252e/o1-pro/chat/completions",
                "/openai/deployments/gpt-4o%3b/chat/completions",
                "/openai/deployments/gpt-4o%23/chat/completions",
                "/openai/deployments/gpt-4o%3Fmodel=o1-pro/chat/completions",
                "/openai/deployments/gpt-4o%C0%AE/chat/completions",
            ] {
                let answer = stage.send(&Request::post(path, CHAT_BODY));
                answer.is(400).error("path_ambiguous");
            }
            assert_eq!(stage.count("eastus"), 0);
        },
    },
    Story {
        name: "where the listener leaves paths as they are, dot segments are refused",
        behaviours: &[17],
        needs: &[Need::PathsAsTheyAre],
        config: DENYING,
        play: |stage| {
            for path in [
                "/openai/deployments/gpt-4o/../o1-pro/chat/completions",
                "/openai/deployments/gpt-4o/%2e%2e/o1-pro/chat/completions",
                "/openai/deployments/gpt-4o/.%2E/o1-pro/chat/completions",
                "/v1/../openai/deployments/o1-pro/chat/completions",
                "/./openai/deployments/o1-pro/chat/completions",
                "/openai/deployments/gpt-4o\\..\\o1-pro/chat/completions",
            ] {
                let answer = stage.send(&Request::post(path, CHAT_BODY));
                answer.is(400).error("path_ambiguous");
            }
            assert_eq!(stage.count("eastus"), 0);
        },
    },
    Story {
        name: "a path has one form, which is decided on and sent",
        behaviours: &[16, 23],
        needs: &[],
        config: DENYING,
        play: |stage| {
            for path in [
                "//openai/deployments/{}/chat/completions",
                "/openai//deployments///{}/chat/completions",
                "/OpenAI/Deployments/{}/Chat/Completions",
                "/openai/%64eployments/{}/chat/completions",
                "/openai/deployments/{}/chat/completions/",
            ] {
                let denied = path.replace("{}", "o1-pro");
                let answer = stage.send(&Request::post(denied, respond_body("gpt-4o")));
                answer.is(403).error("model_not_permitted");

                stage.send(&Request::post(path.replace("{}", "gpt-4o"), CHAT_BODY)).is(200);
                stage.last("eastus").at("/base/openai/deployments/own-name/chat/completions");
            }
        },
    },
    Story {
        name: "a path that no operation has is refused, unless the configuration opens it",
        behaviours: &[],
        needs: &[],
        config: OPENED,
        play: |stage| {
            for path in ["/", "/foo", "/openai", "/openai/deployments/gpt-4o", "/openai/newer/x"] {
                stage.send(&Request::get(path)).is(404).error("unknown_path");
            }
            assert_eq!(stage.count("eastus"), 0);

            stage.send(&Request::get("/openai//new/Thing?x=1")).is(200);
            stage.last("eastus").at("/openai/new/Thing?x=1");
            let raw = Request::post("/openai/new", "\x00\x01");
            stage.send(&raw.with("content-type", "application/octet-stream")).is(200);
            stage.last("eastus").says("\x00\x01");

            for form in ["model=o1-pro&input=x", "/**/{\"model\":\"o1-pro\"}"] {
                let form = Request::post("/openai/new", form);
                let form = form.with("content-type", "application/x-www-form-urlencoded");
                stage.send(&form).is(400).error("invalid_body");
            }
            let denied = Request::post("/openai/new", "{\"model\":\"o1-pro\"}");
            for request in [
                denied.clone().with("content-type", "application/octet-stream"),
                denied.without("content-type"),
                Request::get("/openai/new/x?model=o1-pro"),
                Request::get("/openai/new/deployments/o1-pro/x"),
                Request::get("/openai/new/models/o1-pro"),
            ] {
                stage.send(&request).is(403).error("model_not_permitted");
            }
        },
    },
    Story {
        name: "a method that a path does not have is refused",
        behaviours: &[],
        needs: &[],
        config: DENYING,
        play: |stage| {
            for method in ["TRACE", "GET", "PUT", "DELETE", "OPTIONS"] {
                let request = Request { method: method.into(), ..chat("gpt-4o").without_body() };
                stage.send(&request).is(405).error("method_not_allowed");
            }
            let get = Request::get(chat_path("gpt-4o"));
            stage.send(&get).is(405).has("allow", "POST");
            assert_eq!(stage.count("eastus"), 0);
        },
    },
    Story {
        name: "a model outside of path and body is judged, or does not arrive",
        behaviours: &[17],
        needs: &[],
        config: DENYING,
        play: |stage| {
            for parameter in [
                "model",
                "Deployment_Id",
                "mod%65l",
                "engine",
                "model[]",
                "modelName",
                "session[model]",
            ] {
                let path = format!("{}&{parameter}=o1-pro&x=1", chat_path("gpt-4o"));
                stage.send(&Request::post(path, CHAT_BODY)).is(200);
                let sent = "/base/openai/deployments/own-name/chat/completions\
                            ?api-version=2024-10-21&x=1";
                stage.last("eastus").at(sent);
            }
            let response = || Request::post("/openai/v1/responses", respond_body("gpt-4o"));
            let image = "x-ms-oai-image-generation-deployment";
            let answer = stage.send(&response().with(image, "o1-pro"));
            answer.is(403).error("model_not_permitted");
            stage.send(&response().with(image, "unknown")).is(400).error("model_not_found");
            stage.send(&response().with(image, "gpt-4o")).is(200);
            stage.last("eastus").has(image, "own-name");

            for name in ["x-http-method-override", "x-original-url", "azureml-model-deployment"] {
                stage.send(&chat("gpt-4o").with(name, "o1-pro")).is(200);
                stage.last("eastus").lacks(name);
            }
            for (path, body) in [
                ("/v1/realtime/client_secrets", r#"{"session":{"model":"o1-pro"}}"#),
                ("/v1/realtime/client_secrets", r#"{"model":"o1-pro"}"#),
                ("/openai/realtimeapi/sessions", r#"{"session":{"model":"o1-pro"}}"#),
                ("/v1/realtime/sessions", r#"{"model":"gpt-4o","session":{"model":"o1-pro"}}"#),
                ("/v1/evals/e/runs", r#"{"data_source":{"source":{"model":"o1-pro"}}}"#),
                ("/v1/responses", r#"{"model":"gpt-4o","tools":{"a":{"model":"o1-pro"}}}"#),
            ] {
                let answer = stage.send(&Request::post(path, body));
                answer.is(403).error("model_not_permitted");
            }
        },
    },
    Story {
        name: "a length that no small number holds is a length",
        behaviours: &[19],
        needs: &[Need::OddBytes],
        config: DENYING,
        play: |stage| {
            for length in ["4294967297", "5000000000", "18446744073709551615"] {
                let request = chat("gpt-4o").without_body().with("content-length", length);
                stage.send(&request).is(413).error("request_too_large");
            }
            assert_eq!(stage.count("eastus"), 0);
        },
    },
];

const DENYING: &str = "
denied_models: ['o1*']
default_model: gpt-4o
backends: { eastus: { url: '{eastus}/base', deployments: { gpt-4o: own-name } } }
models: { gpt-4o: { pool: [eastus] } }";

const OPENED: &str = "
denied_models: ['o1*']
default_model: gpt-4o
paths: { allow: [/openai/new, /openai/new/*] }
models: { gpt-4o: { pool: [eastus] } }";
