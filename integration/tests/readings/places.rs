//! Every place besides path and body where an operation may name a model (field case R7).

use crate::request::{MESSAGES, RESPONSES, Request, V1_CHAT, chat_path};
use crate::row::{DENIED, Row};

pub(crate) fn rows(model: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for pair in IN_THE_QUERY {
        let by_path = Request::chat(model, &format!("&{pair}"));
        rows.push(Row::served(format!("R7 ?{pair} by path"), by_path, &chat_path(model)));
        let by_body = format!("{V1_CHAT}?{pair}");
        let by_body = Request::json(by_body, format!(r#"{{"model":"{model}","messages":[]}}"#));
        rows.push(Row::served(format!("R7 ?{pair} by body"), by_body, V1_CHAT));
    }
    let response = |rest: &str| {
        Request::json(RESPONSES, format!(r#"{{"model":"{model}","input":"hello"{rest}}}"#))
    };
    for (what, name, value) in IN_A_HEADER {
        let request = response("").header(name, value);
        rows.push(Row::refused(format!("R7 {what}, denied"), request, DENIED));
    }
    for (what, tools) in IN_TOOLS {
        let request = response(&format!(r#","tools":{tools}"#));
        rows.push(Row::refused(format!("R7 {what}, denied"), request, DENIED));
    }
    let drawing = format!(r#","tools":[{{"type":"image_generation","model":"{model}"}}]"#);
    rows.push(Row::served("R7 a tool's model that is served", response(&drawing), RESPONSES));
    for (what, path, body) in IN_A_SESSION {
        let request = Request::json(path, body.replace("\"M\"", &format!("\"{model}\"")));
        rows.push(Row::refused(format!("R7 {what}, denied"), request, DENIED));
    }
    rows.push(Row::refused(
        "R7 a session's model in a text",
        Request::post(SECRETS, r#"{"session":{"model":"o1-pro"}}"#)
            .header("content-type", "text/plain"),
        DENIED,
    ));
    if model == crate::rig::DEFAULT_MODEL {
        // Nothing else names a model: the default answers, not the one in the query.
        let request = Request::json(format!("{V1_CHAT}?model=o1-pro"), MESSAGES);
        rows.push(Row::served("R7 ?model=o1-pro where nothing else names one", request, V1_CHAT));
    }
    rows
}

/// Harmless on a chat, and not sent on.
const IN_THE_QUERY: [&str; 5] = [
    "model=o1-pro",
    "deployment=o1-pro",
    "mod%65l=o1-pro",
    "model=%6f1-pro",
    "deployment=o1-pro&deployment=o1-pro",
];

const IN_A_HEADER: [(&str, &str, &str); 3] = [
    ("a deployment for images", IMAGES, "o1-pro"),
    ("a deployment for images in another case", "X-MS-OAI-Image-Generation-Deployment", "o1-pro"),
    ("a deployment for images with spaces", IMAGES, "  o1-pro  "),
];

const IN_TOOLS: [(&str, &str); 3] = [
    ("a tool's model", r#"[{"type":"image_generation","model":"o1-pro"}]"#),
    (
        "a second tool's model",
        r#"[{"type":"web_search"},{"type":"image_generation","model":"o1-pro"}]"#,
    ),
    ("a tool's model before its type", r#"[{"model":"o1-pro","type":"image_generation"}]"#),
];

const IN_A_SESSION: [(&str, &str, &str); 3] = [
    ("a session's model", SECRETS, r#"{"session":{"model":"o1-pro"}}"#),
    (
        "a session's model behind its type",
        SECRETS,
        r#"{"session":{"type":"realtime","model":"o1-pro"},"expires_after":{"seconds":60}}"#,
    ),
    ("a session's model beside another", SECRETS, r#"{"model":"M","session":{"model":"o1-pro"}}"#),
];

const IMAGES: &str = "x-ms-oai-image-generation-deployment";
const SECRETS: &str = "/openai/v1/realtime/client_secrets";
