//! Streams that are held back, and the timer that lets them go.
//!
//! A held stream waits for its backend's next bytes, and Envoy calls nobody while none come. So the
//! filter's timer runs while streams are held: it is set when the first one is, and switched off
//! when it finds none. Streams that were judged in the meantime are not taken out one by one; the
//! timer, when it fires, finds them released.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::effects::carry_out;
use super::exchanges::{self, Ticket};
use super::host;
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

#[derive(Default)]
struct Holds {
    held: Vec<Held>,
    /// When the timer fires next, where it runs.
    timer: Option<Timestamp>,
}

thread_local! {
    static HOLDS: RefCell<Holds> = RefCell::default();
}

impl Hold {
    /// Holds the stream of this context, but no longer than `time`.
    pub(super) fn start(context: u32, ticket: Ticket, time: Millis) -> Self {
        let hold = Self(Rc::new(Cell::new(true)));
        let now = host::now();
        let held = Held { until: now + time, context, ticket, hold: hold.clone() };
        HOLDS.with_borrow_mut(|holds| {
            holds.held.push(held);
            holds.set_timer(now);
        });
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

/// The timer has fired: lets go of every stream that was held for long enough.
pub(super) fn tick() {
    let now = host::now();
    let due = HOLDS.with_borrow_mut(|holds| {
        holds.timer = None;
        let all = std::mem::take(&mut holds.held).into_iter().filter(|held| held.hold.is_on());
        let (due, rest) = all.partition(|held| held.until <= now);
        holds.held = rest;
        due
    });
    let due: Vec<Held> = due;
    for held in due {
        held.hold.release();
        if let Some(effects) = exchanges::on(held.ticket, Event::HeldLongEnough) {
            carry_out(held.ticket, effects);
            host::resume_answer_of(held.context);
        }
    }
    HOLDS.with_borrow_mut(|holds| holds.set_timer(now));
}

impl Holds {
    /// Has the timer fire when the first stream is due; where none is held, not at all.
    fn set_timer(&mut self, now: Timestamp) {
        let first = self.held.iter().map(|held| held.until).min();
        match (first, self.timer) {
            (None, _) => host::set_timer(Millis(0)),
            (Some(first), Some(timer)) if timer <= first => {}
            (Some(first), _) => {
                self.timer = Some(first);
                host::set_timer(first.since(now).max(Millis(1)));
            }
        }
    }
}
