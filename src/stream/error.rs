//! Whether an event is an error, and whose fault.
//!
//! Servers write errors into streams in several ways, all seen: OpenAI's and Azure's
//! `data: {"error": {…}}`, with or without `event: error`; the Responses API's
//! `{"type":"error",…}` and `{"type":"response.failed","response":{"error":{…}}}`; a bare text.
//!
//! As with statuses, not every error is the backend's. A prompt that a content filter refuses is
//! refused by every backend: blaming them would let one client open every circuit. What no word
//! explains is the backend's.

use serde_json::Value;

use super::Event;
use super::content::is_heartbeat;
use super::error_words::words;
use crate::time::Millis;
use crate::words::{Word, word};

// No error is without one of these.
word!(ERROR = b"\"error\"");
word!(FAILED_RESPONSE = b"response.failed");
word!(CODE = b"\"code\"");
word!(TYPE = b"\"type\"");
word!(STATUS = b"\"status\"");

/// What is wrong with an event, or with an answer as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamError {
    /// The backend asks for less traffic, for this time where it says one.
    Throttled(Option<Millis>),
    /// The backend failed.
    Failed,
    /// The backend refuses the gateway's own credential, or lacks the deployment.
    Refused,
    /// The request is at fault: another backend would say the same.
    Requests,
}

impl StreamError {
    /// Returns the fault that an event before any content shows; `None`: it is healthy.
    ///
    /// What is there of JSON is no failure, however odd: only a page or a text instead of it is, and
    /// an error. An event that is too long to be read whole is none: errors are short.
    pub fn of_early(event: &Event<'_>) -> Option<Self> {
        if event.cut {
            return None;
        }
        let data = event.data.trim_ascii();
        let may_be_json = data.starts_with(b"{")
            || data.starts_with(b"[")
            || is_heartbeat(event)
            || serde_json::from_slice::<Value>(data).is_ok();
        if may_be_json { Self::of(event) } else { Some(Self::Failed) }
    }

    /// Returns the fault that any event shows; `None`: it is no error.
    pub fn of(event: &Event<'_>) -> Option<Self> {
        let named = event.name == b"error";
        // Most events are text as it is generated; reading them all would be for nothing.
        if !named && !says_error(event.data) && !FAILED_RESPONSE.is_in(event.data) {
            return None;
        }
        match read(event.data) {
            Some(said) => fault(&said, named),
            None => of_odd(event.data, named),
        }
    }

    /// Returns the fault that the body of an answer shows as a whole; `None`: it is no error.
    pub fn of_body(body: &[u8]) -> Option<Self> {
        match read(body) {
            Some(said) => fault(&said, false).or_else(|| of_gateway(&said)),
            None => of_odd(body, false),
        }
    }

    /// Returns the same with the time that the answer's head announces, where it does.
    #[must_use]
    pub const fn with_retry_after(self, retry_after: Option<Millis>) -> Self {
        match (self, retry_after) {
            (Self::Throttled(_), Some(_)) => Self::Throttled(retry_after),
            _ => self,
        }
    }
}

/// Whether this JSON speaks of an error at all, other than to say that there is none.
pub(super) fn says_error(json: &[u8]) -> bool {
    ERROR.rests(json).any(|rest| {
        let value = rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        value.is_none_or(|value| !value.starts_with(b"null"))
    })
}

/// Reads what may be an error. Some servers put it into a list.
fn read(data: &[u8]) -> Option<Value> {
    match serde_json::from_slice(data).ok()? {
        Value::Array(list) => Some(list.into_iter().next().unwrap_or_default()),
        said => Some(said),
    }
}

fn fault(said: &Value, named: bool) -> Option<StreamError> {
    let kind = said.get("type").and_then(Value::as_str).unwrap_or_default();
    let failed = kind == "response.failed";
    let inner = || said.get("response")?.get("error");
    let mut error = said.get("error").filter(|error| !is_none(error));
    if failed && error.is_none() {
        error = inner();
    }
    if error.is_some() || failed {
        let error = error.unwrap_or(&Value::Null);
        // Text Generation Inference has its word beside the message.
        let beside = said.get("error_type").filter(|_| error.is_string());
        let [code, kind, status] = ["code", "type", "status"].map(|word| error.get(word));
        return Some(words([code, kind.or(beside), status], error));
    }
    let object = said.get("object").and_then(Value::as_str);
    let is_error = named || kind == "error" || object == Some("error");
    let own = || words(["code", "type", ""].map(|word| said.get(word)), said);
    is_error.then(own).or_else(|| of_choices(said))
}

