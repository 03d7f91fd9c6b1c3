//! All circuits that have something to say, as one value that every worker shares.
//!
//! Healthy circuits are not in the breaker store: it is empty most of the time, so a request reads a
//! handful of bytes to know that every backend may be chosen. It lives in Envoy's shared data,
//! which all workers see and which outlives a reload of the filter. Workers change it by
//! compare-and-swap: [`BreakerStore::apply`] is done again on the newer value when another worker was
//! faster, so no opening is lost and no probe is claimed twice.

#![warn(clippy::arithmetic_side_effects)]

mod encoding;

use super::vote::RequestMark;
use super::{Admission, Circuit, CircuitId, FailureKind, OpenReason};
use crate::config::BreakerRule;
use crate::host::{Store, change};
use crate::time::{Micros, Millis, Timestamp};

/// The name of the shared value.
pub const KEY: &str = "spillway.board";

/// The circuits that all workers share now.
pub fn fetch<S: Store + ?Sized>(store: &S) -> BreakerStore {
    BreakerStore::decode(&store.get(KEY).0)
}

/// Puts a record in the breaker store that all workers share. Returns `None` where that changes nothing, else
/// what became of the circuit, where that means something to others.
pub fn record<S: Store + ?Sized>(store: &S, record: &Record) -> Option<Option<Transition>> {
    let mut transition = None;
    let done = change(store, KEY, |bytes| {
        let changed = with(bytes, record)?;
        transition = changed.transition;
        Some(changed.bytes)
    });
    done.then_some(transition)
}

/// The shared value with this record on it; `None` where that changes nothing.
pub fn with(bytes: &[u8], record: &Record) -> Option<Changed> {
    let now = record.at.cut_off();
    let mut store = BreakerStore::decode(bytes);
    let before = store.admission(record.circuit, &record.rule, now);
    let changed = store.apply(record);
    let after = store.admission(record.circuit, &record.rule, now);
    changed
        .then(|| Changed { bytes: store.encode(now), transition: record.transition(before, after) })
}

/// A shared value that was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// What it is now.
    pub bytes: Vec<u8>,
    /// What became of the circuit, where that means something to others.
    pub transition: Option<Transition>,
}

/// What became of a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// It let requests through, and does not any more.
    Opened {
        /// When it may again.
        until: Timestamp,
        /// Why it opened.
        why: OpenReason,
    },
    /// It was open, and is for longer.
    Extended {
        /// When it lets requests through again.
        until: Timestamp,
    },
    /// It was half-open, and its probe was answered.
    Closed,
}

/// The circuits that are open or remember failures, sorted by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BreakerStore {
    circuits: Vec<(CircuitId, Circuit)>,
}

/// One thing to put in the breaker store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The circuit that is meant.
    pub circuit: CircuitId,
    /// The rule of the pool that the request was sent by.
    pub rule: BreakerRule,
    /// What happened.
    pub change: Change,
    /// The request that it happened to.
    pub request: RequestMark,
    /// When.
    pub at: Micros,
}

/// What happened to a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A request was answered, or failed.
    Failed(FailureKind, Draw),
    /// A request failed that may yet turn out to be at fault itself.
    Accused,
    /// It is not: another member has said something else to it. The failure was when the record is.
    Confirmed(FailureKind, Draw),
    /// The circuit's probe was answered, or failed.
    Probed(Option<FailureKind>, Draw),
    /// A request was answered well, by a backend that has failed others lately.
    Answered,
    /// Every member of the pool has said the same to a request: what it has said of this circuit is
    /// taken back. Where too many requests in a row do so, the circuit opens, for this reason.
    Withdrawn(OpenReason),
    /// A request wants to be the circuit's probe, whose end is seen after this time at the latest.
    Claimed(Millis),
    /// The same, before its time: no other member may be asked.
    ClaimedEarly(Millis),
    /// A probe was given back unseen.
    Released,
}

impl Change {
    /// Why a circuit opens that opens by this, if it can.
    pub const fn why(&self) -> Option<OpenReason> {
        match self {
            Self::Failed(failure, _)
            | Self::Confirmed(failure, _)
            | Self::Probed(Some(failure), _) => Some(failure.why()),
            Self::Withdrawn(why) => Some(*why),
            _ => None,
        }
    }
}

impl Record {
    /// The same, of this request.
    #[must_use]
    pub fn of(self, request: RequestMark) -> Self {
        Self { request, ..self }
    }

    /// When it begins to hold.
    ///
    /// What opens a circuit holds from the next whole millisecond on. Whoever looks at the breaker store
    /// cuts the time off, so an announced second is over when all of it has passed, and up to a
    /// millisecond later. All else follows such a look, and holds from the same time.
    pub const fn holds_from(&self) -> Timestamp {
        match self.change {
            Change::Failed(..) | Change::Confirmed(..) | Change::Probed(Some(_), _) => {
                self.at.rounded_up()
            }
            Change::Probed(None, _)
            | Change::Accused
            | Change::Answered
            | Change::Withdrawn(_)
            | Change::Claimed(_)
            | Change::ClaimedEarly(_)
            | Change::Released => self.at.cut_off(),
        }
    }

