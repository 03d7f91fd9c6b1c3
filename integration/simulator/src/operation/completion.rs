//! Completions, the older text-in, text-out operation.

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::operation::{Call, chat, filter, sse, text};
use crate::usage::Usage;

pub(crate) fn answer(call: Call<'_>) -> Answer {
    let said = call.body.get("prompt").map_or("", text::last_text);
    let most = call.body.get("max_tokens").and_then(Value::as_u64);
    let (written, finish_reason) = text::clip(text::reply(call, said), most);
    let usage =
        Usage::of(call.prompt_tokens("prompt"), written.chars().count(), &call.deployment.model);
    let id = call.state.fresh_id("cmpl-");
    if call.flag("stream") {
        return stream(call, &id, &written, finish_reason, usage);
    }
    let mut body = envelope(call, &id, json!([choice(&written, Some(finish_reason))]));
    add(&mut body, "usage", usage.chat_json());
    add(&mut body, "prompt_filter_results", filter::prompt_results());
    Answer::json(StatusCode::OK, &body).telling(usage)
}

fn stream(call: Call<'_>, id: &str, written: &str, finish_reason: &str, usage: Usage) -> Answer {
    let chunk = |choices: Value| sse::event(&envelope(call, id, choices));
    let mut events: Vec<Bytes> = text::pieces(written, call.chunks)
        .iter()
        .map(|piece| chunk(json!([choice(piece, None)])))
        .collect();
    events.push(chunk(json!([choice("", Some(finish_reason))])));
    let with_usage = chat::wants_usage(call);
    if with_usage {
        let mut last = envelope(call, id, json!([]));
        add(&mut last, "usage", usage.chat_json());
        events.push(sse::event(&last));
    }
    events.push(sse::DONE);
    let answer = Answer::stream(events);
    if with_usage { answer.telling(usage) } else { answer }
}

fn envelope(call: Call<'_>, id: &str, choices: Value) -> Value {
    json!({
        "id": id,
        "object": "text_completion",
        "created": call.created,
        "model": call.deployment.model,
        "choices": choices
    })
}

fn choice(text: &str, finish_reason: Option<&str>) -> Value {
    json!({ "text": text, "index": 0, "finish_reason": finish_reason, "logprobs": null })
}

fn add(body: &mut Value, name: &str, value: Value) {
    if let Some(fields) = body.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}
