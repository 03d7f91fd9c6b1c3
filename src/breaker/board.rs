//! All circuits that have something to say, as one value that every worker shares.
//!
//! Healthy circuits are not on the board: it is empty most of the time, so a request reads a
//! handful of bytes to know that every backend may be chosen. It lives in Envoy's shared data,
//! which all workers see and which outlives a reload of the filter. Workers change it by
//! compare-and-swap: [`Board::record`] is applied again to the newer value when another worker
//! was faster, so no opening is lost.
//!
//! The bytes: a version, then for each circuit its id, `open_until`, `forget_at`, the number of
//! failures and their times, little-endian. Bytes that are not so made are an empty board: a board
//! of another version, or a damaged one, costs a few 429s and no trap.

use super::{Blame, Circuit, CircuitId};
use crate::config::BreakerRule;
use crate::time::Timestamp;

/// The circuits that are open or remember failures, sorted by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Board {
    circuits: Vec<(CircuitId, Circuit)>,
}

/// One thing to put on the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The circuit that is meant.
    pub circuit: CircuitId,
    /// What the backend's answer said.
    pub blame: Blame,
    /// The rule of the pool that the request was sent by.
    pub rule: BreakerRule,
}

impl Board {
    /// The time until which a circuit is open, or `None` where it is closed.
    pub fn open_until(
        &self,
        id: CircuitId,
        rule: &BreakerRule,
        now: Timestamp,
    ) -> Option<Timestamp> {
        self.circuit(id)?.open_until(rule, now)
    }

    /// Takes note of what an answer said. Tells whether anything changed.
    pub fn record(&mut self, record: &Record, now: Timestamp) -> bool {
        match self.circuits.binary_search_by_key(&record.circuit, |(id, _)| *id) {
            Ok(at) => self
                .circuits
                .get_mut(at)
                .is_some_and(|(_, circuit)| circuit.record(record.blame, &record.rule, now)),
            Err(at) => {
                let mut circuit = Circuit::default();
                let changed = circuit.record(record.blame, &record.rule, now);
                self.circuits.insert(at, (record.circuit, circuit));
                changed
            }
        }
    }

    /// The board as bytes, without what says nothing any more.
    pub fn encode(&self, now: Timestamp) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        for (id, circuit) in self.circuits.iter().filter(|(_, c)| c.forget_at > now) {
            let count = u32::try_from(circuit.failures.len()).unwrap_or(u32::MAX);
            for number in [id.0, circuit.open_until.0, circuit.forget_at.0, u64::from(count)] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            for failure in &circuit.failures {
                bytes.extend_from_slice(&failure.0.to_le_bytes());
            }
        }
        bytes
    }

    /// The board that these bytes hold; an empty one where they hold none.
    pub fn decode(bytes: &[u8]) -> Self {
        Self::read(bytes).unwrap_or_default()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (&version, mut rest) = bytes.split_first()?;
        if version != VERSION {
            return None;
        }
        let mut circuits = Vec::new();
        while !rest.is_empty() {
            let id = CircuitId(number(&mut rest)?);
            let open_until = Timestamp(number(&mut rest)?);
            let forget_at = Timestamp(number(&mut rest)?);
            let count = number(&mut rest)?;
            let mut failures = Vec::new();
            for _ in 0..count {
                failures.push(Timestamp(number(&mut rest)?));
            }
            circuits.push((id, Circuit { open_until, failures, forget_at }));
        }
        circuits.is_sorted_by_key(|(id, _)| *id).then_some(Self { circuits })
    }

    fn circuit(&self, id: CircuitId) -> Option<&Circuit> {
        let at = self.circuits.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.circuits.get(at).map(|(_, circuit)| circuit)
    }
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (bytes, tail) = rest.split_first_chunk::<8>()?;
    *rest = tail;
    Some(u64::from_le_bytes(*bytes))
}

const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;
    use crate::time::Millis;

    const T0: Timestamp = Timestamp(1_000_000);

    fn record(id: u64, blame: Blame) -> Record {
        Record { circuit: CircuitId(id), blame, rule: BreakerRule::default() }
    }

    #[test]
    fn a_board_survives_the_way_through_bytes() {
        let mut board = Board::default();
        for id in [7, 3, u64::MAX, 5] {
            board.record(&record(id, Blame::Throttled(Some(Millis(id % 1000 + 1)))), T0);
            board.record(&record(id, Blame::Failed(None)), T0);
        }
        assert_eq!(Board::decode(&board.encode(T0)), board);
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let mut board = Board::default();
        board.record(&record(1, Blame::Throttled(Some(Millis(1000)))), T0);
        board.record(&record(2, Blame::Throttled(Some(Millis(9000)))), T0);
        let later = Board::decode(&board.encode(T0 + Millis(1000)));
        assert_eq!(later.circuits.len(), 1);
        assert_eq!(Board::default().encode(T0), [VERSION]);
    }

    #[test]
    fn damaged_bytes_are_an_empty_board() {
        let mut board = Board::default();
        board.record(&record(1, Blame::Failed(None)), T0);
        let bytes = board.encode(T0);
        for end in 2..bytes.len() {
            assert_eq!(Board::decode(&bytes[..end]), Board::default(), "cut at {end}");
        }
        assert_eq!(Board::decode(&[]), Board::default());
        assert_eq!(Board::decode(&[9, 0, 0]), Board::default());
        let mut huge = vec![VERSION];
        huge.extend_from_slice(&[0xff; 32]);
        assert_eq!(Board::decode(&huge), Board::default());
    }
}
