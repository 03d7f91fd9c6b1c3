//! What is going to happen, in the order of its time.
//!
//! This is the clock of the simulation: time is that of the next thing on the agenda. What was
//! put on it for the same millisecond happens in the order in which it was put there, so that a run
//! is the same every time.

use std::collections::BTreeMap;

use spillway::time::Timestamp;

/// Things to come.
#[derive(Debug)]
pub(super) struct Agenda<T> {
    things: BTreeMap<(Timestamp, u64), T>,
    serial: u64,
}

impl<T> Agenda<T> {
    pub(super) const fn new() -> Self {
        Self { things: BTreeMap::new(), serial: 0 }
    }

    /// Has this happen then.
    pub(super) fn put(&mut self, at: Timestamp, thing: T) {
        self.serial += 1;
        self.things.insert((at, self.serial), thing);
    }

    /// The next thing, and when it happens.
    pub(super) fn next(&mut self) -> Option<(Timestamp, T)> {
        let ((at, _), thing) = self.things.pop_first()?;
        Some((at, thing))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn things_happen_in_the_order_of_their_time_and_then_of_their_coming(
            times in prop::collection::vec(0u64..20, 0..50),
        ) {
            let mut agenda = Agenda::new();
            for (serial, at) in times.iter().enumerate() {
                agenda.put(Timestamp(*at), serial);
            }
            let happened: Vec<_> = std::iter::from_fn(|| agenda.next()).collect();
            let mut expected: Vec<_> =
                times.iter().enumerate().map(|(serial, at)| (Timestamp(*at), serial)).collect();
            expected.sort();
            prop_assert_eq!(happened, expected);
        }
    }
}
