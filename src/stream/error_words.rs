//! The words by which errors say whose fault they are.
//!
//! Codes, types and statuses are read as they come, by what they contain: each server has its own.

use serde_json::Value;

use super::StreamError;
use super::retry_after::retry_after;
use crate::missing;

/// The first word that says whose fault it is. `error`: what holds the words, or its message.
pub(super) fn words(words: [Option<&Value>; 3], error: &Value) -> StreamError {
    if missing::is_named_by(error) {
        return StreamError::Refused;
    }
    let mut said = words.into_iter().flatten().filter_map(|word| match word {
        Value::String(word) => of_word(&word.to_ascii_lowercase()),
        Value::Number(status) => of_status(status.as_u64()?),
        _ => None,
    });
    let text = error.as_str().or_else(|| error.get("message")?.as_str());
    let in_text = || text.and_then(|text| of_message(&text.to_ascii_lowercase()));
    match said.next().or_else(in_text) {
        Some(StreamError::Throttled(_)) => StreamError::Throttled(retry_after(error)),
        fault => fault.unwrap_or(StreamError::Failed),
    }
}

/// Words of people say less than codes do: only what cannot be meant otherwise counts.
fn of_message(text: &str) -> Option<StreamError> {
    let throttled = ["rate limit", "too many requests"].iter().any(|words| text.contains(words));
    throttled.then_some(StreamError::Throttled(None))
}

fn of_word(word: &str) -> Option<StreamError> {
    if let Ok(status) = word.parse() {
        return of_status(status);
    }
    let has = |part: &&str| word.contains(*part);
    if THROTTLED.iter().any(has) {
        Some(StreamError::Throttled(None))
    } else if REFUSED.iter().any(has) {
        Some(StreamError::Refused)
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
        429 => Some(StreamError::Throttled(None)),
        401 | 403 => Some(StreamError::Refused),
        408 | 500..=599 => Some(StreamError::Failed),
        400..=499 => Some(StreamError::Requests),
        _ => None,
    }
}

const THROTTLED: [&str; 7] = [
    "throttling",
    "rate_limit",
    "ratelimit",
    "too_many_requests",
    "toomanyrequests",
    "insufficient_quota",
    "resource_exhausted",
];
/// Mistakes in the configuration, some of which have the type of a client's mistake.
const REFUSED: [&str; 3] = ["invalid_api_key", "deploymentnotfound", "model_not_found"];
const FAILED: [&str; 1] = ["server_error"];
const REQUESTS: [&str; 8] = [
    "validation",
    "content_filter",
    "context_length",
    "invalid_prompt",
    "invalid_request",
    "badrequest",
    "policy_violation",
    "invalid_image",
];
