//! What this worker has counted and not yet handed in.

use std::cell::RefCell;

use super::exchanges::Desk;
use super::{host, timer};
use crate::observation::Observation;
use crate::status::Activity;
use crate::time::{Millis, Timestamp};

#[derive(Default)]
struct Counted {
    seen: Activity,
    /// When it is handed in.
    due: Option<Timestamp>,
    /// Any number that other workers do not have, and when this one began to count.
    worker: Option<(u64, Timestamp)>,
}

thread_local! {
    static COUNTED: RefCell<Counted> = RefCell::default();
}

/// Counts what was told. `next` is the member that is asked next, should one be.
pub(super) fn note(desk: &Desk, observation: &Observation, next: Option<usize>, now: Timestamp) {
    COUNTED.with_borrow_mut(|counted| {
        counted.seen.note(&desk.rows, observation, next, now);
        if counted.due.is_none() && !counted.seen.is_empty() {
            let due = now + HAND_IN_AFTER;
            counted.due = Some(due);
            counted.worker.get_or_insert_with(|| (host::draw(), now));
            timer::wanted(due, now);
        }
    });
}

/// The timer has fired: hands in what is due. Tells when the next time is.
pub(super) fn tick(now: Timestamp) -> Option<Timestamp> {
    COUNTED.with_borrow_mut(|counted| {
        if counted.due.is_some_and(|due| due <= now) {
            counted.due = None;
            let mut seen = std::mem::take(&mut counted.seen);
            let (worker, since) = *counted.worker.get_or_insert_with(|| (host::draw(), now));
            seen.sign(worker, since, now);
            host::hand_in(&seen);
        }
        counted.due
    })
}

/// The page asks every second: with this it is never more than two seconds behind.
const HAND_IN_AFTER: Millis = Millis(500);
