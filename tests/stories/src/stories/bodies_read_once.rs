//! What is judged is what is sent: bodies that servers could read in two ways.

use crate::expect::CHAT_BODY;
use crate::expect::chat_path;
use crate::http::Request;
use crate::story::Story;

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "a body is JSON whatever its type says",
        behaviours: &[16, 17],
        needs: &[],
        config: DENYING,
        play: |stage| {
            for kind in [
                Some("text/plain"),
                Some("text/json"),
                Some("application/octet-stream"),
                Some("application/xml"),
                Some("nonsense"),
                None,
            ] {
                let typed = |body: &str| {
                    let request = Request::post(CHAT, body);
                    match kind {
                        Some(kind) => request.with("content-type", kind),
                        None => request.without("content-type"),
                    }
                };
                let denied = typed(r#"{"model":"o1-pro","messages":[]}"#);
                stage.send(&denied).is(403).error("model_not_permitted");
                stage.send(&typed(r#"{"model":"gpt-4o","messages":[]}"#)).is(200).from("eastus");
                stage.send(&typed("model=o1-pro")).is(400).error("invalid_body");
            }
            assert_eq!(stage.count("westus"), 0);
        },
    },
    Story {
        name: "a type or an encoding that can be read in two ways is refused",
        behaviours: &[],
        needs: &[],
        config: DENYING,
        play: |stage| {
            let body = r#"{"model":"gpt-4o","messages":[]}"#;
            for (kind, status, code) in [
                ("application/json, text/plain", 400, "invalid_body"),
                ("application/json, multipart/form-data; boundary=x", 400, "invalid_body"),
                ("multipart/form-data; boundary=x", 400, "invalid_body"),
                ("application/json; charset=utf-16", 415, "unsupported_encoding"),
                ("multipart/mixed; boundary=x", 415, "unsupported_encoding"),
            ] {
                let answer = stage.send(&Request::post(CHAT, body).with("content-type", kind));
                answer.is(status).error(code);
            }
            for encoding in ["gzip", "deflate", "br", "zstd", "gzip, br", "x-unknown"] {
                let request = Request::post(CHAT, body).with("content-encoding", encoding);
                let answer = stage.send(&request);
                answer.is(415).error("unsupported_encoding");
                let said = String::from_utf8_lossy(&answer.body).into_owned();
                assert!(said.contains(encoding.split(',').next().unwrap_or_default()), "{said}");
            }
            stage.send(&Request::post(CHAT, body).with("content-encoding", "identity")).is(200);
            assert_eq!(stage.count("eastus"), 1);
        },
    },
    Story {
        name: "a second name of the model is refused, in whatever spelling",
        behaviours: &[17],
        needs: &[],
        config: DENYING,
        play: |stage| {
            for body in [
                r#"{"model":"gpt-4o","model":"o1-pro"}"#,
                r#"{"model":"gpt-4o","Model":"o1-pro"}"#,
                r#"{"MODEL":"o1-pro"}"#,
                r#"{"model":"gpt-4o","mod\u0065l":"o1-pro"}"#,
                "{\"model\":\"gpt-4o\"} {\"model\":\"o1-pro\"}",
            ] {
                stage.send(&Request::post(CHAT, body)).is(400).error("invalid_body");
                let long = body.replacen('{', &format!("{{\"a\":\"{}\",", "x".repeat(9000)), 1);
                stage.send(&Request::post(CHAT, long)).is(400).error("invalid_body");
            }
            let marked = "\u{feff}{\"model\":\"gpt-4o\",\"messages\":[]}";
            stage.send(&Request::post(CHAT, marked)).is(200).from("eastus");
            let marked = "\u{feff}{\"model\":\"o1-pro\",\"messages\":[]}";
            stage.send(&Request::post(CHAT, marked)).is(403).error("model_not_permitted");

            let tools =
                r#"{"model":"gpt-4o","tools":[{"type":"image_generation","model":"o1-pro"}]}"#;
            let answer = stage.send(&Request::post("/openai/v1/responses", tools));
            answer.is(403).error("model_not_permitted");
            let served = tools.replace("o1-pro", "other");
            stage.send(&Request::post("/openai/v1/responses", served)).is(200).from("eastus");
        },
    },
    Story {
        name: "where models are denied, a body may not name one beside the path's",
        behaviours: &[17],
        needs: &[],
        config: DENYING,
        play: |stage| {
            let with = |body: &str| Request::post(chat_path("gpt-4o"), body);
            for name in ["o1-pro", "O1-PRO", " o1-pro", "azure/o1-pro"] {
                let body = format!(r#"{{"model":"{name}","messages":[]}}"#);
                stage.send(&with(&body)).is(403).error("model_not_permitted");
            }
            for body in [CHAT_BODY, r#"{"model":"whatever","messages":[]}"#] {
                stage.send(&with(body)).is(200).from("eastus");
                stage.last("eastus").says(body);
            }
        },
    },
    Story {
        name: "a form that can be read in two ways is refused",
        behaviours: &[17, 19],
        needs: &[],
        config: DENYING,
        play: |stage| {
            let file = "name=\"file\"; filename=\"a b;c.wav\"";
            let good = form(&[(file, "RIFF"), ("name=\"model\"", "gpt-4o")]);
            stage.send(&upload(&good, "BB")).is(200).from("eastus");
            stage.last("eastus").says(&good);
            let denied = form(&[(file, "RIFF"), ("name=\"model\"", "o1-pro")]);
            stage.send(&upload(&denied, "BB")).is(403).error("model_not_permitted");

            for (name, second) in [
                ("twice", "name=\"model\""),
                ("folded", "name=\"Model\""),
                ("unquoted", "name=model"),
                ("in an array", "name=\"model[]\""),
                ("extended", "name*=utf-8''model"),
                ("continued", "name*0=mo; name*1=del"),
                ("with escapes", "name=\"mo\\del\""),
                ("in a file's name", "name=\"x\"; filename=\"y; name=model\""),
                ("as a file", "name=\"model\"; filename=\"m.txt\""),
            ] {
                let body = form(&[("name=\"model\"", "gpt-4o"), (second, "o1-pro")]);
                let answer = stage.send(&upload(&body, "BB"));
                assert_eq!(answer.status, 400, "{name}");
                answer.error("invalid_body");
            }
            let part = "--BB\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\no1-pro\r\n";
            let one = form(&[("name=\"model\"", "gpt-4o")]);
            for (body, boundary) in [
                (format!("preamble\r\n{one}"), "BB"),
                (format!("{one}{part}--BB--\r\n"), "BB"),
                (one.replace("--BB--", "--BBX\r\n\r\n--BB--"), "BB"),
                (one.replace("\r\n", "\n"), "BB"),
                (one.replace("; name", ";\r\n name"), "BB"),
                (one.replace("--BB--\r\n", ""), "BB"),
                (one.clone(), "B"),
                (one.clone(), "BB; boundary=CC"),
            ] {
                stage.send(&upload(&body, boundary)).is(400).error("invalid_body");
            }
            assert_eq!((stage.count("eastus"), stage.count("westus")), (1, 0));
        },
    },
];

fn form(parts: &[(&str, &str)]) -> String {
    let part = |(disposition, value): &(&str, &str)| {
        format!("--BB\r\ncontent-disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
    };
    parts.iter().map(part).collect::<String>() + "--BB--\r\n"
}

fn upload(body: &str, boundary: &str) -> Request {
    let kind = format!("multipart/form-data; boundary={boundary}");
    Request::post("/openai/v1/audio/transcriptions", body).with("content-type", kind)
}

const CHAT: &str = "/openai/v1/chat/completions";

const DENYING: &str = "
denied_models: ['o1*']
default_model: other
models: { gpt-4o: { pool: [eastus] }, other: { pool: [westus] } }";
