//! The head of a backend's answer: what judging and cleaning need of it.

use super::Context;
use crate::cleaning::Fields;
use crate::pool::headroom::Remaining;
use crate::retry_after::RetryAfter;
use crate::stream;
use crate::time::Millis;

/// The head of a backend's answer.
#[derive(Debug, Default, Clone)]
pub struct Answer {
    /// All of its headers.
    pub fields: Fields,
    /// Its status; 0 where it has none that can be read.
    pub status: u16,
    /// Whether the request asked for another protocol, such as WebSocket: then 101 is an answer.
    pub switches: bool,
    /// Whether its content type is that of a stream of events.
    pub says_events: bool,
    /// Whether a body follows.
    pub has_body: bool,
    /// Whether the body can be read: not compressed.
    pub readable: bool,
}

impl Answer {
    /// Reads the head of an answer. `switches`: the request asked for another protocol.
    pub fn read(fields: Fields, has_body: bool, switches: bool) -> Self {
        let find = |wanted: &str| find(&fields, wanted);
        let status = find(":status").and_then(|value| std::str::from_utf8(value).ok());
        let status = status.and_then(|text| text.parse().ok()).unwrap_or_default();
        let says_events = status < 400 && find("content-type").is_some_and(stream::is_event_stream);
        let plain = |encoding: &[u8]| encoding.is_empty() || encoding == b"identity";
        let readable = has_body && find("content-encoding").is_none_or(plain);
        Self { status, switches, says_events, has_body, readable, fields }
    }

    /// What it announces: when its backend wants to be asked again.
    pub(super) fn retry_after(&self) -> RetryAfter {
        RetryAfter {
            retry_after_ms: self.value("retry-after-ms"),
            retry_after: self.value("retry-after"),
            reset_requests: self.limit("reset-requests"),
            reset_tokens: self.limit("reset-tokens"),
            remaining_requests: self.limit("remaining-requests"),
            remaining_tokens: self.limit("remaining-tokens"),
        }
    }

    /// What its head announces for an error in its body. The resets of limits mean nothing here: every
    /// good answer has them.
    pub(super) fn inner_retry_after(&self, cx: &Context<'_>) -> Option<Millis> {
        let [retry_after_ms, retry_after] =
            ["retry-after-ms", "retry-after"].map(|name| self.value(name));
        RetryAfter { retry_after_ms, retry_after, ..RetryAfter::default() }.wait(cx.moment())
    }

    /// What it says is left of its backend's limits.
    pub(super) fn remaining(&self) -> Remaining {
        Remaining {
            tokens: self.value("x-ratelimit-remaining-tokens"),
            requests: self.value("x-ratelimit-remaining-requests"),
            token_limit: self.value("x-ratelimit-limit-tokens"),
            request_limit: self.value("x-ratelimit-limit-requests"),
        }
    }

    /// What is said of a limit, in either spelling of Azure's.
    fn limit(&self, what: &str) -> Option<Vec<u8>> {
        let either = |start: &str| self.value(&[start, what].concat());
        either("x-ratelimit-").or_else(|| either("x-rate-limit-"))
    }

    fn value(&self, name: &str) -> Option<Vec<u8>> {
        find(&self.fields, name).map(<[u8]>::to_vec)
    }
}

fn find<'a>(fields: &'a Fields, wanted: &str) -> Option<&'a [u8]> {
    fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_slice())
}
