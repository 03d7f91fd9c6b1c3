//! Server-sent events, in the two dialects.
//!
//! Chat and Completions send nameless events and end with `[DONE]`; Responses names
//! each event and ends with its last one.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::answer::Content;

pub(crate) const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

pub(crate) fn event(data: &Value) -> Bytes {
    format!("data: {data}\n\n").into()
}

pub(crate) fn named_event(name: &str, data: &Value) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}

/// An error within a stream, in the dialect of its first event.
pub(crate) fn error_event(content: &Content) -> Bytes {
    let message = "The server had an error while processing your request. Sorry about that!";
    match content {
        Content::Events(events) if is_named(events) => named_event(
            "error",
            &json!({
                "type": "error",
                "sequence_number": 0,
                "code": "server_error",
                "message": message,
                "param": null
            }),
        ),
        _ => event(&json!({ "error": {
            "message": message,
            "type": "server_error",
            "param": null,
            "code": null
        }})),
    }
}

fn is_named(events: &[Bytes]) -> bool {
    events.first().is_some_and(|first| first.starts_with(b"event:"))
}
