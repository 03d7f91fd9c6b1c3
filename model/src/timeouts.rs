//! The router's time-outs: what the route says, and what the downstream filter says for one request.

use std::time::{Duration, SystemTime};

use spillway::config;
use spillway::time::Millis;

use crate::http::Headers;

/// How long a request and its attempts may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    /// With it, the router's timer for silences ends.
    first_byte: Option<Duration>,
    per_try: Option<Duration>,
    stream_idle: Duration,
    request: Option<Duration>,
    /// When the request is over, whatever comes.
    pub(super) deadline: Option<SystemTime>,
}

impl Timeouts {
    /// What the route and the clusters say.
    pub(super) fn new(timeouts: &config::Timeouts) -> Self {
        let span = |millis: Millis| Duration::from_millis(millis.0);
        Self {
            first_byte: timeouts.begins_within().map(span),
            per_try: timeouts.per_try.map(span),
            stream_idle: span(timeouts.stream_idle),
            request: timeouts.request.map(span),
            deadline: None,
        }
    }

    /// For a request that starts now: the headers that say something else are read and removed.
    pub(super) fn begin(mut self, headers: &mut Headers, now: SystemTime) -> Self {
        let mut take = |name: &str| {
            let value = headers.text(name).and_then(|text| text.parse().ok());
            headers.remove(name);
            value.map(Duration::from_millis)
        };
        self.first_byte = take(FIRST_BYTE).or(self.first_byte).filter(|limit| !limit.is_zero());
        self.per_try = take(PER_TRY).or(self.per_try);
        self.request = take(REQUEST).or(self.request);
        self.deadline = self.request.map(|limit| now + limit);
        self
    }

    /// How long an attempt that starts now is waited for until its answer begins.
    pub(super) fn until_first_byte(&self, now: SystemTime) -> Duration {
        self.attempt(self.first_byte.unwrap_or(Duration::MAX).min(self.stream_idle), now)
    }

    /// How long the router waits for an answer that has fallen silent; the attempt took no time so far.
    pub(super) fn until_next_byte(&self, now: SystemTime) -> Duration {
        let ends = self.first_byte.is_some_and(|first_byte| first_byte <= self.stream_idle);
        self.attempt(if ends { Duration::MAX } else { self.stream_idle }, now)
    }

    fn attempt(&self, limit: Duration, now: SystemTime) -> Duration {
        let left = self.deadline.map(|deadline| deadline.duration_since(now).unwrap_or_default());
        [self.per_try, left].into_iter().flatten().fold(limit, Duration::min)
    }
}

const FIRST_BYTE: &str = "x-envoy-upstream-rq-per-try-timeout-ms";
const PER_TRY: &str = "x-envoy-upstream-stream-duration-ms";
const REQUEST: &str = "x-envoy-upstream-rq-timeout-ms";
