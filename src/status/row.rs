//! What was seen of one model, or of one member of its pool: counts by slices of time.

#![warn(clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::cause::Cause;
use super::cell::Cell;
use crate::time::{Millis, Timestamp};
use crate::varint;

/// How long a slice of time is.
pub const SLICE: Millis = Millis::from_secs(10);

/// How many slices are kept, the one that runs included.
pub const SLICES: u64 = 30;

/// What was seen of one model or member.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    cells: BTreeMap<u64, Cell>,
    /// The share of its limit that a backend has announced last, of a thousand.
    pub headroom: Option<(Timestamp, u32)>,
    /// What went wrong last.
    pub fault: Option<Fault>,
    /// When its circuit opened last by the request of a known client, and whose that was.
    pub opened_by: Option<(Timestamp, ClientMark)>,
}

/// Which client: a hash of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientMark(pub u64);

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// When it was seen.
    pub at: Timestamp,
    /// Why.
    pub cause: Cause,
    /// The status, where there was an answer.
    pub status: Option<u16>,
}

impl Row {
    /// What is counted now.
    pub fn now(&mut self, now: Timestamp) -> &mut Cell {
        self.cells.entry(slice(now)).or_default()
    }

    /// Everything that was counted.
    pub fn sum(&self) -> Cell {
        let mut sum = Cell::default();
        self.cells.values().for_each(|cell| sum.merge(cell));
        sum
    }

    /// Each slice's cell, the oldest first and the one that runs last.
    pub fn slices(&self, now: Timestamp) -> impl Iterator<Item = Cell> {
        let last = slice(now);
        let slices = (0..SLICES).rev().map(move |ago| last.checked_sub(ago));
        slices.map(|at| at.and_then(|at| self.cells.get(&at)).copied().unwrap_or_default())
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (slice, cell) in &other.cells {
            self.cells.entry(*slice).or_default().merge(cell);
        }
        self.headroom = self.headroom.max(other.headroom);
        self.opened_by = self.opened_by.max(other.opened_by);
        let when = |fault: &Option<Fault>| fault.as_ref().map(|fault| fault.at);
        if when(&other.fault) > when(&self.fault) {
            self.fault.clone_from(&other.fault);
        }
    }

    /// Lets go of what is not kept. Tells whether anything is left.
    pub(super) fn forget(&mut self, kept: &RangeInclusive<u64>) -> bool {
        let is_kept = |at: Timestamp| kept.contains(&slice(at));
        self.cells.retain(|slice, _| kept.contains(slice));
        self.headroom = self.headroom.filter(|(at, _)| is_kept(*at));
        self.fault = self.fault.take().filter(|fault| is_kept(fault.at));
        self.opened_by = self.opened_by.filter(|(at, _)| is_kept(*at));
        !self.cells.is_empty()
            || self.headroom.is_some()
            || self.fault.is_some()
            || self.opened_by.is_some()
    }

    pub(super) fn encode(&self, bytes: &mut Vec<u8>) {
        varint::put(bytes, self.cells.len() as u64);
        let mut before = 0;
        for (slice, cell) in &self.cells {
            varint::put(bytes, slice.saturating_sub(before));
            before = *slice;
            cell.encode(bytes);
        }
        varint::put_some(bytes, self.headroom.map(|(at, _)| at.0));
        varint::put(bytes, self.headroom.map_or(0, |(_, share)| u64::from(share)));
        varint::put(bytes, u64::from(self.fault.is_some()));
        if let Some(fault) = &self.fault {
            fault.encode(bytes);
        }
        varint::put_some(bytes, self.opened_by.map(|(at, _)| at.0));
        varint::put(bytes, self.opened_by.map_or(0, |(_, client)| client.0));
    }

    pub(super) fn decode(rest: &mut &[u8]) -> Option<Self> {
        let mut row = Self::default();
        let mut slice: u64 = 0;
        for _ in 0..varint::take(rest)? {
            slice = slice.checked_add(varint::take(rest)?)?;
            row.cells.insert(slice, Cell::decode(rest)?);
        }
        let (at, share) = (varint::take_some(rest)?, u32::try_from(varint::take(rest)?).ok()?);
        row.headroom = at.map(|at| (Timestamp(at), share));
        if varint::take(rest)? == 1 {
            row.fault = Some(Fault::decode(rest)?);
        }
        let (at, client) = (varint::take_some(rest)?, ClientMark(varint::take(rest)?));
        row.opened_by = at.map(|at| (Timestamp(at), client));
        Some(row)
    }
}

impl Fault {
    pub(super) fn encode(self, bytes: &mut Vec<u8>) {
        varint::put(bytes, self.at.0);
        varint::put(bytes, self.cause.number());
        varint::put_some(bytes, self.status.map(u64::from));
    }

    pub(super) fn decode(rest: &mut &[u8]) -> Option<Self> {
        let at = Timestamp(varint::take(rest)?);
        let cause = Cause::numbered(varint::take(rest)?)?;
        let status = match varint::take_some(rest)? {
            Some(status) => Some(u16::try_from(status).ok()?),
            None => None,
        };
        Some(Self { at, cause, status })
    }
}

/// The slice that a point in time is in.
pub(super) fn slice(at: Timestamp) -> u64 {
    at.0 / SLICE.0
}

/// The slices that are kept. Workers' clocks may differ a little, so the next one is.
pub(super) fn kept(now: Timestamp) -> RangeInclusive<u64> {
    let next = slice(now).saturating_add(1);
    next.saturating_sub(SLICES)..=next
}
