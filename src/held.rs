//! How much of requests' bodies is held at once, by all workers of an Envoy.
//!
//! A body that must be read is held until it is there, so clients that send bodies slowly could take
//! all memory, each with a body of a permitted length. The bytes that are there are counted (what a
//! client announces costs nothing), and a body that would exceed the limit is refused.
//!
//! All workers share one number, a gauge of Envoy's. Asking it for every part of every body would
//! cost more than reading most bodies, so a worker tells its part in steps, and knows the others' as
//! of then. The sum is off by at most a step for each worker.

#![warn(clippy::arithmetic_side_effects)]

/// What one worker knows of all bodies that are held.
#[derive(Debug, Default)]
pub struct Held {
    /// Bytes that this worker holds.
    own: u64,
    /// What of them the others know.
    told: u64,
    /// What the others hold, as of when this worker told its own.
    others: u64,
}

impl Held {
    /// A body has grown or gone, `from` one number of bytes `to` another. Returns what the shared number
    /// is to be moved by, where that is due; its new value is told with [`Held::shared_is`].
    pub fn moves(&mut self, from: u64, to: u64) -> Option<i64> {
        self.own = self.own.saturating_sub(from).saturating_add(to);
        let idle = self.own == 0 && self.told != 0;
        if self.own.abs_diff(self.told) < STEP && !idle {
            return None;
        }
        let by = i64::try_from(self.own.abs_diff(self.told)).unwrap_or(i64::MAX);
        let by = if self.own < self.told { by.saturating_neg() } else { by };
        self.told = self.own;
        Some(by)
    }

    /// What all workers hold together, this worker's part included.
    pub const fn shared_is(&mut self, all: u64) {
        self.others = all.saturating_sub(self.told);
    }

    /// Whether more is held than may be.
    pub const fn exceeds(&self, most: u64) -> bool {
        self.own.saturating_add(self.others) > most
    }
}

/// So many bytes a worker holds without telling.
const STEP: u64 = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn small_bodies_come_and_go_untold() {
        let mut held = Held::default();
        for _ in 0..1000 {
            assert_eq!((held.moves(0, 1000), held.moves(1000, 0)), (None, None));
        }
    }

    #[test]
    fn what_is_held_is_told_in_steps_and_taken_back() {
        let mut held = Held::default();
        assert_eq!(held.moves(0, STEP - 1), None);
        assert_eq!(held.moves(STEP - 1, STEP), Some(STEP as i64));
        assert_eq!(held.moves(STEP, 1), None);
        assert_eq!(held.moves(1, 0), Some(-(STEP as i64)), "nothing is left over");
        assert_eq!(held.moves(0, 0), None);
    }

    #[test]
    fn what_others_have_let_go_is_known_when_it_is_asked_for() {
        let mut held = Held::default();
        assert_eq!(held.moves(0, STEP), Some(STEP as i64));
        held.shared_is(10 * STEP);
        assert_eq!(held.moves(STEP, STEP + 1), None);
        assert!(held.exceeds(9 * STEP));
        held.shared_is(STEP);
        assert!(!held.exceeds(9 * STEP));
    }

    #[test]
    fn the_limit_is_of_all_workers_together() {
        let (mut one, mut two, mut gauge) = (Held::default(), Held::default(), 0_i64);
        let mut moves = |held: &mut Held, from, to| {
            if let Some(by) = held.moves(from, to) {
                gauge += by;
                held.shared_is(gauge as u64);
            }
        };
        moves(&mut one, 0, 3 * STEP);
        moves(&mut two, 0, STEP);
        assert!(two.exceeds(4 * STEP - 1) && !two.exceeds(4 * STEP));
        moves(&mut one, 3 * STEP, 0);
        moves(&mut two, STEP, 3 * STEP);
        assert!(!two.exceeds(3 * STEP));
    }
}
