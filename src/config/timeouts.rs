//! How long things may take: the time-outs, and how long an answer's first content is waited for.

use crate::time::Millis;

/// The time-outs of a request and of its attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// How long a connection to a backend may take, where the backend has no own.
    pub connect: Millis,
    /// How long an attempt may take until its answer begins.
    pub first_byte: Millis,
    /// How long a whole attempt may take, its answer's body included. `None`: as long as it likes.
    pub per_try: Option<Millis>,
    /// How long nothing may come of an attempt.
    pub stream_idle: Millis,
    /// How long a client may take to send a request's body.
    pub request_body: Millis,
    /// How long all attempts may take together. `None`: as long as they like.
    pub request: Option<Millis>,
    /// How long running requests may take to finish once the gateway is told to end.
    pub drain: Millis,
}

impl Timeouts {
    /// How long Envoy waits for an attempt's beginning; `None`: the time for silences is all it needs.
    ///
    /// When this time-out passes, Envoy stops its timer for silences as well, also if the answer has
    /// begun by then (`UpstreamRequest::onPerTryTimeout`). So it is only used where it is the shorter
    /// one, and there the filter ends what falls silent later.
    pub fn begins_within(&self) -> Option<Millis> {
        Some(self.first_byte).filter(|first_byte| *first_byte < self.stream_idle)
    }
}

impl Default for Timeouts {
    /// What holds where the file says nothing.
    fn default() -> Self {
        Self {
            connect: Millis::from_secs(5),
            first_byte: Millis::from_secs(600),
            per_try: None,
            stream_idle: Millis::from_secs(600),
            request_body: Millis::from_secs(300),
            request: None,
            drain: Millis::from_secs(25),
        }
    }
}

/// How far an answer is held back until its first content is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstEvent {
    /// For how long.
    pub time: Millis,
    /// For how many bytes.
    pub size: u64,
}

impl Default for FirstEvent {
    /// What holds where the file says nothing.
    fn default() -> Self {
        Self { time: Millis::from_secs(10), size: 64 << 10 }
    }
}
