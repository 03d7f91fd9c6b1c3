//! Bodies: read only where they must be, and never changed but for the model's name.

use crate::expect::{CHAT_BODY, chat, chat_path, failure, respond, respond_body};
use crate::http::Request;
use crate::story::{Need, Story, WHILE_IT_ARRIVES};

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a backend that calls the model otherwise gets the body with only that name replaced",
        behaviours: &[16, 23],
        needs: &[],
        config: RENAMED,
        play: |stage| {
            stage.send(&respond("gpt-4o")).is(200).from("eastus");

            let received = stage.last("eastus");
            let body = respond_body("gpt-4o-standard-2024");
            received.says(&body).has("content-length", &body.len().to_string());
        },
    },
    Story {
        name: "the name is replaced wherever the body is cut",
        behaviours: &[16],
        needs: &[],
        config: RENAMED,
        play: |stage| {
            let (sent, wanted) = (respond_body("gpt-4o"), respond_body("gpt-4o-standard-2024"));
            for cut in 1..sent.len() {
                for streamed in [false, true] {
                    let request = respond("gpt-4o").cut_at([cut]);
                    let request = if streamed { request.streamed() } else { request };
                    stage.send(&request).is(200);
                    stage.last("eastus").says(&wanted);
                }
            }
            stage.send(&respond("gpt-4o").cut_at(1..sent.len())).is(200);
            stage.last("eastus").says(&wanted);
        },
    },
    Story {
        name: "each attempt has the body with its own backend's name",
        behaviours: &[5],
        needs: &[],
        config: "
backends:
  eastus: { url: '{eastus}', deployments: { gpt-4o: a-much-longer-name } }
  westus: { url: '{westus}' }
  uksouth: { url: '{uksouth}', deployments: { gpt-4o: x } }
models: { gpt-4o: { pool: [eastus, westus, uksouth] } }",
        play: |stage| {
            for cuts in [vec![], vec![30, 33, 35]] {
                stage.will("eastus", [failure(500)]);
                stage.will("westus", [failure(500)]);
                stage.will("uksouth", [failure(500)]);
                stage.send(&respond("gpt-4o").cut_at(cuts)).is(500);

                let names =
                    [("eastus", "a-much-longer-name"), ("westus", "gpt-4o"), ("uksouth", "x")];
                for (backend, name) in names {
                    let body = respond_body(name);
                    let received = stage.last(backend);
                    received.says(&body).has("content-length", &body.len().to_string());
                }
            }
        },
    },
    Story {
        name: "a body of unannounced length is routed and renamed too",
        behaviours: &[16],
        needs: &[],
        config: RENAMED,
        play: |stage| {
            stage.send(&respond("gpt-4o").cut_at([9, 31]).streamed()).is(200);

            stage.last("eastus").says(respond_body("gpt-4o-standard-2024")).lacks("content-length");
        },
    },
    Story {
        name: "trailers after the body do not keep it from being routed",
        behaviours: &[16],
        needs: &[],
        config: RENAMED,
        play: |stage| {
            let request = respond("gpt-4o").cut_at([20]).trailer("x-checksum", "1");

            stage.send(&request).is(200).from("eastus");

            stage.last("eastus").says(respond_body("gpt-4o-standard-2024"));
        },
    },
    Story {
        name: "names that need escapes are written so that they are read as meant",
        behaviours: &[16],
        needs: &[],
        config: r#"
backends: { eastus: { url: '{eastus}', deployments: { gpt-4o: 'say-"it"-\é' } } }
models: { gpt-4o: { pool: [eastus] } }"#,
        play: |stage| {
            let answer = stage.send(&respond("gpt-4o"));

            assert_eq!(answer.deployment(), "say-\"it\"-\\é");
            stage.last("eastus").says(respond_body(r#"say-\"it\"-\\é"#));
        },
    },
    Story {
        name: "a multipart form names the model in one of its parts",
        behaviours: &[19],
        needs: &[],
        config: RENAMED,
        play: |stage| {
            let form = |model: &str| {
                let part = |name: &str, value: &[u8]| {
                    let head =
                        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
                    [head.as_bytes(), value, b"\r\n"].concat()
                };
                let sound = b"RIFF\x00\xff\r\n\r\nname=\"model\"".repeat(500);
                [part("file", &sound), part("model", model.as_bytes()), b"--b--\r\n".to_vec()]
                    .concat()
            };
            let sent = form("gpt-4o");
            let request = Request::post("/openai/v1/audio/transcriptions", sent.clone())
                .with("content-type", "multipart/form-data; boundary=b");

            for cuts in [vec![], vec![1000], vec![sent.len() - 12, sent.len() - 9]] {
                stage.send(&request.clone().cut_at(cuts)).is(200);
                stage.last("eastus").says(form("gpt-4o-standard-2024"));
            }
        },
    },
    Story {
        name: "a form whose model is in the path passes untouched",
        behaviours: &[19],
        needs: &[],
        config: "models: { whisper: { pool: [eastus] } }",
        play: |stage| {
            let body = b"--b\r\nnothing that is a form\xff".repeat(1000);
            let request =
                Request::post("/openai/deployments/whisper/audio/transcriptions", body.clone())
                    .with("content-type", "multipart/form-data; boundary=b");

            stage.send(&request.cut_at([100, 5000])).is(200).from("eastus");

            stage.last("eastus").says(body).has("content-type", "multipart/form-data; boundary=b");
        },
    },
    Story {
        name: "a body that cannot be read is refused in a sentence, and the filter lives on",
        behaviours: &[19],
        needs: &[],
        config: "
default_model: gpt-4o
models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            let deep = "[".repeat(100_000);
            for body in [
                "{\"model\":\"gpt-4o\"",
                "{\"model\":\"gpt-4o\"} and more",
                "not JSON",
                "[\"gpt-4o\"]",
                "7",
                "\"gpt-4o\"",
                "{\"model\":7}",
                "{\"model\":[\"gpt-4o\"]}",
                "{\"model\":\"gpt-4o\",\"model\":\"gpt-4o-denied\"}",
                "{\"model\":\"\\ud800\"}",
                &format!("{{\"a\":{deep}"),
            ] {
                stage.send(&Request::post("/openai/responses", body)).is(400).error("invalid_body");
                assert_eq!(stage.noted("attempts"), "invalid_body");
            }
            let zipped = Request::post("/openai/responses", b"\x1f\x8b\x08\x00\xff".to_vec());
            let zipped = zipped.with("content-encoding", "gzip");
            stage.send(&zipped).is(415).error("unsupported_encoding");
            assert_eq!(stage.count("eastus"), 0);

            stage.send(&respond("gpt-4o")).is(200).from("eastus");
        },
    },
    Story {
        name: "a long body is routed by what it names, wherever that stands",
        behaviours: &[19],
        needs: &[],
        config: RENAMED,
        play: |stage| {
            let text = "lorem ipsum ".repeat(40_000);
            let last = |model: &str| format!(r#"{{"input":"{text}","model":"{model}"}}"#);
            let first = |model: &str| format!(r#"{{"model":"{model}","input":"{text}"}}"#);
            for body in [&last as &dyn Fn(&str) -> String, &first] {
                let request = Request::post("/openai/responses", body("gpt-4o"));
                stage.send(&request.cut_at([16_384, 100_000, 300_000]).streamed()).is(200);
                stage.last("eastus").says(body("gpt-4o-standard-2024"));
            }
        },
    },
    Story {
        name: "a long body that names its model early passes unread, and names it last",
        behaviours: &[5, 16, 19],
        needs: &[WHILE_IT_ARRIVES],
        config: "
backends:
  eastus: { url: '{eastus}', deployments: { gpt-4o: a-much-longer-name } }
  westus: { url: '{westus}' }
models: { gpt-4o: { pool: [eastus, westus] } }",
        play: |stage| {
            let text = "lorem ipsum ".repeat(2_000);
            let sent = format!(r#"{{"store":true,"model":"gpt-4o", "input":"{text}"}} "#) + "\n";
            let named =
                |model| format!(r#"{{"store":true, "input":"{text}","model":"{model}"}} "#) + "\n";
            let length = sent.len();
            let ends = [length - 900, length - 40, length - 2, length - 1];
            for cuts in [vec![], vec![10_000], vec![4, 20, 31, 9_000, 20_000], ends.into()] {
                stage.will("eastus", [failure(500)]);
                let request = Request::post(EMBED, sent.as_str()).cut_at(cuts);

                stage.send(&request).is(200).from("westus");

                for (backend, name) in [("eastus", "a-much-longer-name"), ("westus", "gpt-4o")] {
                    let body = named(name);
                    let received = stage.last(backend);
                    received.says(&body).has("content-length", &body.len().to_string());
                }
            }
        },
    },
    Story {
        name: "no second name in a long body leads a backend to another model",
        behaviours: &[16, 19],
        needs: &[WHILE_IT_ARRIVES],
        config: "models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            let text = "lorem ipsum ".repeat(1_000);
            for second in [r#""model":"o1""#, r#""mod\u0065l":"o1""#, r#""model":null"#] {
                let sent = format!(r#"{{"model":"gpt-4o","input":"{text}",{second}}}"#);

                let answer = stage.send(&Request::post(EMBED, sent));

                assert_eq!(answer.deployment(), "gpt-4o");
                let body = format!(r#"{{"input":"{text}",{second},"model":"gpt-4o"}}"#);
                stage.last("eastus").says(body);
            }
        },
    },
    Story {
        name: "where models are denied, a long body is read to its end",
        behaviours: &[16, 19],
        needs: &[],
        config: "
denied_models: [o1]
models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            let text = "lorem ipsum ".repeat(1_000);
            let post = |end: &str| {
                let body = format!(r#"{{"model":"gpt-4o","input":"{text}"{end}}}"#);
                Request::post("/openai/responses", body.as_str())
            };
            stage.send(&post(r#","model":"o1""#)).is(400).error("invalid_body");
            stage.send(&post(r#","mod\u0065l":"o1""#)).is(400).error("invalid_body");
            assert_eq!(stage.count("eastus"), 0);

            stage.send(&post("")).is(200).from("eastus");
            stage.last("eastus").says(post("").body);
        },
    },
    Story {
        name: "what is wrong with a long body is said as soon as it is seen",
        behaviours: &[19],
        needs: &[WHILE_IT_ARRIVES],
        config: "models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            let post = |model: &str, end: &str| {
                let text = "lorem ipsum ".repeat(2_000);
                let body = format!(r#"{{"model":"{model}","input":"{text}"{end}"#);
                Request::post(EMBED, body).cut_at([10_000])
            };
            stage.send(&post("gpt-5", "}")).is(400).error("model_not_found");
            assert_eq!(stage.count("eastus"), 0);
            stage.send(&post("gpt-4o", "]")).is(400).error("invalid_body");
            assert_eq!(stage.noted("outcome"), "rejected");

            stage.send(&post("gpt-4o", "}")).is(200).from("eastus");
        },
    },
    Story {
        name: "a body that is longer than may be is refused, whether or not it says so",
        behaviours: &[19],
        needs: &[],
        config: "
max_request_body: 1KiB
models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            let long = format!(r#"{{"model":"gpt-4o","input":"{}"}}"#, "x".repeat(2000));
            for path in [chat_path("gpt-4o").as_str(), "/openai/responses"] {
                let request = Request::post(path, long.as_str());
                stage.send(&request).is(413);
                stage.send(&request.cut_at([500, 1000, 1500]).streamed()).is(413);
            }

            stage.send(&respond("gpt-4o")).is(200);
        },
    },
    Story {
        name: "a request that is routed by its path streams, and is the same at each backend",
        behaviours: &[5],
        needs: &[],
        config: "models: { gpt-4o: { pool: [eastus, westus] } }",
        play: |stage| {
            stage.will("eastus", [failure(500)]);

            stage.send(&chat("gpt-4o").cut_at([5, 10])).is(200).from("westus");

            stage.last("eastus").says(CHAT_BODY);
            stage.last("westus").says(CHAT_BODY);
        },
    },
    Story {
        name: "text in a body that is no UTF-8 harms nobody, and passes unchanged where it passes",
        behaviours: &[19],
        needs: &[Need::OddBytes],
        config: "models: { gpt-4o: { pool: [eastus] } }",
        play: |stage| {
            let mut body = respond_body("gpt-4o").into_bytes();
            body[13] = 0xe9;

            // Whether a reader of JSON looks into text that it skips is its own affair.
            let answer = stage.send(&Request::post("/openai/responses", body.clone()));
            if answer.status == 200 {
                stage.last("eastus").says(&body);
            } else {
                answer.is(400).error("invalid_body");
            }
            stage.send(&respond("gpt-4o")).is(200);
        },
    },
];

/// An operation that names its model in one place alone, so that a long body may pass unread.
const EMBED: &str = "/openai/v1/embeddings";

const RENAMED: &str = "
backends: { eastus: { url: '{eastus}', deployments: { gpt-4o: gpt-4o-standard-2024 } } }
models: { gpt-4o: { pool: [eastus] } }
";
