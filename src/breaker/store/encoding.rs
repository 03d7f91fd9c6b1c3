//! The breaker store as bytes, as all workers share them.
//!
//! They are none for an empty breaker store, which Envoy hands over without entering the VM to make
//! room. Otherwise a version comes first, then for each circuit its numbers in the order of
//! [`Circuit`]'s fields, little-endian, the votes last and with their count before them. Bytes that are
//! not so made are an empty breaker store: one of another version, or a damaged one, costs a few 429s
//! and no trap.

#![warn(clippy::arithmetic_side_effects)]

use super::BreakerStore;
use crate::breaker::vote::{RequestMark, Standing, Vote, Votes};
use crate::breaker::{Circuit, CircuitId};
use crate::time::Timestamp;

impl BreakerStore {
    /// The breaker store as bytes, without what says nothing any more.
    pub fn encode(&self, now: Timestamp) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (id, circuit) in self.circuits.iter().filter(|(_, c)| c.forget_at > now) {
            if bytes.is_empty() {
                bytes.reserve(self.circuits.len().saturating_mul(LEAST_SIZE));
                bytes.push(VERSION);
            }
            let count = circuit.votes.0.len() as u64;
            let numbers = [
                id.0,
                circuit.opened_at.0,
                circuit.open_until.0,
                u64::from(circuit.suspect),
                circuit.probe_until.0,
                circuit.closed_at.0,
                u64::from(circuit.trips),
                circuit.calm_at.0,
                circuit.forget_at.0,
                u64::from(circuit.reopened),
                circuit.throttled_until.0,
                count,
            ];
            bytes.extend_from_slice(numbers.map(u64::to_le_bytes).as_flattened());
            for vote in &circuit.votes.0 {
                let later = u64::from(vote.later) << 2 | standing_code(vote.standing);
                let numbers = [vote.at.0, vote.request.0, later];
                bytes.extend_from_slice(numbers.map(u64::to_le_bytes).as_flattened());
            }
        }
        bytes
    }

    /// The breaker store that these bytes hold; an empty one where they hold none.
    pub fn decode(bytes: &[u8]) -> Self {
        Self::read(bytes).unwrap_or_default()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (&version, mut rest) = bytes.split_first()?;
        if version != VERSION {
            return None;
        }
        let mut circuits = Vec::with_capacity(rest.len() / LEAST_SIZE);
        while !rest.is_empty() {
            circuits.push((CircuitId(number(&mut rest)?), circuit(&mut rest)?));
        }
        circuits.is_sorted_by(|(a, _), (b, _)| a < b).then_some(Self { circuits })
    }
}

fn circuit(rest: &mut &[u8]) -> Option<Circuit> {
    let mut circuit = Circuit {
        opened_at: Timestamp(number(rest)?),
        open_until: Timestamp(number(rest)?),
        suspect: number(rest)? != 0,
        probe_until: Timestamp(number(rest)?),
        closed_at: Timestamp(number(rest)?),
        trips: u32::try_from(number(rest)?).ok()?,
        calm_at: Timestamp(number(rest)?),
        forget_at: Timestamp(number(rest)?),
        reopened: number(rest)? != 0,
        throttled_until: Timestamp(number(rest)?),
        votes: Votes::default(),
    };
    for _ in 0..number(rest)? {
        let (at, request) = (Timestamp(number(rest)?), RequestMark(number(rest)?));
        let last = number(rest)?;
        let (later, standing) = (u32::try_from(last >> 2).ok()?, standing(last & 3));
        circuit.votes.0.push(Vote { at, request, later, standing });
    }
    Some(circuit)
}

const fn standing_code(standing: Standing) -> u64 {
    match standing {
        Standing::Accused => 0,
        Standing::Excused => 1,
        Standing::Certain => 2,
        Standing::Doubtful => 3,
    }
}

const fn standing(code: u64) -> Standing {
    match code {
        0 => Standing::Accused,
        1 => Standing::Excused,
        2 => Standing::Certain,
        _ => Standing::Doubtful,
    }
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (bytes, tail) = rest.split_first_chunk::<8>()?;
    *rest = tail;
    Some(u64::from_le_bytes(*bytes))
}

/// Of these bytes.
pub(super) const VERSION: u8 = 4;

/// How many bytes a circuit takes that remembers no failure.
const LEAST_SIZE: usize = 12 * 8;
