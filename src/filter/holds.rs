//! Streams that are held back, and the timer that lets them go.
//!
//! A held stream waits for its backend's next bytes, and Envoy calls nobody while none come. So the
//! [`timer`] runs while streams are held. Streams that were judged in the meantime are not taken out
//! one by one; the timer, when it fires, finds them released.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::effects::carry_out;
use super::exchanges::{self, Ticket};
use super::{host, timer};
use crate::exchange::Event;
use crate::time::{Millis, Timestamp};

/// Whether a stream is held, as its seat and the timer both see it.
#[derive(Debug, Clone, Default)]
pub(super) struct Hold(Rc<Cell<bool>>);

struct Held {
    until: Timestamp,
    context: u32,
    ticket: Ticket,
    hold: Hold,
}

thread_local! {
    static HELD: RefCell<Vec<Held>> = RefCell::default();
}

impl Hold {
    /// Holds the stream of this context, but no longer than `time`.
    pub(super) fn start(context: u32, ticket: Ticket, time: Millis) -> Self {
        let hold = Self(Rc::new(Cell::new(true)));
        let now = host::now();
        let until = now + time;
        HELD.with_borrow_mut(|held| held.push(Held { until, context, ticket, hold: hold.clone() }));
        timer::wanted(until, now);
        hold
    }

    /// Whether it is still held.
    pub(super) fn is_on(&self) -> bool {
        self.0.get()
    }

    /// Lets it go. Tells whether it was still held.
    pub(super) fn release(&self) -> bool {
        self.0.replace(false)
    }
}

/// The timer has fired: lets go of every stream that was held for long enough. Tells when the next
/// one will have been.
pub(super) fn tick(now: Timestamp) -> Option<Timestamp> {
    let due: Vec<Held> = HELD.with_borrow_mut(|held| {
        let all = std::mem::take(held).into_iter().filter(|held| held.hold.is_on());
        let (due, rest) = all.partition(|held| held.until <= now);
        *held = rest;
        due
    });
    for held in due {
        held.hold.release();
        if let Some(effects) = exchanges::on(held.ticket, Event::HeldLongEnough) {
            carry_out(held.ticket, effects);
            host::resume_answer_of(held.context);
        }
    }
    HELD.with_borrow(|held| held.iter().map(|held| held.until).min())
}