/// A gateway before several providers writes an error as the choice that it could not get.
fn of_choices(said: &Value) -> Option<StreamError> {
    let choices = said.get("choices")?.as_array()?;
    let error = |choice: &Value| choice.get("error").filter(|error| !is_none(error)).cloned();
    let failed = |choice: &Value| {
        let reason = choice.get("finish_reason").and_then(Value::as_str);
        reason == Some("error") || error(choice).is_some()
    };
    let first = choices.first().filter(|_| choices.iter().all(failed))?;
    let error = error(first).unwrap_or_default();
    Some(words(["code", "type", "status"].map(|word| error.get(word)), &error))
}

/// A gateway in front of a backend writes `{"statusCode": 429, "message": "…"}`.
fn of_gateway(said: &Value) -> Option<StreamError> {
    let codes = ["statusCode", "status", "code"].map(|word| said.get(word));
    let failed = |code: &Value| code.as_u64().is_some_and(|code| (400..600).contains(&code));
    let has_message = said.get("message").is_some_and(Value::is_string);
    (has_message && codes.into_iter().flatten().any(failed)).then(|| words(codes, said))
}

/// Whether this says that there is no error.
fn is_none(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// The fault of what no parser takes, such as half a character in the message of an error: only
/// what begins as an error is one.
fn of_odd(data: &[u8], named: bool) -> Option<StreamError> {
    let mut first = ERROR.values(data).take(1);
    let begins = data.trim_ascii_start().strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    let is_error = begins.is_some_and(|rest| rest.starts_with(b"\"error\""))
        && first.any(|value| value.starts_with(b"{") || value.starts_with(b"\""));
    let value = |word: &'static Word| {
        let value = word.values(data).next()?;
        let end = value.iter().skip(1).position(|byte| b"\",}".contains(byte))?;
        let text = value.get(..=end)?;
        let text = std::str::from_utf8(text).ok()?.trim_matches(['"', ' ']);
        Some(Value::String(text.to_owned()))
    };
    let said = || [value(&CODE), value(&TYPE), value(&STATUS)];
    (is_error || named).then(|| words(said().each_ref().map(Option::as_ref), &Value::Null))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    const fn event<'a>(name: &'a str, data: &'a [u8], cut: bool) -> Event<'a> {
        Event { name: name.as_bytes(), data, cut, place: 0..0 }
    }

    fn first(name: &str, data: &str) -> Option<StreamError> {
        StreamError::of_early(&event(name, data.as_bytes(), false))
    }

    #[test]
    fn healthy_events_are_no_errors() {
        for data in [
            r#"{"id":"x","object":"chat.completion.chunk","choices":[]}"#,
            r#"{"choices":[{"delta":{"content":"an \"error\" occurred: response.failed"}}]}"#,
            r#"{"type":"response.created","response":{"error":null,"status":"in_progress"}}"#,
            r#"{"error":null,"choices":[]}"#,
            r#"{"choices":[{"error":null,"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"finish_reason":"error"},{"finish_reason":"stop"}]}"#,
            "[]",
            "1",
        ] {
            assert_eq!(first("", data), None, "{data}");
        }
    }

    #[test]
    fn only_a_page_or_a_text_instead_of_json_is_no_start() {
        for data in ["<html>", "\u{fffd}", "upstream connect error"] {
            assert_eq!(first("", data), Some(StreamError::Failed), "{data}");
        }
        let long = event("", b"{\"id\":\"", true);
        assert_eq!(StreamError::of_early(&long), None);
        for data in [
            &b"{\"cut"[..],
            b"",
            b"ping",
            br#"{"choices":[{"logprobs":NaN,"x":-Infinity}]}"#,
            br#"{"choices":[{"delta":{"content":"\ud83d"}}]}"#,
            b"{\"choices\":[{\"delta\":{\"content\":\"\xe2\x82\"}}]}",
        ] {
            assert_eq!(StreamError::of_early(&event("", data, false)), None, "{data:?}");
        }
    }

    #[test]
    fn an_odd_error_is_one_all_the_same() {
        for (data, wanted) in [
            (&b"{\"error\":{\"message\":\"\xe2\x82\",\"code\":\"500\"}}"[..], StreamError::Failed),
            (br#"{"error":{"message":"\ud83d","code": 429 }}"#, StreamError::Throttled(None)),
            (br#"{"error":{"type":"content_filter","score":NaN}}"#, StreamError::Requests),
        ] {
            assert_eq!(StreamError::of_early(&event("", data, false)), Some(wanted), "{data:?}");
        }
        let chunk = br#"{"choices":[{"score":NaN,"content_filter_results":{"error":{}}}]}"#;
        assert_eq!(StreamError::of_early(&event("", chunk, false)), None);
    }

    #[test]
    fn whole_bodies_are_errors_in_a_few_forms_more() {
        let throttled = StreamError::Throttled(Some(Millis(24_000)));
        for (body, wanted) in [
            (
                r#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"retry in 24s"}}]"#,
                Some(throttled),
            ),
            (
                r#"{"statusCode":429,"message":"Rate limit is exceeded. Try again in 24 seconds."}"#,
                Some(throttled),
            ),
            (r#"{"object":"error","message":"retry after 24 s","code":429}"#, Some(throttled)),
            (r#"{"type":"error","error":{"type":"overloaded_error"}}"#, Some(StreamError::Failed)),
            (
                r#"{"object":"response","status":"failed","error":{"code":"server_error"}}"#,
                Some(StreamError::Failed),
            ),
            (r#"{"error":{"message":"Rate limit reached"}}"#, Some(StreamError::Throttled(None))),
            (r#"{"error":"","choices":[]}"#, None),
            (r#"{"object":"response","status":"completed","error":null}"#, None),
            (r#"{"code":200,"message":"ok"}"#, None),
            ("[]", None),
        ] {
            assert_eq!(StreamError::of_body(body.as_bytes()), wanted, "{body}");
        }
    }

    #[test]
    fn errors_are_known_in_every_form() {
        for (name, data) in [
            ("", r#"{"error":{"message":"x","type":"server_error","code":null}}"#),
            ("", r#"{"error":"overloaded"}"#),
            ("", r#"{"choices":[{"delta":{"content":""},"finish_reason":"error"}]}"#),
            ("", r#"{"choices":[{"error":{"code":502},"message":{}}]}"#),
            ("", r#"{"error":"Request failed during generation","error_type":"generation"}"#),
            ("error", r#"{"message":"x"}"#),
            ("error", "gone"),
            ("", r#"{"type":"error","code":"server_error","message":"x"}"#),
            (
                "response.failed",
                r#"{"type":"response.failed","response":{"error":{"code":"server_error"}}}"#,
            ),
            ("", r#"{"type":"response.failed"}"#),
            ("", r#"{"error":{"code":"500"}}"#),
        ] {
            assert_eq!(first(name, data), Some(StreamError::Failed), "{data}");
        }
    }

    #[test]
    fn mistakes_in_the_configuration_are_refusals() {
        for data in [
            r#"{"error":{"type":"invalid_request_error","code":"invalid_api_key"}}"#,
            r#"{"error":{"code":"DeploymentNotFound","message":"x"}}"#,
            r#"{"error":{"code":401}}"#,
            r#"{"object":"error","message":"The model `m` does not exist.","code":404}"#,
            r#"{"error":"model 'm' not found"}"#,
        ] {
            assert_eq!(first("", data), Some(StreamError::Refused), "{data}");
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
            r#"{"error":{"type":"ThrottlingException"}}"#,
        ] {
            assert_eq!(first("", data), Some(StreamError::Throttled(None)), "{data}");
        }
        for data in [
            r#"{"error":{"code":"content_filter","type":null,"status":400}}"#,
            r#"{"error":{"code":400,"type":"BadRequestError"}}"#,
            r#"{"error":{"type":"invalid_request_error","code":null}}"#,
            r#"{"error":"Input validation error: too long","error_type":"validation"}"#,
            r#"{"type":"response.failed","response":{"error":{"code":"invalid_prompt"}}}"#,
        ] {
            assert_eq!(first("", data), Some(StreamError::Requests), "{data}");
        }
    }
}
