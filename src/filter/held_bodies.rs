//! Bodies on their way in: how much of them is held, and how long each may take.
//!
//! Envoy calls nothing while a client sends nothing, so the timer runs while bodies are awaited.
//! Nearly all are there within milliseconds: what has arrived is not taken out one by one, but when
//! the list has doubled, and when the timer fires.

use super::Call;
use super::instance::Instance;
use super::requests::{RequestHandle, Requests};
use crate::held::Held;
use crate::time::{Millis, Timestamp};

/// What of bodies is held, and which are awaited.
#[derive(Debug, Default)]
pub(super) struct HeldBodies {
    held: Held,
    awaited: Vec<(Timestamp, RequestHandle)>,
    /// The list is looked through when it is as long as this.
    most: usize,
}

impl Call<'_> {
    /// A body that is held has grown or gone. Returns whether all that are held are now too much.
    pub(super) fn hold_body(&mut self, from: usize, to: usize, instance: &Instance) -> bool {
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let (held, gateway) = (&mut self.worker.held_bodies.held, &instance.gateway);
        if let Some(by) = held.moves(count(from), count(to))
            && let Some(all) = instance.meters.move_held(by, gateway, self.host)
        {
            held.shared_is(all);
        }
        let most = gateway.config.max_held_bodies;
        // What the others held may be gone: a worker with small bodies seldom tells, and seldom asks.
        if held.exceeds(most)
            && let Some(all) = instance.meters.held(gateway, self.host)
        {
            held.shared_is(all);
        }
        held.exceeds(most)
    }

    /// The body of this request must be there `within` this time.
    pub(super) fn await_body(&mut self, request: RequestHandle, within: Millis) {
        let now = self.host.now();
        let until = now + within;
        let (bodies, requests) = (&mut self.worker.held_bodies, &mut self.worker.requests);
        if bodies.awaited.len() >= bodies.most {
            bodies.awaited.retain(|(_, handle)| receives(requests, *handle));
            bodies.most = bodies.awaited.len().saturating_mul(2).max(LEAST);
        }
        bodies.awaited.push((until, request));
        self.wanted(until, now);
    }

    /// Refuses the requests whose bodies are late. Returns when the next one will be.
    pub(super) fn refuse_late_bodies(&mut self, now: Timestamp) -> Option<Timestamp> {
        let (bodies, requests) = (&mut self.worker.held_bodies, &mut self.worker.requests);
        bodies.awaited.retain(|(_, handle)| receives(requests, *handle));
        let late = bodies.awaited.extract_if(.., |(until, _)| *until <= now);
        let late: Vec<RequestHandle> = late.map(|(_, handle)| handle).collect();
        for handle in late {
            self.receives(handle, false);
            let Some(request) = self.worker.requests.find(handle) else { continue };
            let (stream, reply) = (request.downstream, request.exchange.on_body_late());
            if self.host.enter(stream) {
                self.refuse(&reply);
            }
        }
        self.worker.held_bodies.awaited.iter().map(|(until, _)| *until).min()
    }
}

fn receives(requests: &mut Requests, handle: RequestHandle) -> bool {
    requests.find(handle).is_some_and(|request| request.receives)
}

/// A shorter list is not worth looking through.
const LEAST: usize = 64;
