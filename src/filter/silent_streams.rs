//! Answers that have begun and fall silent, where Envoy does not see to it.
//!
//! Envoy's timer for silences stops with the one for an attempt's beginning
//! ([`crate::config::Timeouts::begins_within`]). Where both are wanted, the worker's own timer looks
//! after the answers that have begun: one that is silent for too long ends with its error event, where
//! it is a stream, and its backend is blamed.

use super::Call;
use super::requests::{RequestHandle, Requests};
use crate::host::StreamId;
use crate::time::{Millis, Timestamp};

/// The answers that are looked after, some of which have ended.
#[derive(Debug, Default)]
pub(super) struct SilentStreams(Vec<Watched>);

#[derive(Debug, Clone, Copy)]
struct Watched {
    limit: Millis,
    stream: StreamId,
    request: RequestHandle,
}

impl Watched {
    /// When it will have been silent for too long, if it has not ended.
    fn until(&self, requests: &mut Requests) -> Option<Timestamp> {
        let request = requests.find(self.request)?;
        let heard = request.heard.filter(|_| request.upstream == Some(self.stream))?;
        Some(heard + self.limit)
    }
}

impl Call<'_> {
    /// The answer of this request's attempt has begun.
    pub(super) fn watch_silence(&mut self, handle: RequestHandle, stream: StreamId) {
        let Some(request) = self.worker.requests.find(handle) else { return };
        let Some(limit) = request.exchange.silence_to_end() else { return };
        let now = self.host.now();
        request.heard = Some(now);
        self.worker.silent_streams.0.push(Watched { limit, stream, request: handle });
        self.wanted(now + limit, now);
    }

    /// More of the answer is there. `end`: all of it.
    pub(super) fn hears(&mut self, handle: RequestHandle, end: bool) {
        let Some(request) = self.worker.requests.find(handle) else { return };
        if request.heard.is_some() {
            request.heard = if end { None } else { Some(self.host.now()) };
        }
    }

    /// Ends what was silent for too long. Returns when the next one will have been.
    pub(super) fn end_silent_streams(&mut self, now: Timestamp) -> Option<Timestamp> {
        let requests = &mut self.worker.requests;
        let watched = &mut self.worker.silent_streams.0;
        watched.retain(|watched| watched.until(requests).is_some());
        let is_due = |watched: &mut Watched| watched.until(requests).is_some_and(|at| at <= now);
        let due: Vec<Watched> = watched.extract_if(.., is_due).collect();
        for watched in due {
            self.end_silent(watched);
        }
        let requests = &mut self.worker.requests;
        self.worker.silent_streams.0.iter().filter_map(|watched| watched.until(requests)).min()
    }

    fn end_silent(&mut self, watched: Watched) {
        let Some(request) = self.worker.requests.find(watched.request) else { return };
        if request.exchange.is_held() {
            // Nobody has seen anything of it, so Envoy ends the attempt.
            return;
        }
        request.heard = None;
        request.ended = Some(watched.stream);
        let downstream = request.downstream;
        if !self.host.enter(downstream) {
            return;
        }
        self.on(watched.request, |exchange, cx| exchange.on_upstream_reset(false, cx));
        if self.host.enter(downstream) {
            self.host.end_response();
        }
    }
}
