//! A share of failures, over a sliding window of time.
//!
//! Where a pool's rule says `failure_ratio`, its answers are counted, the good ones too. Counting
//! each of them in shared data would make every request wait for every other, so a worker keeps
//! its good answers in a [`Tally`] and hands them in with its next failure, or when a slice of the
//! window is over. A failure is handed in at once: what opens a circuit is never late. What may be
//! missing are good answers of other workers from the current slice, 1/32 of the interval.
//!
//! The window is kept in as many slices of equal length. It covers the interval up to now, but for
//! the part of its oldest slice that is already over.

#![warn(clippy::arithmetic_side_effects)]

use super::CircuitId;
use crate::config::BreakerRule;
use crate::host::{Store, change};
use crate::time::{Millis, Timestamp};

/// The name of a circuit's shared value.
pub fn key(circuit: CircuitId) -> String {
    format!("spillway.window.{:016x}", circuit.0)
}

/// Counts answers among those of all workers. Returns whether too many of them have failed.
pub fn count(
    store: &dyn Store,
    circuit: CircuitId,
    tally: Tally,
    rule: &BreakerRule,
    now: Timestamp,
) -> bool {
    let mut too_many = false;
    let counted = change(store, &key(circuit), |bytes| {
        let (changed, over) = with(bytes, tally, rule, now);
        too_many = over;
        Some(changed)
    });
    counted && too_many
}

/// The shared value with this tally in it, and whether too many have failed.
pub fn with(bytes: &[u8], tally: Tally, rule: &BreakerRule, now: Timestamp) -> (Vec<u8>, bool) {
    let mut window = Window::decode(bytes);
    let too_many = window.add(tally, rule, now);
    (window.encode(), too_many)
}

/// The answers of one circuit within the interval, over all workers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Window {
    /// Oldest first; at most [`SLICES`] of them, each with its number since the epoch.
    slices: Vec<Slice>,
}

/// Answers that a worker has counted and not handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Those that were good.
    pub good: u32,
    /// Those that were not.
    pub failed: u32,
    /// The slice that the first of them fell into.
    slice: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slice {
    number: u64,
    good: u32,
    failed: u32,
}

impl Tally {
    /// Counts a good answer. Gives what is to be handed in, if that is due.
    pub fn good(&mut self, rule: &BreakerRule, now: Timestamp) -> Option<Self> {
        let slice = slice(rule, now);
        let due = (self.good > 0 && self.slice != slice).then(|| std::mem::take(self));
        *self = Self { good: self.good.saturating_add(1), failed: 0, slice };
        due
    }

    /// Counts a failure, and gives all that is to be handed in with it.
    pub fn failed(&mut self) -> Self {
        let tally = std::mem::take(self);
        Self { failed: 1, ..tally }
    }
}

impl Window {
    /// Takes a tally in. Tells whether too many have failed; then it starts afresh, so that what
    /// opened the circuit once does not open it again when it is back.
    pub fn add(&mut self, tally: Tally, rule: &BreakerRule, now: Timestamp) -> bool {
        let number = slice(rule, now);
        let kept = number.saturating_sub(SLICES - 1)..=number;
        self.slices.retain(|slice| kept.contains(&slice.number));
        match self.slices.last_mut().filter(|slice| slice.number == number) {
            Some(slice) => slice.add(tally),
            None => self.slices.push(Slice { number, good: tally.good, failed: tally.failed }),
        }
        let too_many = tally.failed > 0 && self.is_over(rule);
        if too_many {
            self.slices.clear();
        }
        too_many
    }

    /// Whether the share of failures is reached, by enough answers to speak of a share.
    fn is_over(&self, rule: &BreakerRule) -> bool {
        let sum = |of: fn(&Slice) -> u32| self.slices.iter().map(|s| u64::from(of(s))).sum::<u64>();
        let (good, failed) = (sum(|slice| slice.good), sum(|slice| slice.failed));
        let Some(percent) = rule.failure_ratio else { return false };
        let all = good.saturating_add(failed);
        all >= u64::from(rule.minimum_requests)
            && failed.saturating_mul(100) >= u64::from(percent).saturating_mul(all)
    }

