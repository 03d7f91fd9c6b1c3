//! What a few rounds say: the one in the middle, and how far the others are from it.
//!
//! Gateways are compared round by round, as what the machine does meanwhile hits both alike: the
//! median of the rounds' ratios, not the ratio of the medians.

use serde::{Deserialize, Serialize};

/// A number that was measured in several rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    /// The one in the middle; of an even number of rounds, halfway between the two.
    pub(crate) median: f64,
    /// The least of the rounds.
    pub(crate) least: f64,
    /// The most.
    pub(crate) most: f64,
}

impl Spread {
    /// Of these; none of nothing.
    pub(crate) fn of(all: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut all: Vec<f64> = all.into_iter().collect();
        all.sort_by(f64::total_cmp);
        let (least, most) = (*all.first()?, *all.last()?);
        let middle = (*all.get((all.len() - 1) / 2)?, *all.get(all.len() / 2)?);
        Some(Self { median: f64::midpoint(middle.0, middle.1), least, most })
    }

    /// Of one series with another, round by round: `ours` with `theirs`, as far as both go.
    pub(crate) fn of_pairs(
        ours: &[f64],
        theirs: &[f64],
        with: impl Fn(f64, f64) -> f64,
    ) -> Option<Self> {
        Self::of(ours.iter().zip(theirs).map(|(ours, theirs)| with(*ours, *theirs)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle_and_the_spread_is_around_it() {
        let it = Spread::of([9.0, 1.0, 4.0]).unwrap();
        assert_eq!(it, Spread { median: 4.0, least: 1.0, most: 9.0 });
        assert_eq!(Spread::of([1.0, 2.0, 10.0, 4.0]).unwrap().median, 3.0);
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_ratio_is_taken_in_each_round() {
        // The second round hit both: the ratio of the medians would be 2.5.
        let it = Spread::of_pairs(&[20.0, 200.0, 25.0], &[10.0, 100.0, 10.0], |a, b| a / b);
        assert_eq!(it.unwrap(), Spread { median: 2.0, least: 2.0, most: 2.5 });
    }

    #[test]
    fn rounds_of_one_alone_are_left_aside() {
        let it = Spread::of_pairs(&[3.0, 9.0], &[1.0], |a, b| a - b);
        assert_eq!(it.unwrap(), Spread { median: 2.0, least: 2.0, most: 2.0 });
        assert_eq!(Spread::of_pairs(&[1.0], &[], |a, b| a / b), None);
    }
}
