//! One fault: a way to answer wrongly, slowly or not at all.
//!
//! Its fields combine (a delayed 429 with a decimal `Retry-After`), and the JSON form
//! has the same names as the Rust form. Where two fields exclude each other the one
//! that says less wins: no answer before a reset, a reset before a status.

use std::collections::BTreeMap;

use hyper::StatusCode;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// One way to answer wrongly, slowly or not at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// Only in the region of this name; for `x-sim-fault`, which reaches any region.
    pub region: Option<String>,
    /// Only for this deployment (or, where the body names it, this model).
    pub deployment: Option<String>,
    /// How often the fault is used; once if not set.
    pub times: Times,
    /// Answer with this status; from 400 on, with the body Azure sends for it.
    #[serde(deserialize_with = "status")]
    pub status: Option<u16>,
    /// Answer with this body: a string as it is, anything else as JSON.
    pub body: Option<Value>,
    /// Headers to add, or to replace.
    pub headers: BTreeMap<String, String>,
    /// How the wait is told; a scripted 429 without it says `Retry-After: 1`.
    pub retry_after: Option<RetryAfter>,
    /// Wait before the headers.
    pub delay_ms: Option<u64>,
    /// Tear the TCP connection down.
    pub reset: Option<Reset>,
    /// Fall silent, with the connection open.
    pub stall: Option<Stall>,
    /// The stream's first event is an error.
    pub error_event_first: bool,
    /// An error takes the place of what follows this many events.
    pub error_event_after: Option<usize>,
    /// 200 `application/json`, but not JSON.
    pub garbage_body: bool,
    /// 200 without a body.
    pub empty_body: bool,
    /// The 400 of Azure's content filter.
    pub content_filter: bool,
    /// Cut a streamed text into so many pieces.
    pub chunks: Option<usize>,
    /// Wait so long between two chunks of a stream.
    pub chunk_delay_ms: Option<u64>,
}

/// How often a fault is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "TimesForm", into = "TimesForm")]
pub enum Times {
    /// So many times.
    Count(u64),
    /// Until the script is replaced.
    Forever,
}

/// How a 429 or 503 tells when to come back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// `Retry-After: 3`
    Seconds(u64),
    /// `retry-after-ms: 300`
    Millis(u64),
    /// `Retry-After: <HTTP date so many seconds from now>`
    DateInSeconds(u64),
    /// `Retry-After: 1.5`
    Decimal(f64),
    /// `x-ratelimit-reset-requests: 7` and no `Retry-After`
    RatelimitReset(u64),
    /// `Retry-After: <as given>`
    Raw(String),
    /// Not told at all.
    None,
}

/// When the TCP connection is torn down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    /// Instead of an answer.
    BeforeHeaders,
    /// After the headers, before the first byte of the body.
    AfterHeaders,
    /// After half of the events, or half of a whole body.
    MidStream,
}

/// Where the answer falls silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stall {
    /// No answer comes.
    BeforeHeaders,
    /// Headers and the first event (or half of a whole body) come, then nothing.
    AfterFirstChunk,
    /// Half of the events (or half of a whole body) come, then nothing.
    MidStream,
}

// === impl Fault ===

impl Fault {
    /// Answers with `status` and the body Azure sends for it.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// Answers 429 and tells the wait as `retry_after`.
    pub fn too_many_requests(retry_after: RetryAfter) -> Self {
        Self { retry_after: Some(retry_after), ..Self::status(429) }
    }

    /// Tears the connection down.
    pub fn reset(when: Reset) -> Self {
        Self { reset: Some(when), ..Self::default() }
    }

    /// Falls silent.
    pub fn stall(when: Stall) -> Self {
        Self { stall: Some(when), ..Self::default() }
    }

    /// The same fault, used `count` times.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self { times: Times::Count(count), ..self }
    }

    /// The same fault, until the script is replaced.
    #[must_use]
    pub fn forever(self) -> Self {
        Self { times: Times::Forever, ..self }
    }

    /// The same fault, only for `deployment`.
    #[must_use]
    pub fn on(self, deployment: impl Into<String>) -> Self {
        Self { deployment: Some(deployment.into()), ..self }
    }

    /// The status, as far as it is one.
    pub(crate) fn status_code(&self) -> Option<StatusCode> {
        StatusCode::from_u16(self.status?).ok()
    }

    pub(crate) fn matches(&self, region: &str, deployment: Option<&str>) -> bool {
        self.region.as_deref().is_none_or(|name| name == region)
            && (self.deployment.is_none() || self.deployment.as_deref() == deployment)
    }
}

// === impl Times ===

impl Default for Times {
    fn default() -> Self {
        Self::Count(1)
    }
}

impl From<TimesForm> for Times {
    fn from(form: TimesForm) -> Self {
        match form {
            TimesForm::Count(count) => Self::Count(count),
            TimesForm::Word(Word::Forever) => Self::Forever,
        }
    }
}

impl From<Times> for TimesForm {
    fn from(times: Times) -> Self {
        match times {
            Times::Count(count) => Self::Count(count),
            Times::Forever => Self::Word(Word::Forever),
        }
    }
}

fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    let status = Option::<u16>::deserialize(deserializer)?;
    match status {
        Some(code) if !(200..=999).contains(&code) => Err(D::Error::custom(format!(
            "status: {code} is not a final HTTP status, which has 200 to 999"
        ))),
        _ => Ok(status),
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum TimesForm {
    Count(u64),
    Word(Word),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Forever,
}
