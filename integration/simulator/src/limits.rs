//! The limits of a deployment, as Azure sells them and as tests need them.
//!
//! Two request windows have been recorded: ceil(TPM/1000) per fixed 10 s, and about
//! ten per capacity unit in a sliding minute. Both are here, and any other for tests
//! that cannot wait.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a deployment may be used for; nothing set means no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Tokens per sliding 60 seconds.
    pub tokens_per_minute: Option<u64>,
    /// Requests per window.
    pub requests: Option<RequestWindow>,
    /// Tell the wait in `retry-after-ms` as well, as provisioned deployments do.
    pub retry_after_ms: bool,
}

/// At most `count` requests per `per_ms` milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestWindow {
    /// Requests admitted in one window.
    pub count: u64,
    /// Length of the window in milliseconds.
    pub per_ms: u64,
    /// When the window frees.
    #[serde(default)]
    pub kind: WindowKind,
}

/// When a request window frees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowKind {
    /// Each request frees its place one window length after it came.
    #[default]
    Sliding,
    /// All places free together, one window length after the first request.
    Fixed,
}

// === impl Limits ===

impl Limits {
    /// No limit at all.
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// Capacity in Azure's units: 1,000 tokens per minute each, and one request
    /// per unit in each fixed window of 10 seconds.
    pub fn capacity(units: u64) -> Self {
        Self {
            tokens_per_minute: Some(units.saturating_mul(TOKENS_PER_UNIT)),
            requests: Some(RequestWindow { count: units, per_ms: 10_000, kind: WindowKind::Fixed }),
            retry_after_ms: false,
        }
    }

    /// Capacity in Azure's units: 1,000 tokens and ten requests per sliding minute each.
    pub fn capacity_per_minute(units: u64) -> Self {
        Self {
            tokens_per_minute: Some(units.saturating_mul(TOKENS_PER_UNIT)),
            ..Self::requests(units.saturating_mul(10), TOKEN_WINDOW)
        }
    }

    /// `count` requests per sliding `window`, tokens unlimited.
    pub fn requests(count: u64, window: Duration) -> Self {
        Self {
            requests: Some(RequestWindow {
                count,
                per_ms: u64::try_from(window.as_millis()).unwrap_or(u64::MAX),
                kind: WindowKind::Sliding,
            }),
            ..Self::default()
        }
    }

    /// `count` tokens per sliding minute, requests unlimited.
    pub fn tokens_per_minute(count: u64) -> Self {
        Self { tokens_per_minute: Some(count), ..Self::default() }
    }
}

// === impl RequestWindow ===

impl RequestWindow {
    pub(crate) fn length(&self) -> Duration {
        Duration::from_millis(self.per_ms)
    }
}

pub(crate) const TOKEN_WINDOW: Duration = Duration::from_secs(60);
const TOKENS_PER_UNIT: u64 = 1_000;
