//! Streams and openings that are held back, and the timer that lets them go.
//!
//! A held stream waits for its backend's next bytes, and Envoy calls nobody while none come. So the
//! timer runs while streams are held. Streams that were judged in the meantime are not taken out
//! one by one; the timer, when it fires, finds them released.

use super::Call;
use super::requests::{RequestHandle, Requests};
use crate::exchange::Exchange;
use crate::host::StreamId;
use crate::time::{Millis, Timestamp};

/// The streams that were held, some of which still are.
#[derive(Debug, Default)]
pub(super) struct HeldStreams(Vec<Held>);

#[derive(Debug, Clone, Copy)]
struct Held {
    until: Timestamp,
    stream: StreamId,
    request: RequestHandle,
}

impl Held {
    /// Whether it is still held, and not that of a later attempt.
    fn is_on(&self, requests: &mut Requests) -> bool {
        requests.find(self.request).is_some_and(|request| {
            request.upstream == Some(self.stream) && request.exchange.is_held()
        })
    }
}

impl Call<'_> {
    /// Returns `true` if the answer of this request's attempt is held.
    pub(super) fn is_held(&mut self, request: RequestHandle) -> bool {
        self.exchange(request).is_some_and(|exchange| exchange.is_held())
    }

    /// Holds the answer of this request's attempt, but no longer than `time`.
    pub(super) fn hold_stream(&mut self, request: RequestHandle, stream: StreamId, time: Millis) {
        let now = self.host.now();
        let until = now + time;
        self.worker.held_streams.0.push(Held { until, stream, request });
        self.wanted(until, now);
    }

    /// Lets go of every stream that was held for long enough. Returns when the next one will have been.
    pub(super) fn release_streams(&mut self, now: Timestamp) -> Option<Timestamp> {
        let requests = &mut self.worker.requests;
        let held = &mut self.worker.held_streams.0;
        held.retain(|held| held.is_on(requests));
        let due: Vec<Held> = held.extract_if(.., |held| held.until <= now).collect();
        for held in due {
            self.on(held.request, Exchange::on_hold_expired);
            if self.host.enter(held.stream) {
                self.host.resume_response();
            }
        }
        self.worker.held_streams.0.iter().map(|held| held.until).min()
    }
}
