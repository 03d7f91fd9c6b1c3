//! The breaker against an oracle, over random sequences of events, and the breaker store between workers
//! in random schedules.
//!
//! The oracle holds what the circuit folds into one time apart: until when the backend asked for
//! rest, and whether it is failing. It is simple enough to be seen to be right.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a property fails by panicking; nothing here runs in the filter"
)]

use std::collections::VecDeque;

use proptest::collection::vec;
use proptest::prelude::*;
use spillway::breaker::store::{BreakerStore, Change, Record};
use spillway::breaker::{Admission, Circuit, CircuitId, FailureKind, RequestMark, Unavailability};
use spillway::config::BreakerRule;
use spillway::time::{Millis, Timestamp};
use spillway_model::SharedData;

const NOW: Timestamp = Timestamp(1_795_165_200_000);
const LEASE: Millis = Millis::from_secs(40);

fn rule() -> BreakerRule {
    BreakerRule { failures: 2, ramp: Millis::from_secs(5), ..BreakerRule::default() }
}

/// What is known of a backend, each thing for itself.
#[derive(Default)]
struct Oracle {
    rest_until: Timestamp,
    failing: Option<Failing>,
    failures: Vec<Timestamp>,
    recovered_at: Option<Timestamp>,
    trips: u32,
    calm_at: Timestamp,
}

struct Failing {
    until: Timestamp,
    probe: Option<Timestamp>,
}

impl Oracle {
    fn admission(&self, now: Timestamp) -> Admission {
        let cause =
            if self.failing.is_some() { Unavailability::Failed } else { Unavailability::Throttled };
        let until = self.shut_until();
        if until > now {
            return Admission::Shut(until, cause);
        }
        match (&self.failing, self.recovered_at) {
            (Some(Failing { probe: Some(lease), .. }), _) if *lease > now => {
                Admission::Probed(*lease)
            }
            (Some(_), _) => Admission::HalfOpen,
            (None, Some(at)) if now + Millis(1) < at + rule().ramp => {
                let share = now.since(at).0 * 1000 / rule().ramp.0;
                Admission::Returning(u32::try_from(share).expect("small").max(50))
            }
            (None, _) => Admission::Closed,
        }
    }

    fn shut_until(&self) -> Timestamp {
        self.failing.as_ref().map_or(Timestamp(0), |failing| failing.until).max(self.rest_until)
    }

    fn rest(&mut self, retry_after: Option<Millis>, now: Timestamp) {
        let wait = retry_after.unwrap_or(rule().trip).min(rule().max_trip);
        self.rest_until = self.rest_until.max(now + wait);
    }

    fn trip(&mut self, retry_after: Option<Millis>, now: Timestamp) {
        if self.failing.is_none() && now >= self.calm_at {
            self.trips = 0;
        }
        let mut time = rule().trip.0;
        for _ in 0..self.trips {
            time = (time * 2).min(rule().max_trip.0);
        }
        let time = retry_after.map_or(time, |wait| wait.0.min(rule().max_trip.0));
        self.trips += 1;
        self.failures.clear();
        self.failing = Some(Failing { until: now + Millis(time), probe: None });
        self.calm_at = self.shut_until() + rule().interval;
    }

    fn blamed(&mut self, failure: FailureKind, now: Timestamp) {
        match failure {
            FailureKind::Throttled(retry_after) => self.rest(retry_after, now),
            _ if self.failing.is_some() => {}
            FailureKind::FailedTooOften(retry_after) => self.trip(retry_after, now),
            FailureKind::Refused => self.voted(now, |oracle| oracle.trip(None, now)),
            FailureKind::Failed(retry_after) => {
                self.voted(now, |oracle| oracle.trip(retry_after, now));
            }
            FailureKind::ThrottledWithRoom(retry_after)
            | FailureKind::ThrottledCounted(retry_after) => {
                self.voted(now, |oracle| oracle.rest(retry_after, now));
            }
        }
    }

    fn voted(&mut self, now: Timestamp, enough: impl FnOnce(&mut Self)) {
        self.failures.push(now);
        self.failures.retain(|at| now.since(*at) < rule().interval);
        if self.failures.len() >= 2 {
            self.failures.clear();
            enough(self);
        }
    }

