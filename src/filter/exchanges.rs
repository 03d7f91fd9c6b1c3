//! The requests under way on this worker.
//!
//! Both seats of a worker run in one VM and on one thread, so a request's state stays in memory
//! and only its [`Ticket`] travels from seat to seat, through the stream's filter state. That is
//! one small property instead of a serialised state for each attempt.
//!
//! A ticket names the VM that issued it: after a reload, what is left of older requests must not
//! be taken for a new one in the same slot.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::effects::LAST_WORDS;
use super::meters::Meters;
use super::{activity, bodies, host, timer};
use crate::breaker::CircuitId;
use crate::breaker::board::Turn;
use crate::exchange::{Effect, Event, Exchange, Passing, Shared, World};
use crate::gateway::Gateway;
use crate::observation::Observation;
use crate::pool::Local;
use crate::status::Rows;
use crate::status::report::Config as About;
use crate::time::{Millis, Timestamp};

/// A gateway and what this worker knows of its pools.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) gateway: Rc<Gateway>,
    /// What is counted for the status, by row.
    pub(super) rows: Rows,
    pub(super) about: About,
    pools: RefCell<Vec<Local>>,
    pub(super) meters: Meters,
    /// By backend, where it is not the backend's own name.
    clusters: HashMap<String, String>,
}

/// Which request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    vm: u64,
    slot: u32,
    serial: u32,
}

#[derive(Default)]
struct Exchanges {
    /// When this VM issued its first ticket, in nanoseconds where the clock has them.
    vm: Option<u64>,
    serial: u32,
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    /// The request that Envoy is about to bring back.
    redirected: Option<Ticket>,
}

struct Slot {
    serial: u32,
    /// The gateway seat's context.
    context: u32,
    desk: Rc<Desk>,
    exchange: Exchange,
    /// Whether more of the client's body is to come.
    receives: bool,
}

thread_local! {
    static EXCHANGES: RefCell<Exchanges> = RefCell::default();
}

impl Desk {
    pub(super) fn new(gateway: Gateway, clusters: HashMap<String, String>, about: About) -> Self {
        let pools = RefCell::new(gateway.pools());
        let rows = Rows::new(&gateway.config);
        let meters = Meters::default();
        meters.begin(&gateway);
        Self { gateway: Rc::new(gateway), rows, about, pools, meters, clusters }
    }

    /// Carries what the core tells to where an operator sees it.
    fn tell(&self, observation: &Observation) {
        self.meters.tell(observation, &self.gateway);
    }

    /// A circuit has changed.
    fn circuit_turned(&self, circuit: CircuitId, turn: Turn) {
        for (model, member) in self.gateway.covered(circuit) {
            self.tell(&Observation::Circuit { model, member, turn });
        }
        let now = host::now();
        if let Some(due) = self.meters.set_gauges(&self.gateway, now) {
            timer::wanted(due, now);
        }
    }

    /// Another configuration takes this one's place.
    pub(super) fn leaves_to(&self, next: &Self) {
        self.meters.close(&self.gateway, &next.gateway);
    }

    /// The timer has fired. Tells when it should the next time.
    pub(super) fn tick(&self, now: Timestamp) -> Option<Timestamp> {
        self.meters.tick(&self.gateway, now)
    }
}

/// Takes a new request in.
pub(super) fn open(desk: &Rc<Desk>, context: u32) -> Ticket {
    let exchange = Exchange::new(desk.gateway.clone());
    EXCHANGES.with_borrow_mut(|all| all.open(desk.clone(), exchange, context))
}

/// Tells a request what happened. `None`: it is not known in this VM.
pub(super) fn on(ticket: Ticket, event: Event<'_>) -> Option<Vec<Effect>> {
    EXCHANGES.with_borrow_mut(|all| {
        let Slot { desk, exchange, .. } = all.find(ticket)?;
        let mut pools = desk.pools.try_borrow_mut().ok()?;
        let shared = Shared {
            clock: &host::moment,
            board: &host::board,
            record: &host::record,
            draw: &host::draw,
        };
        let mut world = World::new(&mut pools, &shared);
        let effects = exchange.on(event, &mut world);
        for effect in &effects {
            if let Effect::Tell(observation) = effect {
                activity::note(desk, observation, exchange.asked_next(), world.now());
            }
        }
        Some(effects)
    })
}

/// Tells what was observed of a request.
pub(super) fn tell(ticket: Ticket, observation: &Observation) {
    if let Some(desk) = desk(ticket) {
        desk.tell(observation);
    }
}

/// Tells that a request has changed a circuit.
pub(super) fn circuit_turned(ticket: Ticket, circuit: CircuitId, turn: Turn) {
    if let Some(desk) = desk(ticket) {
        desk.circuit_turned(circuit, turn);
    }
}

fn desk(ticket: Ticket) -> Option<Rc<Desk>> {
    EXCHANGES.with_borrow_mut(|all| Some(all.find(ticket)?.desk.clone()))
}

/// Lets bytes of a request's body pass.
pub(super) fn pass(ticket: Ticket, passing: Passing) -> Vec<Effect> {
    EXCHANGES.with_borrow_mut(|all| {
        all.find(ticket).map(|slot| slot.exchange.pass(passing)).unwrap_or_default()
    })
}

