//! What is no operation is refused, and what is one has its methods (field cases R10 and R11).

use crate::request::{Request, V1_CHAT, chat_path};
use crate::row::{METHOD, Row, UNKNOWN};

pub(crate) fn rows(model: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for (method, path) in NO_OPERATION {
        let path = path.replace("/M", &format!("/{model}"));
        let request = with(method, &path);
        rows.push(Row::refused(format!("R10 {method} {path}"), request, UNKNOWN));
    }
    let chat = chat_path(model);
    for (method, path) in [
        ("TRACE", chat.as_str()),
        ("TRACE", V1_CHAT),
        ("TRACE", "/"),
        ("GET", chat.as_str()),
        ("DELETE", chat.as_str()),
        ("PUT", V1_CHAT),
        ("POST", "/openai/v1/models"),
    ] {
        rows.push(Row::refused(format!("R11 {method} {path}"), with(method, path), METHOD));
    }
    rows
}

fn with(method: &'static str, path: &str) -> Request {
    let body = if matches!(method, "POST" | "PUT") { r#"{"messages":[]}"# } else { "" };
    Request::post(path, body).by(method)
}

const NO_OPERATION: [(&str, &str); 7] = [
    ("GET", "/"),
    ("GET", "/foo"),
    ("POST", "/anything"),
    ("POST", "/openai"),
    ("POST", "/openai/deployments/M/unheard-of"),
    ("POST", "/v2/chat/completions"),
    ("POST", "/tenant1/openai/deployments/M/chat/completions"),
];