    fn transition(&self, before: Admission, after: Admission) -> Option<Transition> {
        match (before, after) {
            (Admission::Shut(was, _), Admission::Shut(until, _)) => {
                (until > was).then_some(Transition::Extended { until })
            }
            (_, Admission::Shut(until, _)) => {
                Some(Transition::Opened { until, why: self.change.why()? })
            }
            (
                Admission::HalfOpen | Admission::Probed(_) | Admission::Shut(..),
                Admission::Closed | Admission::Returning(_),
            ) => Some(Transition::Closed),
            _ => None,
        }
    }
}

/// Any number, for what chance decides.
pub type Draw = u64;

impl BreakerStore {
    /// What a circuit lets through now.
    pub fn admission(&self, id: CircuitId, rule: &BreakerRule, now: Timestamp) -> Admission {
        self.circuit(id).map_or(Admission::Closed, |circuit| circuit.admission(rule, now))
    }

    /// The circuits that remember failures, so that good answers say something, sorted.
    pub fn that_remember_failures(&self) -> Vec<CircuitId> {
        let circuits = self.circuits.iter().filter(|(_, circuit)| !circuit.votes.is_empty());
        circuits.map(|(id, _)| *id).collect()
    }

    /// Whether no circuit has anything to say.
    pub const fn is_empty(&self) -> bool {
        self.circuits.is_empty()
    }

    /// Takes note of what happened. Tells whether anything changed; for a claim, whether it holds.
    pub fn apply(&mut self, record: &Record) -> bool {
        let (rule, now) = (&record.rule, record.holds_from());
        let apply = |circuit: &mut Circuit| match record.change {
            Change::Failed(failure, draw) => {
                circuit.record(failure, record.request, rule, now, draw)
            }
            Change::Probed(failure, draw) => {
                circuit.probed(failure, record.request, rule, now, draw)
            }
            Change::Accused => circuit.accuse(record.request, rule, now),
            Change::Confirmed(failure, draw) => {
                circuit.confirm(failure, record.request, rule, now, draw)
            }
            Change::Answered => circuit.answered(rule),
            Change::Withdrawn(_) => circuit.withdraw(record.request, rule, now),
            Change::Claimed(lease) => circuit.claim(lease, false, rule, now),
            Change::ClaimedEarly(lease) => circuit.claim(lease, true, rule, now),
            Change::Released => circuit.release(),
        };
        match self.circuits.binary_search_by_key(&record.circuit, |(id, _)| *id) {
            Ok(at) => self.circuits.get_mut(at).is_some_and(|(_, circuit)| apply(circuit)),
            Err(at) => {
                let mut circuit = Circuit::default();
                let changed = apply(&mut circuit);
                if changed {
                    self.circuits.insert(at, (record.circuit, circuit));
                }
                changed
            }
        }
    }

    fn circuit(&self, id: CircuitId) -> Option<&Circuit> {
        let at = self.circuits.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.circuits.get(at).map(|(_, circuit)| circuit)
    }
}

#[cfg(test)]
mod tests {
    use super::encoding::VERSION;
    use super::*;
    use crate::testing::test;

    const T0: Timestamp = Timestamp(1_000_000);

    fn record(id: u64, change: Change, at: impl Into<Micros>) -> Record {
        Record {
            circuit: CircuitId(id),
            change,
            request: RequestMark::UNKNOWN,
            rule: BreakerRule::default(),
            at: at.into(),
        }
    }

    fn throttled(millis: u64) -> Change {
        Change::Failed(FailureKind::Throttled(Some(Millis(millis))), 0)
    }

    #[test]
    fn a_board_survives_the_way_through_bytes() {
        let mut store = BreakerStore::default();
        for id in [7, 3, u64::MAX, 5] {
            store.apply(&record(id, throttled(id % 1000 + 1), T0));
            store.apply(&record(id, Change::Failed(FailureKind::Failed(None), 0), T0));
        }
        for _ in 0..3 {
            store.apply(&record(9, Change::Failed(FailureKind::Refused, 0), T0));
        }
        let later = T0 + Millis::from_secs(60);
        assert!(store.apply(&record(9, Change::Claimed(Millis(5000)), later)));
        assert_eq!(BreakerStore::decode(&store.encode(T0)), store);
    }

