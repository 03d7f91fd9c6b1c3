//! Whether an event brings any of what a client has asked for.
//!
//! Many streams begin before their backend knows that it can answer: Azure sends the filter's
//! results for the prompt, most servers a delta with nothing but a role, the Responses API
//! `response.created` and `response.in_progress`. Up to the first content, another backend can still
//! take over without anybody having seen a difference.
//!
//! An event of an unknown form counts as content: nothing healthy waits for longer than it must.

use serde_json::{Map, Value};

use super::{Api, Event};

/// Returns `true` if this event brings content, or says that there is none to come.
pub(super) fn has_content(api: Option<Api>, event: &Event<'_>) -> bool {
    if event.cut {
        return true;
    }
    if is_heartbeat(event) {
        return false;
    }
    match (serde_json::from_slice::<Value>(event.data), api) {
        (Ok(Value::Object(said)), Some(Api::Completions)) => in_chunk(&said),
        (Ok(Value::Object(said)), Some(Api::Responses)) => in_step(&said, event.name),
        (Ok(Value::Object(said)), None) => in_other(&said, event.name),
        (Ok(_), _) => true,
        (Err(_), _) => !event.data.starts_with(b"[DONE]"),
    }
}

/// Returns `true` if this event only shows that somebody is there.
pub(super) fn is_heartbeat(event: &Event<'_>) -> bool {
    let data = event.data.trim_ascii();
    let is = |word: &[u8]| HEARTBEATS.iter().any(|known| word.eq_ignore_ascii_case(known));
    if data.is_empty() || is(event.name) || is(data) {
        return event.name != b"error";
    }
    data.len() < LONGEST_HEARTBEAT
        && serde_json::from_slice::<Value>(data).is_ok_and(|said| {
            said.get("type").and_then(Value::as_str).is_some_and(|t| is(t.as_bytes()))
        })
}

/// A chunk of a completion.
fn in_chunk(said: &Map<String, Value>) -> bool {
    match said.get("choices") {
        Some(Value::Array(choices)) => choices.iter().any(in_choice),
        Some(Value::Null) | None => {
            said.iter().any(|(name, value)| !METADATA.contains(&name.as_str()) && !is_empty(value))
        }
        Some(_) => true,
    }
}

fn in_choice(choice: &Value) -> bool {
    let Value::Object(members) = choice else { return !is_empty(choice) };
    members.iter().any(|(name, value)| match (name.as_str(), value) {
        ("finish_reason", Value::String(reason)) => reason != "null" && !reason.is_empty(),
        ("delta" | "message", Value::Object(delta)) => {
            delta.iter().any(|(name, value)| name != "role" && !is_empty(value))
        }
        ("logprobs", _) => false,
        (name, value) => !name.starts_with("content_filter") && !is_empty(value),
    })
}

/// An event of the Responses API.
fn in_step(said: &Map<String, Value>, name: &[u8]) -> bool {
    let empty = |value: Option<&Value>| value.is_none_or(is_empty);
    match kind(said, name) {
        "response.created" | "response.in_progress" | "response.queued" => false,
        "response.output_item.added" => said.get("item").is_none_or(|item| {
            let known = matches!(item["type"].as_str(), Some("message" | "reasoning"));
            !known || !empty(item.get("content")) || !empty(item.get("summary"))
        }),
        "response.content_part.added" | "response.reasoning_summary_part.added" => {
            said.get("part").is_none_or(|part| {
                ["text", "refusal", "transcript"].iter().any(|text| !empty(part.get(*text)))
            })
        }
        kind if kind.ends_with(".delta") => !empty(said.get("delta")),
        _ => true,
    }
}

/// An event of any other API, such as Anthropic's.
fn in_other(said: &Map<String, Value>, name: &[u8]) -> bool {
    match kind(said, name) {
        "message_start" => false,
        "content_block_start" => said.get("content_block").is_none_or(|block| {
            let known = matches!(block["type"].as_str(), Some("text" | "thinking"));
            !known || ["text", "thinking"].iter().any(|text| !is_empty(&block[*text]))
        }),
        _ => true,
    }
}

fn kind<'a>(said: &'a Map<String, Value>, name: &'a [u8]) -> &'a str {
    let named = || std::str::from_utf8(name).unwrap_or_default();
    said.get("type").and_then(Value::as_str).unwrap_or_else(named)
}

