//! Chat Completions.
//!
//! Azure's stream differs from OpenAI's: its first chunk has no choices, only the
//! verdict on the prompt, and clients that take `choices[0]` for granted break on it.

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::operation::{Call, filter, sse, text};
use crate::usage::Usage;

pub(crate) fn answer(call: Call<'_>) -> Answer {
    let reply = Reply::to(call);
    if call.flag("stream") { reply.stream(call) } else { reply.whole(call) }
}

/// Whether the caller wants the usage at the end of a stream.
pub(crate) fn wants_usage(call: Call<'_>) -> bool {
    let option = call.body.pointer("/stream_options/include_usage");
    option.and_then(Value::as_bool) == Some(true)
}

struct Reply {
    id: String,
    text: String,
    finish_reason: &'static str,
    usage: Usage,
}

impl Reply {
    fn to(call: Call<'_>) -> Self {
        let said = call.body.get("messages").map_or("", text::last_text);
        let most = ["max_tokens", "max_completion_tokens"]
            .iter()
            .find_map(|name| call.body.get(*name)?.as_u64());
        let (text, finish_reason) = text::clip(text::reply(call, said), most);
        let written = text.chars().count();
        Self {
            id: call.state.fresh_id("chatcmpl-"),
            usage: Usage::of(call.prompt_tokens("messages"), written, &call.deployment.model),
            text,
            finish_reason,
        }
    }

    fn whole(self, call: Call<'_>) -> Answer {
        let body = json!({
            "id": self.id,
            "object": "chat.completion",
            "created": call.created,
            "model": call.deployment.model,
            "system_fingerprint": FINGERPRINT,
            "choices": [{
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": self.text,
                    "refusal": null,
                    "annotations": []
                },
                "finish_reason": self.finish_reason,
                "logprobs": null,
                "content_filter_results": filter::content_results()
            }],
            "prompt_filter_results": filter::prompt_results(),
            "usage": self.usage.chat_json()
        });
        Answer::json(StatusCode::OK, &body).telling(self.usage)
    }

    fn stream(self, call: Call<'_>) -> Answer {
        let with_usage = wants_usage(call);
        let mut events = vec![
            prompt_verdict(),
            self.delta(call, json!({ "role": "assistant", "content": "", "refusal": null })),
        ];
        for piece in text::pieces(&self.text, call.chunks) {
            events.push(self.delta(call, json!({ "content": piece })));
        }
        let end = json!([choice(json!({}), Some(self.finish_reason))]);
        events.push(self.chunk(call, end, None));
        if with_usage {
            events.push(self.chunk(call, json!([]), Some(self.usage)));
        }
        events.push(sse::DONE);
        let answer = Answer::stream(events);
        if with_usage { answer.telling(self.usage) } else { answer }
    }

    fn delta(&self, call: Call<'_>, delta: Value) -> Bytes {
        self.chunk(call, json!([choice(delta, None)]), None)
    }

    fn chunk(&self, call: Call<'_>, choices: Value, usage: Option<Usage>) -> Bytes {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": call.created,
            "model": call.deployment.model,
            "system_fingerprint": FINGERPRINT,
            "choices": choices
        });
        if let (Some(usage), Some(fields)) = (usage, chunk.as_object_mut()) {
            fields.insert("usage".to_owned(), usage.chat_json());
        }
        sse::event(&chunk)
    }
}

fn choice(delta: Value, finish_reason: Option<&str>) -> Value {
    json!({
        "index": 0,
        "delta": delta,
        "finish_reason": finish_reason,
        "logprobs": null,
        "content_filter_results": filter::content_results()
    })
}

fn prompt_verdict() -> Bytes {
    sse::event(&json!({
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": filter::prompt_results()
    }))
}

const FINGERPRINT: &str = "fp_simulator";