/// The body of a request is awaited, and must be there in time.
pub(super) fn await_body(ticket: Ticket, within: Millis) {
    EXCHANGES.with_borrow_mut(|all| {
        if let Some(slot) = all.find(ticket) {
            slot.receives = true;
        }
    });
    bodies::awaits(ticket, host::now(), within);
}

/// The body of a request is there, or will not come.
pub(super) fn received(ticket: Ticket) {
    EXCHANGES.with_borrow_mut(|all| {
        if let Some(slot) = all.find(ticket) {
            slot.receives = false;
        }
    });
}

/// Whether more of a request's body is to come.
pub(super) fn receives(ticket: Ticket) -> bool {
    EXCHANGES.with_borrow_mut(|all| all.find(ticket).is_some_and(|slot| slot.receives))
}

/// Has what follows in this callback be about the stream of this request, at the gateway seat.
pub(super) fn enter(ticket: Ticket) -> bool {
    let context = EXCHANGES.with_borrow_mut(|all| Some(all.find(ticket)?.context));
    context.is_some_and(host::enter)
}

/// Whether the answer may be a stream of events, as far as the request tells.
pub(super) fn may_stream(ticket: Ticket) -> bool {
    EXCHANGES.with_borrow_mut(|all| all.find(ticket).is_none_or(|slot| slot.exchange.may_stream()))
}

/// Whether the request may ask for another protocol.
pub(super) fn may_switch(ticket: Ticket) -> bool {
    EXCHANGES.with_borrow_mut(|all| all.find(ticket).is_some_and(|slot| slot.exchange.may_switch()))
}

/// Has the client's answer go on behind the gateway seat, with these words for the writer seat.
pub(super) fn have_last_words(ticket: Ticket, words: &[u8]) {
    let context = EXCHANGES.with_borrow_mut(|all| Some(all.find(ticket)?.context));
    if let Some(context) = context {
        host::resume_answer_with(context, LAST_WORDS, words);
    }
}

/// The attempts of a request so far, for the access log.
pub(super) fn attempts_text(ticket: Ticket) -> Option<String> {
    EXCHANGES.with_borrow_mut(|all| Some(all.find(ticket)?.exchange.attempts_text()))
}

/// The cluster of this backend, for this request: a request stays with the definition of a backend
/// that it began with, whatever a reload makes of that name (ADR 15).
pub(super) fn cluster(ticket: Ticket, backend: String) -> String {
    let found =
        EXCHANGES.with_borrow_mut(|all| all.find(ticket)?.desk.clusters.get(&backend).cloned());
    found.unwrap_or(backend)
}

/// Whether Envoy was asked to bring this request back: then it is not over with its stream.
pub(super) fn comes_back(ticket: Ticket) -> bool {
    EXCHANGES.with_borrow_mut(|all| all.find(ticket).is_some_and(|slot| slot.exchange.comes_back()))
}

/// Lets go of a request that is over; not of one that Envoy was asked to bring back.
pub(super) fn close(ticket: Ticket) {
    EXCHANGES.with_borrow_mut(|all| match all.find(ticket) {
        Some(slot) if slot.exchange.comes_back() => {
            if let Some(lost) = all.redirected.replace(ticket) {
                all.close(lost);
            }
        }
        _ => all.close(ticket),
    });
}

/// The request that Envoy was asked to bring back, if there is one.
///
/// Envoy ends the stream that it redirects and begins the new one in one go. So whatever arrives
/// next is that request, or that request will never come.
pub(super) fn take_redirected() -> Option<Ticket> {
    EXCHANGES.with_borrow_mut(|all| all.redirected.take())
}

/// The request has come back, to the gateway seat of this context.
pub(super) fn take_over(ticket: Ticket, context: u32) {
    EXCHANGES.with_borrow_mut(|all| {
        if let Some(slot) = all.find(ticket) {
            slot.context = context;
        }
    });
}

/// Lets go of a request that was to come back and will not.
pub(super) fn forget(ticket: Ticket) {
    EXCHANGES.with_borrow_mut(|all| all.close(ticket));
}

impl Exchanges {
    fn open(&mut self, desk: Rc<Desk>, exchange: Exchange, context: u32) -> Ticket {
        let vm = *self.vm.get_or_insert_with(|| host::now().0);
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        let entry = Some(Slot { serial, context, desk, exchange, receives: false });
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(None);
                u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
            }
        };
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = entry;
        }
        Ticket { vm, slot, serial }
    }

    fn find(&mut self, ticket: Ticket) -> Option<&mut Slot> {
        if self.vm != Some(ticket.vm) {
            return None;
        }
        let slot = self.slots.get_mut(ticket.slot as usize)?.as_mut();
        slot.filter(|slot| slot.serial == ticket.serial)
    }

    fn close(&mut self, ticket: Ticket) {
        if self.find(ticket).is_some() {
            if let Some(place) = self.slots.get_mut(ticket.slot as usize) {
                *place = None;
            }
            self.free.push(ticket.slot);
        }
    }
}

impl Ticket {
    pub(super) fn to_bytes(self) -> [u8; 16] {
        let (slot, serial) = (u128::from(self.slot), u128::from(self.serial));
        (u128::from(self.vm) << 64 | slot << 32 | serial).to_be_bytes()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let all = u128::from_be_bytes(bytes.try_into().ok()?);
        let part = |shift: u32| u32::try_from(all >> shift & u128::from(u32::MAX)).ok();
        Some(Self { vm: u64::try_from(all >> 64).ok()?, slot: part(32)?, serial: part(0)? })
    }
}
