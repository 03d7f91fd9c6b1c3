//! An answer before its bytes flow.
//!
//! Operations, errors and faults all produce an [`Answer`]; what every Azure answer
//! carries besides (`x-ms-region`, `apim-request-id`, …) is put on here once, so no
//! operation can forget it. Headers follow recorded answers of a real resource.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use serde_json::Value;
use uuid::Uuid;

use crate::fault::RetryAfter;
use crate::limiter::Verdict;
use crate::usage::Usage;

/// Status, headers and content.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub headers: HeaderMap,
    pub content: Content,
    /// The tokens this answer tells the caller of.
    pub usage: Option<Usage>,
}

/// An answer that ends the matter early. Boxed, being the rare case of a `Result`.
pub(crate) type Refusal = Box<Answer>;

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Whole(Bytes),
    /// The events of a stream, each complete with its blank line.
    Events(Vec<Bytes>),
}

// === impl Answer ===

impl Answer {
    pub(crate) fn json(status: StatusCode, value: &Value) -> Self {
        Self::whole(status, JSON, value.to_string())
    }

    pub(crate) fn whole(
        status: StatusCode,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            status,
            content_type,
            headers: HeaderMap::new(),
            content: Content::Whole(body.into()),
            usage: None,
        }
    }

    pub(crate) fn stream(events: Vec<Bytes>) -> Self {
        Self {
            content: Content::Events(events),
            ..Self::whole(StatusCode::OK, EVENT_STREAM, Bytes::new())
        }
    }

    /// The same answer, telling of `usage`.
    pub(crate) fn telling(self, usage: Usage) -> Self {
        Self { usage: Some(usage), ..self }
    }

    /// Sets a header; one whose name or value HTTP forbids is left out.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
        {
            self.headers.insert(name, value);
        }
    }

    pub(crate) fn tell_remaining(&mut self, verdict: &Verdict) {
        self.set("x-ratelimit-remaining-requests", &verdict.remaining_requests.to_string());
        self.set("x-ratelimit-remaining-tokens", &verdict.remaining_tokens.to_string());
    }

    pub(crate) fn tell_wait(&mut self, wait: &RetryAfter, now: SystemTime) {
        let retry_after = RETRY_AFTER.as_str();
        match wait {
            RetryAfter::Seconds(seconds) => self.set(retry_after, &seconds.to_string()),
            RetryAfter::Millis(millis) => self.set("retry-after-ms", &millis.to_string()),
            RetryAfter::DateInSeconds(seconds) => {
                let date = now.checked_add(Duration::from_secs(*seconds)).unwrap_or(now);
                self.set(retry_after, &httpdate::fmt_http_date(date));
            }
            RetryAfter::Decimal(seconds) => self.set(retry_after, &seconds.to_string()),
            RetryAfter::RatelimitReset(seconds) => {
                self.set("x-ratelimit-reset-requests", &seconds.to_string());
            }
            RetryAfter::Raw(text) => self.set(retry_after, text),
            RetryAfter::None => {}
        }
    }

    /// Puts on what every answer of a region carries. What is set already stays.
    pub(crate) fn dress(&mut self, region: &str, client_request_id: Option<&HeaderValue>) {
        let mut common = HeaderMap::new();
        for (name, value) in EVERY_ANSWER {
            common.insert(name, HeaderValue::from_static(value));
        }
        if self.status.is_success() {
            for (name, value) in SUCCESS {
                common.insert(name, HeaderValue::from_static(value));
            }
        }
        if let Some(id) = client_request_id {
            common.insert("x-ms-client-request-id", id.clone());
        }
        common.extend(self.headers.drain());
        self.headers = common;
        self.set_if_absent("x-ms-region", region);
        self.set_if_absent("apim-request-id", &Uuid::new_v4().to_string());
        self.set_if_absent("x-request-id", &Uuid::new_v4().to_string());
    }

    fn set_if_absent(&mut self, name: &str, value: &str) {
        if !self.headers.contains_key(name) {
            self.set(name, value);
        }
    }
}

pub(crate) const JSON: &str = "application/json";
const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

const EVERY_ANSWER: [(&str, &str); 3] = [
    ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
    ("x-content-type-options", "nosniff"),
    ("x-ms-client-request-id", "Not-Set"),
];

const SUCCESS: [(&str, &str); 5] = [
    ("cache-control", "no-cache, must-revalidate"),
    ("access-control-allow-origin", "*"),
    ("x-accel-buffering", "no"),
    ("x-ms-rai-invoked", "true"),
    ("azureml-model-session", "d0-simulated"),
];