/// Returns `true` for a value that brings nothing. Numbers count and mark things, such as an index.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

const HEARTBEATS: [&[u8]; 4] = [b"ping", b"heartbeat", b"keepalive", b"keep-alive"];

/// No heartbeat is longer.
const LONGEST_HEARTBEAT: usize = 256;

/// What a chunk without choices may hold and still bring no content.
const METADATA: [&str; 10] = [
    "id",
    "object",
    "created",
    "model",
    "system_fingerprint",
    "service_tier",
    "usage",
    "provider",
    "prompt_filter_results",
    "prompt_annotations",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn brings(api: Option<Api>, name: &str, data: &str) -> bool {
        let (name, data) = (name.as_bytes(), data.as_bytes());
        has_content(api, &Event { name, data, cut: false, place: 0..0 })
    }

    #[test]
    fn what_a_completion_begins_with_is_no_content() {
        for data in [
            r#"{"choices":[],"prompt_filter_results":[{"prompt_index":0}],"usage":null}"#,
            r#"{"choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null}}]}"#,
            r#"{"choices":[{"delta":{"content":"","tool_calls":[]},"finish_reason":""}]}"#,
            r#"{"choices":[{"delta":{},"logprobs":null,"content_filter_results":{"hate":{}}}]}"#,
            r#"{"choices":[{"text":"","index":0,"finish_reason":"null"}]}"#,
            r#"{"choices":null}"#,
            r#"{"id":"x","object":"chat.completion.chunk","created":7,"model":"m"}"#,
            r#"{"type":"ping"}"#,
            "{}",
            "",
            "[DONE]",
        ] {
            assert!(!brings(Some(Api::Completions), "", data), "{data}");
        }
    }

    #[test]
    fn anything_else_of_a_completion_is() {
        for data in [
            r#"{"choices":[{"index":0,"delta":{"content":" "},"finish_reason":null}]}"#,
            r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"delta":{}},{"delta":{"content":"b"}}]}"#,
            r#"{"choices":[{"text":"a"}]}"#,
            r#"{"choices":[{"messages":[{"delta":{"role":"tool"}}]}]}"#,
            r#"{"content":"hi","stop":false}"#,
            r#"{"choices":[{"delta":{"content":"x"},"logprobs":NaN}]}"#,
            r#"{"choices":{}}"#,
        ] {
            assert!(brings(Some(Api::Completions), "", data), "{data}");
        }
    }

    #[test]
    fn the_responses_api_begins_with_events_of_its_own() {
        for (name, data) in [
            ("", r#"{"type":"response.created","response":{"error":null}}"#),
            ("response.in_progress", r#"{"response":{}}"#),
            ("", r#"{"type":"response.queued"}"#),
            ("", r#"{"type":"keepalive","sequence_number":3}"#),
            ("", r#"{"type":"response.output_item.added","item":{"type":"message","content":[]}}"#),
            (
                "",
                r#"{"type":"response.output_item.added","item":{"type":"reasoning","summary":[]}}"#,
            ),
            ("", r#"{"type":"response.content_part.added","part":{"text":"","annotations":[]}}"#),
            ("", r#"{"type":"response.output_text.delta","delta":""}"#),
        ] {
            assert!(!brings(Some(Api::Responses), name, data), "{data}");
        }
        for data in [
            r#"{"type":"response.output_text.delta","delta":"a"}"#,
            r#"{"type":"response.output_item.added","item":{"type":"function_call","name":"f"}}"#,
            r#"{"type":"response.output_item.added"}"#,
            r#"{"type":"response.completed","response":{}}"#,
            r#"{"type":"response.web_search_call.in_progress"}"#,
            "{}",
        ] {
            assert!(brings(Some(Api::Responses), "", data), "{data}");
        }
    }

    #[test]
    fn of_other_apis_only_what_is_known_is_no_content() {
        for (name, data) in [
            ("message_start", r#"{"type":"message_start","message":{"content":[]}}"#),
            ("ping", r#"{"type": "ping"}"#),
            ("content_block_start", r#"{"content_block":{"type":"text","text":""}}"#),
        ] {
            assert!(!brings(None, name, data), "{data}");
        }
        for data in [r#"{"type":"content_block_delta"}"#, "[]", "1", "text"] {
            assert!(brings(None, "", data), "{data}");
        }
    }
}
