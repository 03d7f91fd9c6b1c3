//! Bodies on their way in: how much of them is held, and how long each may take.
//!
//! Envoy calls nothing while a client sends nothing, so the [`timer`] runs while bodies are awaited.
//! Nearly all are there within milliseconds: what has arrived is not taken out one by one, but when
//! the list has doubled, and when the timer fires.

use std::cell::RefCell;

use super::effects::carry_out;
use super::exchanges::{self, Ticket};
use super::meters::Meters;
use super::timer;
use crate::exchange::Passing;
use crate::gateway::Gateway;
use crate::held::Held;
use crate::time::{Millis, Timestamp};

#[derive(Default)]
struct Awaited {
    bodies: Vec<(Timestamp, Ticket)>,
    /// The list is looked through when it is as long as this.
    most: usize,
}

thread_local! {
    static HELD: RefCell<Held> = RefCell::default();
    static AWAITED: RefCell<Awaited> = RefCell::default();
}

/// A body that is held has grown or gone. Whether all that are held are now too much.
pub(super) fn held(from: usize, to: usize, meters: &Meters, gateway: &Gateway) -> bool {
    let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    HELD.with_borrow_mut(|held| {
        if let Some(by) = held.moves(count(from), count(to))
            && let Some(all) = meters.move_held(by, gateway)
        {
            held.shared_is(all);
        }
        let most = gateway.config.max_held_bodies;
        // What the others held may be gone: a worker with small bodies seldom tells, and seldom asks.
        if held.exceeds(most)
            && let Some(all) = meters.held(gateway)
        {
            held.shared_is(all);
        }
        held.exceeds(most)
    })
}

/// The body of this request must be there `within` this time.
pub(super) fn awaits(ticket: Ticket, now: Timestamp, within: Millis) {
    let until = now + within;
    AWAITED.with_borrow_mut(|awaited| {
        if awaited.bodies.len() >= awaited.most {
            awaited.bodies.retain(|(_, ticket)| exchanges::receives(*ticket));
            awaited.most = awaited.bodies.len().saturating_mul(2).max(LEAST);
        }
        awaited.bodies.push((until, ticket));
    });
    timer::wanted(until, now);
}

/// The timer has fired: refuses the requests whose bodies are late. Tells when the next one will be.
pub(super) fn tick(now: Timestamp) -> Option<Timestamp> {
    let late: Vec<Ticket> = AWAITED.with_borrow_mut(|awaited| {
        awaited.bodies.retain(|(_, ticket)| exchanges::receives(*ticket));
        let late = |(until, _): &(Timestamp, Ticket)| *until <= now;
        awaited.bodies.extract_if(.., |body| late(body)).map(|(_, ticket)| ticket).collect()
    });
    for ticket in late {
        exchanges::received(ticket);
        let effects = exchanges::pass(ticket, Passing::Late);
        if exchanges::enter(ticket) {
            carry_out(ticket, effects);
        }
    }
    AWAITED.with_borrow(|awaited| awaited.bodies.iter().map(|(until, _)| *until).min())
}

/// A shorter list is not worth looking through.
const LEAST: usize = 64;
