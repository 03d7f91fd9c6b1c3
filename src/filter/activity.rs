//! What this worker has counted for the status and not yet handed in.

use super::Call;
use super::instance::Instance;
use crate::host::Host;
use crate::observation::Observation;
use crate::status::{Activity, activity};
use crate::time::{Millis, Timestamp};

/// What was counted.
#[derive(Debug)]
pub(super) struct Counted {
    seen: Activity,
    /// When it is handed in.
    due: Option<Timestamp>,
    /// Any number that other workers do not have.
    worker: u64,
    /// When this worker began to count.
    since: Option<Timestamp>,
}

impl Counted {
    /// Nothing, at a worker that has this number.
    pub(super) fn new(worker: u64) -> Self {
        Self { seen: Activity::default(), due: None, worker, since: None }
    }

    /// Hands in what is due. Returns when the next time is.
    pub(super) fn tick(&mut self, now: Timestamp, host: &dyn Host) -> Option<Timestamp> {
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            let mut seen = std::mem::take(&mut self.seen);
            seen.sign(self.worker, self.since.unwrap_or(now), now);
            activity::hand_in(host, &seen, now);
        }
        self.due
    }
}

impl Call<'_> {
    /// Counts what was told. `next` is the member that is asked next, should one be.
    pub(super) fn count(
        &mut self,
        instance: &Instance,
        observation: &Observation,
        next: Option<usize>,
        now: Timestamp,
    ) {
        let counted = &mut self.worker.counted;
        counted.seen.note(&instance.rows, observation, next, now);
        if counted.due.is_none() && !counted.seen.is_empty() {
            let due = now + HAND_IN_AFTER;
            counted.due = Some(due);
            counted.since.get_or_insert(now);
            self.wanted(due, now);
        }
    }
}

/// The page asks every second: with this it is never more than two seconds behind.
const HAND_IN_AFTER: Millis = Millis(500);
