//! Points in time and spans of it, in whole milliseconds.
//!
//! The core never asks what time it is: whoever calls it says so. Both types are plain numbers so
//! that they fit into shared data and survive a reload.

#![warn(clippy::arithmetic_side_effects)]

use std::fmt;
use std::ops::{Add, Sub};

/// A span of time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub u64);

impl Millis {
    /// A span of whole seconds; the longest span where it does not fit.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// A positive number of units of `scale` milliseconds, rounded up; the longest span where it does
    /// not fit.
    pub fn of_units(number: f64, scale: f64) -> Option<Self> {
        // A float cast saturates.
        let millis = (number * scale).ceil();
        (millis > 0.0).then_some(Self(millis as u64))
    }

    /// Whole seconds, rounded up: a client that waits so long does not come too early.
    pub const fn as_secs_rounded_up(self) -> u64 {
        self.0.div_ceil(1000)
    }
}

impl fmt::Display for Millis {
    /// As a person writes it in the configuration: `60s`, `10m`, `1500ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ms if ms == 0 || ms % 1000 != 0 => write!(f, "{ms}ms"),
            ms if ms % 3_600_000 == 0 => write!(f, "{}h", ms / 3_600_000),
            ms if ms % 60_000 == 0 => write!(f, "{}m", ms / 60_000),
            ms => write!(f, "{}s", ms / 1000),
        }
    }
}

/// Microseconds: a span, for what the gateway itself takes, or a moment since the Unix epoch, as the
/// clock has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(pub u64);

impl Micros {
    /// The millisecond that this moment lies in: for whoever looks at what is over.
    pub const fn cut_off(self) -> Timestamp {
        Timestamp(self.0 / 1000)
    }

    /// The first millisecond that does not begin before this moment: for what lasts from now on,
    /// and must not be over early.
    pub const fn rounded_up(self) -> Timestamp {
        Timestamp(self.0.div_ceil(1000))
    }
}

impl From<Timestamp> for Micros {
    /// The moment that a millisecond begins at.
    fn from(at: Timestamp) -> Self {
        Self(at.0.saturating_mul(1000))
    }
}

/// A point in time: milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The span from `earlier` to here; nothing where `earlier` is later.
    pub const fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Millis> for Timestamp {
    type Output = Self;

    fn add(self, span: Millis) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Millis> for Timestamp {
    type Output = Self;

    fn sub(self, span: Millis) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn spans_are_written_as_the_configuration_writes_them() {
        let shown: Vec<String> = [0, 1, 1500, 60_000, 61_000, 600_000, 7_200_000]
            .map(|ms| Millis(ms).to_string())
            .into();
        assert_eq!(shown, ["0ms", "1ms", "1500ms", "1m", "61s", "10m", "2h"]);
    }

    #[test]
    fn a_wait_in_seconds_is_never_too_short() {
        assert_eq!(Millis(1).as_secs_rounded_up(), 1);
        assert_eq!(Millis(1000).as_secs_rounded_up(), 1);
        assert_eq!(Millis(1001).as_secs_rounded_up(), 2);
    }

    #[test]
    fn a_moment_lies_between_the_two_milliseconds_that_it_is_rounded_to() {
        for (micros, before, after) in
            [(0, 0, 0), (1, 0, 1), (999, 0, 1), (1000, 1, 1), (1001, 1, 2)]
        {
            let moment = Micros(micros);
            assert_eq!(
                (moment.cut_off(), moment.rounded_up()),
                (Timestamp(before), Timestamp(after))
            );
        }
        assert_eq!(Micros::from(Timestamp(7)).cut_off(), Timestamp(7));
        assert_eq!(Micros::from(Timestamp(7)).rounded_up(), Timestamp(7));
    }

    #[test]
    fn sums_at_the_edge_saturate() {
        assert_eq!(Timestamp(u64::MAX) + Millis(1), Timestamp(u64::MAX));
        assert_eq!(Timestamp(0) - Millis(1), Timestamp(0));
        assert_eq!(Timestamp(0).since(Timestamp(5)), Millis(0));
    }
}
