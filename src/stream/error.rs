//! Whether an event is an error, and whose fault.
//!
//! Servers write errors into streams in several ways, all seen: OpenAI's and Azure's
//! `data: {"error": {…}}`, with or without `event: error`; the Responses API's
//! `{"type":"error",…}` and `{"type":"response.failed","response":{"error":{…}}}`; a bare text.
//!
//! As with statuses, not every error is the backend's. A prompt that a content filter refuses is
//! refused by every backend: blaming them would let one client open every circuit. What no word
//! explains is the backend's.

use serde::Deserialize;
use serde_json::Value;

use super::Event;
use crate::words::word;

// No error is without one of these.
word!(ERROR = b"\"error\"");
word!(FAILED_RESPONSE = b"response.failed");

/// What is wrong with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamError {
    /// The backend asks for less traffic.
    Throttled,
    /// The backend failed.
    Failed,
    /// The request is at fault: another backend would say the same.
    Requests,
}

impl StreamError {
    /// The fault that the stream's first event shows; `None`: it is healthy.
    ///
    /// An event that is too long to be read whole is no error: errors are short.
    pub fn of_first(event: &Event<'_>) -> Option<Self> {
        if event.cut {
            return None;
        }
        match serde_json::from_slice::<Value>(event.data) {
            // No API begins with `[DONE]` or with something that is not JSON.
            Err(_) => Some(Self::Failed),
            Ok(_) => Self::of(event),
        }
    }

    /// The fault that any event shows; `None`: it is no error.
    pub fn of(event: &Event<'_>) -> Option<Self> {
        let named = event.name == b"error";
        // Most events are text as it is generated; reading them all would be for nothing.
        if !named && !ERROR.is_in(event.data) && !FAILED_RESPONSE.is_in(event.data) {
            return None;
        }
        let Ok(said) = serde_json::from_slice::<Said>(event.data) else {
            return named.then_some(Self::Failed);
        };
        said.fault(named)
    }
}

/// The parts of an event that an error may stand in.
#[derive(Debug, Deserialize)]
struct Said {
    #[serde(default)]
    r#type: Value,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    code: Value,
    response: Option<Response>,
}

#[derive(Debug, Deserialize)]
struct Response {
    #[serde(default)]
    error: Value,
}

impl Said {
    fn fault(&self, named: bool) -> Option<StreamError> {
        let kind = self.r#type.as_str().unwrap_or_default();
        let error = match (&self.error, &self.response) {
            (Value::Null, Some(response)) if kind == "response.failed" => &response.error,
            (error, _) => error,
        };
        if !error.is_null() || kind == "response.failed" {
            return Some(words(["code", "type", "status"].map(|word| error.get(word))));
        }
        (named || kind == "error").then(|| words([Some(&self.code), Some(&self.r#type), None]))
    }
}

/// The first word that says whose fault it is.
fn words(words: [Option<&Value>; 3]) -> StreamError {
    let mut said = words.into_iter().flatten().filter_map(|word| match word {
        Value::String(word) => of_word(&word.to_ascii_lowercase()),
        Value::Number(status) => of_status(status.as_u64()?),
        _ => None,
    });
    said.next().unwrap_or(StreamError::Failed)
}

fn of_word(word: &str) -> Option<StreamError> {
    if let Ok(status) = word.parse() {
        return of_status(status);
    }
    let has = |part: &&str| word.contains(*part);
    if THROTTLED.iter().any(has) {
        Some(StreamError::Throttled)
    } else if FAILED.iter().any(has) {
        Some(StreamError::Failed)
    } else if REQUESTS.iter().any(has) {
        Some(StreamError::Requests)
    } else {
        None
    }
}

fn of_status(status: u64) -> Option<StreamError> {
    match status {
        429 => Some(StreamError::Throttled),
        401 | 403 | 408 | 500..=599 => Some(StreamError::Failed),
        400..=499 => Some(StreamError::Requests),
        _ => None,
    }
}

const THROTTLED: [&str; 5] =
    ["rate_limit", "ratelimit", "too_many_requests", "toomanyrequests", "insufficient_quota"];
/// Mistakes in the configuration, some of which have the type of a client's mistake.
const FAILED: [&str; 4] =
    ["server_error", "invalid_api_key", "deploymentnotfound", "model_not_found"];
const REQUESTS: [&str; 7] = [
    "content_filter",
    "context_length",
    "invalid_prompt",
    "invalid_request",
    "badrequest",
    "policy_violation",
    "invalid_image",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    const fn event<'a>(name: &'a str, data: &'a [u8], cut: bool) -> Event<'a> {
        Event { name: name.as_bytes(), data, cut, place: 0..0 }
    }

    fn first(name: &str, data: &str) -> Option<StreamError> {
        StreamError::of_first(&event(name, data.as_bytes(), false))
    }

    #[test]
    fn healthy_events_are_no_errors() {
        for data in [
            r#"{"id":"x","object":"chat.completion.chunk","choices":[]}"#,
            r#"{"choices":[{"delta":{"content":"an \"error\" occurred: response.failed"}}]}"#,
            r#"{"type":"response.created","response":{"error":null,"status":"in_progress"}}"#,
            r#"{"error":null,"choices":[]}"#,
            "[]",
            "1",
        ] {
            assert_eq!(first("", data), None, "{data}");
        }
    }

    #[test]
    fn what_is_not_json_is_no_start() {
        for data in ["[DONE]", "", "<html>", "{\"cut", "\u{fffd}"] {
            assert_eq!(first("", data), Some(StreamError::Failed), "{data}");
        }
        let long = event("", b"{\"id\":\"", true);
        assert_eq!(StreamError::of_first(&long), None);
    }

    #[test]
    fn errors_are_known_in_every_form() {
        for (name, data) in [
            ("", r#"{"error":{"message":"x","type":"server_error","code":null}}"#),
            ("", r#"{"error":"overloaded"}"#),
            ("error", r#"{"message":"x"}"#),
            ("error", "gone"),
            ("", r#"{"type":"error","code":"server_error","message":"x"}"#),
            (
                "response.failed",
                r#"{"type":"response.failed","response":{"error":{"code":"server_error"}}}"#,
            ),
            ("", r#"{"type":"response.failed"}"#),
            ("", r#"{"error":{"code":"500"}}"#),
            ("", r#"{"error":{"type":"invalid_request_error","code":"invalid_api_key"}}"#),
        ] {
            assert_eq!(first(name, data), Some(StreamError::Failed), "{data}");
        }
    }

    #[test]
    fn throttling_and_the_requests_own_mistakes_are_told_apart() {
        for data in [
            r#"{"error":{"code":"429","message":"x"}}"#,
            r#"{"error":{"code":429}}"#,
            r#"{"error":{"type":"too_many_requests"}}"#,
            r#"{"type":"error","code":"rate_limit_exceeded","message":"x"}"#,
            r#"{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded"}}}"#,
            r#"{"error":{"code":null,"type":"RateLimitError"}}"#,
        ] {
            assert_eq!(first("", data), Some(StreamError::Throttled), "{data}");
        }
        for data in [
            r#"{"error":{"code":"content_filter","type":null,"status":400}}"#,
            r#"{"error":{"code":400,"type":"BadRequestError"}}"#,
            r#"{"error":{"type":"invalid_request_error","code":null}}"#,
            r#"{"type":"response.failed","response":{"error":{"code":"invalid_prompt"}}}"#,
        ] {
            assert_eq!(first("", data), Some(StreamError::Requests), "{data}");
        }
    }
}