    #[test]
    fn a_change_says_what_became_of_the_circuit() {
        let transition = |bytes: &mut Vec<u8>, change, now| {
            let changed = with(bytes, &record(1, change, now))?;
            *bytes = changed.bytes;
            changed.transition
        };
        let failed = || Change::Failed(FailureKind::Failed(None), 0);
        let mut store = Vec::new();
        assert_eq!(transition(&mut store, failed(), T0), None);
        assert_eq!(transition(&mut store, failed(), T0), None);
        let until = T0 + Millis::from_secs(60);
        let opened = Transition::Opened { until, why: OpenReason::Failed };
        assert_eq!(transition(&mut store, failed(), T0), Some(opened));
        let extended = Transition::Extended { until: T0 + Millis(90_000) };
        assert_eq!(transition(&mut store, throttled(90_000), T0), Some(extended));
        assert_eq!(transition(&mut store, throttled(1000), T0), None);
        let later = T0 + Millis(90_000);
        assert_eq!(transition(&mut store, Change::Claimed(Millis(5)), later), None);
        let again = Change::Probed(Some(FailureKind::Refused), 0);
        let until = later + Millis::from_secs(120);
        let opened = Transition::Opened { until, why: OpenReason::Refused };
        assert_eq!(transition(&mut store, again, later), Some(opened));
        assert_eq!(transition(&mut store, Change::Claimed(Millis(5)), until), None);
        assert_eq!(
            transition(&mut store, Change::Probed(None, 0), until),
            Some(Transition::Closed)
        );
    }

    #[test]
    fn what_every_member_says_again_and_again_opens_for_what_they_say() {
        let (mut store, why) = (Vec::new(), OpenReason::Refused);
        let opened = (1..=20).find_map(|request| {
            [Change::Accused, Change::Withdrawn(why)].into_iter().find_map(|change| {
                let record = record(1, change, T0).of(RequestMark(request));
                let changed = with(&store, &record)?;
                store = changed.bytes;
                changed.transition
            })
        });
        let until = T0 + Millis::from_secs(60);
        assert_eq!(opened, Some(Transition::Opened { until, why }));
    }

    #[test]
    fn an_announced_time_is_never_over_early_and_at_most_a_millisecond_late() {
        let start = Micros::from(T0).0;
        let changes = [
            throttled(1000),
            Change::Failed(FailureKind::FailedTooOften(Some(Millis(1000))), 0),
            Change::Probed(Some(FailureKind::Throttled(Some(Millis(1000)))), 0),
        ];
        for (change, at) in changes.into_iter().flat_map(|c| [0, 1, 999].map(|at| (c, start + at)))
        {
            let mut store = BreakerStore::default();
            store.apply(&record(1, change, Micros(at)));
            let is_shut = |after: u64| {
                let look = Micros(at + after).cut_off();
                let admission = store.admission(CircuitId(1), &BreakerRule::default(), look);
                matches!(admission, Admission::Shut(..))
            };
            assert!(is_shut(0) && is_shut(999_999), "{change:?} {at}");
            assert!(!is_shut(1_000_999), "{change:?} {at}");
        }
        let exactly = record(1, throttled(1000), T0);
        assert_eq!(exactly.holds_from(), T0, "a whole millisecond is not rounded");
    }

    #[test]
    fn traffic_returns_bit_by_bit_within_the_millisecond_of_a_good_probe_already() {
        let mut store = BreakerStore::default();
        store.apply(&record(1, Change::Failed(FailureKind::FailedTooOften(None), 0), T0));
        let later = T0 + Millis::from_secs(60);
        assert!(store.apply(&record(1, Change::Claimed(Millis(5000)), later)));
        let probed = record(1, Change::Probed(None, 0), Micros(Micros::from(later).0 + 300));
        store.apply(&probed);
        let admission = store.admission(CircuitId(1), &BreakerRule::default(), later);
        assert_eq!(admission, Admission::Returning(50));
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let mut store = BreakerStore::default();
        store.apply(&record(1, throttled(1000), T0));
        store.apply(&record(2, throttled(9000), T0));
        let later = BreakerStore::decode(&store.encode(T0 + Millis(1000)));
        assert_eq!(later.circuits.len(), 1);
        assert_eq!(
            BreakerStore::default().encode(T0),
            [0; 0],
            "an empty breaker store makes no room in the VM"
        );
    }

    #[test]
    fn what_changes_nothing_leaves_nothing() {
        let mut store = BreakerStore::default();
        for change in [Change::Claimed(Millis(1)), Change::Released, Change::Probed(None, 0)] {
            assert!(!store.apply(&record(1, change, T0)), "{change:?}");
        }
        assert_eq!(store, BreakerStore::default());
    }

    #[test]
    fn damaged_bytes_are_an_empty_board() {
        let mut store = BreakerStore::default();
        store.apply(&record(1, Change::Failed(FailureKind::Failed(None), 0), T0));
        let bytes = store.encode(T0);
        for end in 2..bytes.len() {
            assert_eq!(
                BreakerStore::decode(&bytes[..end]),
                BreakerStore::default(),
                "cut at {end}"
            );
        }
        assert_eq!(BreakerStore::decode(&[]), BreakerStore::default());
        assert_eq!(BreakerStore::decode(&[9, 0, 0]), BreakerStore::default());
        let mut huge = vec![VERSION];
        huge.extend_from_slice(&[0xff; 80]);
        assert_eq!(BreakerStore::decode(&huge), BreakerStore::default());
    }
}
