//! A response as a stream of named, numbered events.
//!
//! The order is OpenAI's: the response, its message, the message's text, then the
//! same three closed from the inside out. The last event carries the usage.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::operation::response::Draft;
use crate::operation::{Call, sse, text};

pub(crate) fn events(call: Call<'_>, draft: &Draft, completed: &Value) -> Vec<Bytes> {
    let begun = draft.in_progress(call);
    let message =
        |status, content| json!({ "output_index": 0, "item": draft.message(status, content) });
    let part = |text| within(draft, json!({ "part": draft.part(text) }));
    let mut events = Numbered::default();
    events.push("response.created", json!({ "response": begun }));
    events.push("response.in_progress", json!({ "response": begun }));
    events.push("response.output_item.added", message("in_progress", json!([])));
    events.push("response.content_part.added", part(""));
    for piece in text::pieces(&draft.text, call.chunks) {
        let delta = json!({ "delta": piece, "logprobs": [] });
        events.push("response.output_text.delta", within(draft, delta));
    }
    let whole = json!({ "text": draft.text, "logprobs": [] });
    events.push("response.output_text.done", within(draft, whole));
    events.push("response.content_part.done", part(&draft.text));
    let content = json!([draft.part(&draft.text)]);
    events.push("response.output_item.done", message("completed", content));
    events.push("response.completed", json!({ "response": completed }));
    events.0
}

/// `data`, placed in the only part of the only message.
fn within(draft: &Draft, mut data: Value) -> Value {
    if let Some(fields) = data.as_object_mut() {
        fields.insert("item_id".to_owned(), json!(draft.message_id));
        fields.insert("output_index".to_owned(), json!(0));
        fields.insert("content_index".to_owned(), json!(0));
    }
    data
}

#[derive(Default)]
struct Numbered(Vec<Bytes>);

impl Numbered {
    fn push(&mut self, name: &str, mut data: Value) {
        if let Some(fields) = data.as_object_mut() {
            fields.insert("type".to_owned(), json!(name));
            fields.insert("sequence_number".to_owned(), json!(self.0.len()));
        }
        self.0.push(sse::named_event(name, &data));
    }
}
