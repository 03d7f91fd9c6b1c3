//! What one worker knows, for all of its streams.

use std::rc::Rc;

use super::activity::Counted;
use super::carry_out::{ATTEMPTS, Carry};
use super::connections::Connections;
use super::held_bodies::HeldBodies;
use super::held_streams::HeldStreams;
use super::instance::Instance;
use super::requests::{RequestHandle, Requests};
use super::silent_streams::SilentStreams;
use super::timer::Next;
use super::{Action, Call};
use crate::exchange::flow::Passage;
use crate::exchange::{Context, Effect, Exchange};
use crate::host::Host;
use crate::reply::Reply;

/// One worker's state.
#[derive(Debug)]
pub struct Worker {
    pub(super) requests: Requests,
    pub(super) connections: Connections,
    pub(super) held_streams: HeldStreams,
    pub(super) silent_streams: SilentStreams,
    pub(super) held_bodies: HeldBodies,
    pub(super) counted: Counted,
    pub(super) timer: Next,
    /// The process ends, and what runs is not ended yet.
    pub(super) shuts_down: bool,
    /// The instance that was configured last. While Envoy replaces one by another, both serve.
    pub(super) newest: Option<Rc<Instance>>,
    /// Where effects are put between an event and their being carried out.
    effects: Vec<Effect>,
}

impl Worker {
    /// A worker that starts now.
    pub fn new(host: &dyn Host) -> Self {
        Self {
            requests: Requests::new(host.moment().0),
            connections: Connections::new(),
            held_streams: HeldStreams::default(),
            silent_streams: SilentStreams::default(),
            held_bodies: HeldBodies::default(),
            counted: Counted::new(host.draw()),
            timer: Next::default(),
            shuts_down: false,
            newest: None,
            effects: Vec::new(),
        }
    }

    /// The instance that was configured last.
    pub const fn newest(&self) -> Option<&Rc<Instance>> {
        self.newest.as_ref()
    }
}

impl Call<'_> {
    /// Tells a request what happened, and carries out what it wants besides. Returns `None` if it is
    /// not known in this VM.
    pub(super) fn on<R>(
        &mut self,
        handle: RequestHandle,
        event: impl FnOnce(&mut Exchange, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let mut effects = std::mem::take(&mut self.worker.effects);
        let Some(request) = self.worker.requests.find(handle) else {
            self.worker.effects = effects;
            return None;
        };
        let (instance, downstream) = (request.instance.clone(), request.downstream);
        let (result, moment) = {
            let mut pools = instance.pools.borrow_mut();
            let mut cx = Context::new(&mut pools, self.host, &mut effects);
            (event(&mut request.exchange, &mut cx), cx.known_moment())
        };
        let (next, client) = (request.exchange.asked_next(), request.exchange.known_client());
        let carry = Carry { handle, instance: &instance, downstream, client, next, moment };
        for effect in effects.drain(..) {
            self.carry_out(effect, &carry);
        }
        self.worker.effects = effects;
        Some(result)
    }

    /// The exchange of a request, for what leaves nothing to be done.
    pub(super) fn exchange(&mut self, handle: RequestHandle) -> Option<&mut Exchange> {
        self.worker.requests.find(handle).map(|request| &mut request.exchange)
    }

    /// Answers the client instead of letting a request go on.
    pub(super) fn refuse(&self, reply: &Reply) -> Action {
        self.host.set_state(ATTEMPTS, reply.reason.word().as_bytes());
        self.reply(reply);
        Action::Pause
    }

    /// Answers the client.
    pub(super) fn reply(&self, reply: &Reply) {
        self.host.reply(reply.status, &reply.headers, &reply.body);
    }

    /// Lets something pass, or answers the client.
    pub(super) fn pass(&self, passage: Option<Passage>) -> Action {
        match passage {
            Some(Passage::Reply(reply)) => self.refuse(&reply),
            Some(Passage::Continue) | None => Action::Continue,
        }
    }

    /// Whether more of a request's body is to come.
    pub(super) fn receives(&mut self, handle: RequestHandle, more: bool) {
        if let Some(request) = self.worker.requests.find(handle) {
            request.receives = more;
        }
    }
}