    /// The window as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let slice = |slice: &Slice| {
            let counts = u64::from(slice.good) << 32 | u64::from(slice.failed);
            [slice.number, counts].into_iter().flat_map(u64::to_le_bytes).collect::<Vec<u8>>()
        };
        self.slices.iter().flat_map(slice).collect()
    }

    /// The window that these bytes hold; an empty one where they hold none.
    pub fn decode(bytes: &[u8]) -> Self {
        let slice = |bytes: &[u8; 16]| {
            let [number, counts] = bytes.as_chunks::<8>().0 else { return None };
            let (number, counts) = (u64::from_le_bytes(*number), u64::from_le_bytes(*counts));
            let (good, failed) = (counts >> 32, counts & u64::from(u32::MAX));
            let (good, failed) = (u32::try_from(good).ok()?, u32::try_from(failed).ok()?);
            Some(Slice { number, good, failed })
        };
        let (chunks, rest) = bytes.as_chunks::<16>();
        let slices: Option<Vec<Slice>> = chunks.iter().map(slice).collect();
        let sound = |slices: &Vec<Slice>| rest.is_empty() && slices.len() as u64 <= SLICES;
        Self { slices: slices.filter(sound).unwrap_or_default() }
    }
}

impl Slice {
    fn add(&mut self, tally: Tally) {
        self.good = self.good.saturating_add(tally.good);
        self.failed = self.failed.saturating_add(tally.failed);
    }
}

fn slice(rule: &BreakerRule, now: Timestamp) -> u64 {
    let Millis(interval) = rule.interval;
    now.0.checked_div(interval / SLICES).unwrap_or(now.0)
}

const SLICES: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    const T0: Timestamp = Timestamp(1_000_000);

    fn half() -> BreakerRule {
        BreakerRule {
            failure_ratio: Some(50),
            minimum_requests: 10,
            interval: Millis::from_secs(32),
            ..BreakerRule::default()
        }
    }

    /// Plays good (`+`) and failed (`-`) answers; tells at which it was too many.
    fn too_many_at(answers: &str) -> Option<usize> {
        let (mut window, mut tally) = (Window::default(), Tally::default());
        answers.chars().position(|answer| match answer {
            '+' => {
                tally.good(&half(), T0);
                false
            }
            _ => window.add(tally.failed(), &half(), T0),
        })
    }

    #[test]
    fn the_share_counts_from_the_minimum_of_requests_on() {
        assert_eq!(too_many_at("---------"), None);
        assert_eq!(too_many_at("----------"), Some(9));
        assert_eq!(too_many_at("+++++-----"), Some(9));
        assert_eq!(too_many_at("++++++-----"), None);
        assert_eq!(too_many_at("++++++------"), Some(11));
    }

    #[test]
    fn a_good_answer_never_opens() {
        let mut window = Window::default();
        for _ in 0..9 {
            assert!(!window.add(Tally::default().failed(), &half(), T0));
        }
        let late = Tally { good: 5, ..Tally::default() };
        assert!(!window.add(late, &half(), T0));
    }

    #[test]
    fn what_is_older_than_the_interval_does_not_count() {
        let mut window = Window::default();
        for _ in 0..9 {
            window.add(Tally::default().failed(), &half(), T0);
        }
        let mut later = window.clone();
        assert!(window.add(Tally::default().failed(), &half(), T0 + Millis::from_secs(30)));
        assert!(!later.add(Tally::default().failed(), &half(), T0 + Millis::from_secs(32)));
    }

    #[test]
    fn good_answers_are_handed_in_when_their_slice_is_over() {
        let mut tally = Tally::default();
        assert_eq!(tally.good(&half(), T0), None);
        assert_eq!(tally.good(&half(), T0 + Millis(1)), None);
        let due = tally.good(&half(), T0 + Millis::from_secs(1));
        assert_eq!(due.map(|tally| (tally.good, tally.failed)), Some((2, 0)));
        assert_eq!(tally.failed().good, 1);
        assert_eq!(tally, Tally::default());
    }

    #[test]
    fn after_an_opening_it_starts_afresh() {
        let mut window = Window::default();
        let ten = Tally { failed: 10, ..Tally::default() };
        assert!(window.add(ten, &half(), T0));
        assert_eq!(window, Window::default());
    }

    #[test]
    fn a_window_survives_the_way_through_bytes_and_a_damaged_one_is_empty() {
        let mut window = Window::default();
        window.add(Tally { good: 7, failed: 1, slice: 0 }, &half(), T0);
        window.add(Tally { good: 3, failed: 2, slice: 0 }, &half(), T0 + Millis::from_secs(9));
        let bytes = window.encode();
        assert_eq!(Window::decode(&bytes), window);
        assert_eq!(Window::decode(&bytes[1..]), Window::default());
        assert_eq!(Window::decode(&[0; 16 * 33]), Window::default());
    }
}
