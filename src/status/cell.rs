//! What was counted in one slice of time.
//!
//! A count that was never made is not a zero: a backend that tells no tokens has not used none.

use crate::varint;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// A backend was asked, and answered or failed to. For a model: a request is over.
    Attempts,
    /// A request ended with this backend's answer. For a model: with any backend's.
    Answered,
    /// It asked for less traffic.
    Throttled,
    /// It failed: by its answer, or by giving none.
    Failed,
    /// It refused Spillway's own credential, or lacks the deployment.
    Refused,
    /// Another backend was asked afterwards.
    FailedOver,
    /// Answers that told the tokens they used.
    Told,
    /// Tokens of prompts.
    Prompt,
    /// Tokens of completions.
    Completion,
    /// Tokens of prompts that were read from a cache, a part of those.
    Cached,
    /// Tokens of reasoning, a part of the completions'.
    Reasoning,
}

const KINDS: usize = 11;

/// The counts of a slice of time, or of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cell {
    /// Which counts were made, by bits.
    made: u16,
    counts: [u64; KINDS],
}

impl Cell {
    /// Counts so many more.
    pub fn add(&mut self, count: Count, more: u64) {
        let at = count as usize;
        self.made |= 1 << at;
        if let Some(sum) = self.counts.get_mut(at) {
            *sum = sum.saturating_add(more);
        }
    }

    /// The count; `None`: it was never made.
    pub fn known(&self, count: Count) -> Option<u64> {
        let at = count as usize;
        self.counts.get(at).copied().filter(|_| self.made >> at & 1 == 1)
    }

    /// The count; nothing where it was never made.
    pub fn count(&self, count: Count) -> u64 {
        self.known(count).unwrap_or_default()
    }

    /// Adds everything that the other has counted.
    pub fn merge(&mut self, other: &Self) {
        self.made |= other.made;
        for (sum, more) in self.counts.iter_mut().zip(other.counts) {
            *sum = sum.saturating_add(more);
        }
    }

    pub(super) fn encode(&self, bytes: &mut Vec<u8>) {
        varint::put(bytes, u64::from(self.made));
        for (at, count) in self.counts.iter().enumerate() {
            if self.made >> at & 1 == 1 {
                varint::put(bytes, *count);
            }
        }
    }

    pub(super) fn decode(rest: &mut &[u8]) -> Option<Self> {
        let made = u16::try_from(varint::take(rest)?).ok().filter(|made| made >> KINDS == 0)?;
        let mut cell = Self { made, ..Self::default() };
        for (at, count) in cell.counts.iter_mut().enumerate() {
            if made >> at & 1 == 1 {
                *count = varint::take(rest)?;
            }
        }
        Some(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn what_was_never_counted_is_not_known() {
        let mut cell = Cell::default();
        assert_eq!((cell.known(Count::Cached), cell.count(Count::Cached)), (None, 0));
        cell.add(Count::Cached, 0);
        assert_eq!(cell.known(Count::Cached), Some(0));
        let mut sum = Cell::default();
        sum.add(Count::Prompt, 7);
        sum.merge(&cell);
        assert_eq!((sum.known(Count::Cached), sum.known(Count::Prompt)), (Some(0), Some(7)));
        assert_eq!(sum.known(Count::Completion), None);
    }

    #[test]
    fn a_cell_survives_the_way_through_bytes() {
        let mut cell = Cell::default();
        cell.add(Count::Attempts, 300);
        cell.add(Count::Reasoning, u64::MAX);
        cell.add(Count::Reasoning, 1);
        let mut bytes = Vec::new();
        cell.encode(&mut bytes);
        assert_eq!(Cell::decode(&mut &bytes[..]), Some(cell));
        assert_eq!(Cell::decode(&mut &bytes[..bytes.len() - 1]), None);
        assert_eq!(Cell::decode(&mut &[0xff, 0xff, 0x03][..]), None, "counts nobody knows");
    }
}
