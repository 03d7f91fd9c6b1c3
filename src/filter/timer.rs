//! A worker's timer: it runs while something waits for a time, and not otherwise.
//!
//! Envoy keeps a timer for each filter and worker, and it belongs to the filter whose callback sets
//! it. Which one that is does not matter: whichever fires, everything that is due is done, and the
//! timer is set for what is due next. A filter may go with its timer when a configuration is replaced,
//! so a time that has passed without a tick is no reason to wait on.

use super::Call;
use crate::time::{Millis, Timestamp};

/// When the timer fires next, where it runs.
#[derive(Debug, Default)]
pub(super) struct Next(Option<Timestamp>);

impl Call<'_> {
    /// Has the timer fire at this time, or before.
    pub(super) fn wanted(&mut self, at: Timestamp, now: Timestamp) {
        let next = self.worker.timer.0;
        if next.is_some_and(|next| now <= next && next <= at) {
            return;
        }
        // Setting it anew puts off what is overdue, so that comes first.
        let overdue = next.is_some_and(|next| next < now);
        let wait = if overdue { Millis(1) } else { at.since(now).max(Millis(1)) };
        self.worker.timer.0 = Some(now + wait);
        self.host.set_timer(wait);
    }

    /// The timer has fired.
    pub fn on_tick(&mut self) {
        let now = self.host.now();
        self.worker.timer.0 = None;
        // Gauges are those of the newest configuration; one that is being replaced has none.
        let newest = self.worker.newest.clone();
        let gauges = newest.and_then(|own| own.meters.tick(&own.gateway, now, self.host));
        let next = [
            self.end_all(),
            self.release_streams(now),
            self.end_silent_streams(now),
            self.refuse_late_bodies(now),
            self.worker.counted.tick(now, self.host),
            gauges,
        ];
        match next.into_iter().flatten().min() {
            Some(next) => self.wanted(next, now),
            None => self.host.set_timer(Millis(0)),
        }
    }
}
