//! This worker's timer: it runs while somebody waits for a time, and not otherwise.
//!
//! Envoy keeps a timer for each seat and worker, and it belongs to the seat whose callback sets it.
//! Which one that is does not matter: whichever fires, everything that is due is done, and the timer
//! is set for what is due next. A seat may go with its timer when a configuration is replaced, so a
//! time that has passed without a tick is no reason to wait on.

use std::cell::Cell;

use super::{activity, bodies, holds, host, status};
use crate::time::{Millis, Timestamp};

thread_local! {
    /// When the timer fires next, where it runs.
    static NEXT: Cell<Option<Timestamp>> = const { Cell::new(None) };
}

/// Somebody wants to be called at this time.
pub(super) fn wanted(at: Timestamp, now: Timestamp) {
    let next = NEXT.get();
    if next.is_some_and(|next| now <= next && next <= at) {
        return;
    }
    // Setting it anew puts off what is overdue, so that comes first.
    let overdue = next.is_some_and(|next| next < now);
    let wait = if overdue { Millis(1) } else { at.since(now).max(Millis(1)) };
    NEXT.set(Some(now + wait));
    host::set_timer(wait);
}

/// The timer has fired.
pub(super) fn fired() {
    let now = host::now();
    NEXT.set(None);
    // Gauges are those of the newest configuration; one that is being replaced has none.
    let gauges = status::newest().and_then(|desk| desk.tick(now));
    let next = [holds::tick(now), bodies::tick(now), activity::tick(now), gauges];
    let next = next.into_iter().flatten().min();
    match next {
        Some(next) => wanted(next, now),
        None => host::set_timer(Millis(0)),
    }
}