    fn probed(&mut self, failure: Option<FailureKind>, now: Timestamp) {
        match failure {
            _ if self.failing.is_none() => {
                if let Some(failure) = failure {
                    self.blamed(failure, now);
                }
            }
            Some(FailureKind::ThrottledWithRoom(_)) | None => {
                self.failing = None;
                self.recovered_at = Some(now);
                self.calm_at = now + rule().interval;
            }
            Some(
                FailureKind::Throttled(retry_after) | FailureKind::ThrottledCounted(retry_after),
            ) => {
                self.failing = None;
                self.rest(retry_after, now);
            }
            Some(FailureKind::Failed(retry_after) | FailureKind::FailedTooOften(retry_after)) => {
                self.trip(retry_after, now);
            }
            Some(FailureKind::Refused) => self.trip(None, now),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Passes(u64),
    /// Time passes to where the circuit would change, and so many milliseconds more or less.
    Edge(i64),
    Failed(FailureKind),
    /// A request asks for the probe, and this is how it ends.
    Asks,
    Probed(Option<FailureKind>),
    GivesBack,
}

fn failure() -> impl Strategy<Value = FailureKind> {
    let retry_after = || prop::option::of((1..700_000_u64).prop_map(Millis));
    prop_oneof![
        2 => retry_after().prop_map(FailureKind::Throttled),
        4 => retry_after().prop_map(FailureKind::Failed),
        1 => retry_after().prop_map(FailureKind::FailedTooOften),
        1 => Just(FailureKind::Refused),
        2 => retry_after().prop_map(FailureKind::ThrottledWithRoom),
        2 => retry_after().prop_map(FailureKind::ThrottledCounted),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (0..70_000_u64).prop_map(Event::Passes),
        3 => (-1..=1_i64).prop_map(Event::Edge),
        3 => failure().prop_map(Event::Failed),
        3 => Just(Event::Asks),
        2 => prop::option::of(failure()).prop_map(Event::Probed),
        1 => Just(Event::GivesBack),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_circuit_does_what_the_oracle_says(events in vec(event(), 1..60)) {
        let (mut circuit, mut oracle) = (Circuit::default(), Oracle::default());
        let (mut now, mut probing) = (NOW, false);
        for event in events {
            match event {
                Event::Passes(millis) => now = now + Millis(millis),
                Event::Edge(off) => {
                    let next = match circuit.admission(&rule(), now) {
                        Admission::Shut(until, _) | Admission::Probed(until) => until,
                        _ => now + Millis(1),
                    };
                    now = Timestamp(next.0.saturating_add_signed(off)).max(now);
                }
                Event::Failed(failure) => {
                    circuit.record(failure, RequestMark::UNKNOWN, &rule(), now, 0);
                    oracle.blamed(failure, now);
                }
                Event::Asks => {
                    let free = oracle.admission(now) == Admission::HalfOpen;
                    prop_assert_eq!(circuit.claim(LEASE, false, &rule(), now), free);
                    if let Some(failing) = oracle.failing.as_mut().filter(|_| free) {
                        failing.probe = Some(now + LEASE);
                        probing = true;
                    }
                }
                Event::Probed(failure) if probing => {
                    circuit.probed(failure, RequestMark::UNKNOWN, &rule(), now, 0);
                    oracle.probed(failure, now);
                    if let Some(failing) = &mut oracle.failing {
                        failing.probe = None;
                    }
                    probing = false;
                }
                Event::GivesBack if probing => {
                    circuit.release();
                    if let Some(failing) = &mut oracle.failing {
                        failing.probe = None;
                    }
                    probing = false;
                }
                Event::Probed(_) | Event::GivesBack => {}
            }
            prop_assert_eq!(circuit.admission(&rule(), now), oracle.admission(now), "{:?}", event);
            // What the breaker store holds is the same circuit, until nothing in it matters any more.
            prop_assert!(circuit.forget_at > now || oracle.admission(now) == Admission::Closed);
        }
    }

    #[test]
    fn a_429_never_counts_as_a_failure(waits in vec(prop::option::of(1..5000_u64), 1..40)) {
        let mut circuit = Circuit::default();
        let mut now = NOW;
        for wait in waits {
            let throttled = FailureKind::Throttled(wait.map(Millis));
            circuit.record(throttled, RequestMark::UNKNOWN, &rule(), now, 0);
            prop_assert!(circuit.votes.is_empty() && !circuit.suspect);
            now = now + Millis(wait.unwrap_or(60_000));
            prop_assert_eq!(circuit.admission(&rule(), now), Admission::Closed);
        }
    }

    #[test]
    fn no_opening_is_lost_between_workers(
        records in vec((0..4_u64, failure(), 0..3_usize), 1..30),
        schedule in vec(0..3_usize, 200),
    ) {
        let change = |failure| Change::Failed(failure, 0);
        let queued = records.iter().map(|(id, failure, worker)| (*worker, record(*id, change(*failure))));
        let (store, _) = play(queued.collect(), &schedule);
        for (id, failure, _) in records {
            let mut alone = BreakerStore::default();
            alone.apply(&record(id, change(failure)));
            // What fails while its circuit is open for failures says nothing new.
            let known = Timestamp(NOW.0 + 1).min(shut_until(&alone, id));
            let least = if matches!(failure, FailureKind::Throttled(_)) { shut_until(&alone, id) } else { known };
            prop_assert!(shut_until(&store, id) >= least);
        }
    }

    #[test]
    fn no_schedule_lets_two_probes_through(
        workers in vec(0..4_usize, 2..12),
        schedule in vec(0..4_usize, 100),
    ) {
        let claims = workers.iter().map(|worker| (*worker, record(7, Change::Claimed(LEASE))));
        let (store, claimed) = play_on(half_open(), claims.collect(), &schedule);
        prop_assert_eq!(claimed, 1);
        let admission = store.admission(CircuitId(7), &rule(), NOW);
        prop_assert_eq!(admission, Admission::Probed(NOW + LEASE));
    }

    #[test]
    fn any_bytes_are_a_board_and_none_opens_a_circuit_for_ever(bytes in vec(any::<u8>(), 0..200)) {
        let mut bytes = bytes;
        if let Some(version) = bytes.first_mut() {
            *version = 2;
        }
        let store = BreakerStore::decode(&bytes);
        for id in 0..3 {
            let Admission::Shut(until, _) = store.admission(CircuitId(id), &rule(), NOW) else { continue };
            // A tenth longer than the longest trip, from a clock that may be five seconds ahead.
            prop_assert!(until <= NOW + Millis::from_secs(665));
        }
    }
}

fn record(id: u64, change: Change) -> Record {
    Record {
        circuit: CircuitId(id),
        change,
        request: RequestMark::UNKNOWN,
        rule: rule(),
        at: NOW.into(),
    }
}

/// A breaker store on which circuit 7 is half-open now.
fn half_open() -> BreakerStore {
    let mut store = BreakerStore::default();
    let trip = Change::Failed(FailureKind::FailedTooOften(Some(Millis(1000))), 0);
    store.apply(&Record { at: Timestamp(NOW.0 - 1000).into(), ..record(7, trip) });
    store
}

fn shut_until(store: &BreakerStore, id: u64) -> Timestamp {
    match store.admission(CircuitId(id), &rule(), NOW) {
        Admission::Shut(until, _) => until,
        _ => Timestamp(0),
    }
}

fn play(queued: Vec<(usize, Record)>, schedule: &[usize]) -> (BreakerStore, usize) {
    play_on(BreakerStore::default(), queued, schedule)
}

/// Workers write in this interleaving, each as the filter does: read, apply, compare and swap, and
/// again on the newer value. Tells how many of the records changed something.
fn play_on(
    store: BreakerStore,
    queued: Vec<(usize, Record)>,
    schedule: &[usize],
) -> (BreakerStore, usize) {
    let mut shared = SharedData::default();
    shared.set("board", &store.encode(NOW), 0);
    let mut queues: [VecDeque<Record>; 4] = Default::default();
    let count = queued.len();
    for (worker, record) in queued {
        queues[worker].push_back(record);
    }
    let mut read: [Option<(Vec<u8>, u32)>; 4] = Default::default();
    let mut changes = 0;
    let all = [3, 2, 1, 0].into_iter().cycle().take(count * 16 + 16);
    for worker in schedule.iter().copied().chain(all) {
        let Some(record) = queues[worker].front() else { continue };
        match read[worker].take() {
            None => read[worker] = shared.get("board").cloned(),
            Some((bytes, cas)) => {
                let mut store = BreakerStore::decode(&bytes);
                let changed = store.apply(record);
                if !changed || shared.set("board", &store.encode(NOW), cas) {
                    changes += usize::from(changed);
                    queues[worker].pop_front();
                }
            }
        }
    }
    assert!(queues.iter().all(VecDeque::is_empty), "every worker comes to its end");
    (BreakerStore::decode(&shared.get("board").expect("there").0), changes)
}
