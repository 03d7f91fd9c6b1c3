//! The breaker against an oracle, over random sequences of events, and the board between workers
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
use spillway::breaker::board::{Board, Change, Record};
use spillway::breaker::{Blame, Circuit, CircuitId, Standing, Unavailability};
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
    fn standing(&self, now: Timestamp) -> Standing {
        let cause =
            if self.failing.is_some() { Unavailability::Failed } else { Unavailability::Throttled };
        let until = self.shut_until();
        if until > now {
            return Standing::Shut(until, cause);
        }
        match (&self.failing, self.recovered_at) {
            (Some(Failing { probe: Some(lease), .. }), _) if *lease > now => {
                Standing::Probed(*lease)
            }
            (Some(_), _) => Standing::HalfOpen,
            (None, Some(at)) if now + Millis(1) < at + rule().ramp => {
                let share = now.since(at).0 * 1000 / rule().ramp.0;
                Standing::Returning(u32::try_from(share).expect("small").max(50))
            }
            (None, _) => Standing::Closed,
        }
    }

    fn shut_until(&self) -> Timestamp {
        self.failing.as_ref().map_or(Timestamp(0), |failing| failing.until).max(self.rest_until)
    }

    fn rest(&mut self, announced: Option<Millis>, now: Timestamp) {
        let wait = announced.unwrap_or(rule().trip).min(rule().max_trip);
        self.rest_until = self.rest_until.max(now + wait);
    }

    fn trip(&mut self, announced: Option<Millis>, now: Timestamp) {
        if self.failing.is_none() && now >= self.calm_at {
            self.trips = 0;
        }
        let mut time = rule().trip.0;
        for _ in 0..self.trips {
            time = (time * 2).min(rule().max_trip.0);
        }
        let time = announced.map_or(time, |wait| wait.0.min(rule().max_trip.0));
        self.trips += 1;
        self.failures.clear();
        self.failing = Some(Failing { until: now + Millis(time), probe: None });
        self.calm_at = self.shut_until() + rule().interval;
    }

    fn blamed(&mut self, blame: Blame, now: Timestamp) {
        match blame {
            Blame::Throttled(announced) => self.rest(announced, now),
            _ if self.failing.is_some() => {}
            Blame::Refused => self.trip(None, now),
            Blame::FailedTooOften(announced) => self.trip(announced, now),
            Blame::Failed(announced) => {
                self.failures.push(now);
                self.failures.retain(|at| now.since(*at) < rule().interval);
                if self.failures.len() >= 2 {
                    self.trip(announced, now);
                }
            }
        }
    }

    fn probed(&mut self, blame: Option<Blame>, now: Timestamp) {
        match blame {
            _ if self.failing.is_none() => {
                if let Some(blame) = blame {
                    self.blamed(blame, now);
                }
            }
            None => {
                self.failing = None;
                self.recovered_at = Some(now);
                self.calm_at = now + rule().interval;
            }
            Some(Blame::Throttled(announced)) => {
                self.failing = None;
                self.rest(announced, now);
            }
            Some(Blame::Failed(announced) | Blame::FailedTooOften(announced)) => {
                self.trip(announced, now);
            }
            Some(Blame::Refused) => self.trip(None, now),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Passes(u64),
    /// Time passes to where the circuit would change, and so many milliseconds more or less.
    Edge(i64),
    Blamed(Blame),
    /// A request asks for the probe, and this is how it ends.
    Asks,
    Probed(Option<Blame>),
    GivesBack,
}

fn blame() -> impl Strategy<Value = Blame> {
    let announced = || prop::option::of((1..700_000_u64).prop_map(Millis));
    prop_oneof![
        2 => announced().prop_map(Blame::Throttled),
        4 => announced().prop_map(Blame::Failed),
        1 => announced().prop_map(Blame::FailedTooOften),
        1 => Just(Blame::Refused),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (0..70_000_u64).prop_map(Event::Passes),
        3 => (-1..=1_i64).prop_map(Event::Edge),
        3 => blame().prop_map(Event::Blamed),
        3 => Just(Event::Asks),
        2 => prop::option::of(blame()).prop_map(Event::Probed),
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
                    let next = match circuit.standing(&rule(), now) {
                        Standing::Shut(until, _) | Standing::Probed(until) => until,
                        _ => now + Millis(1),
                    };
                    now = Timestamp(next.0.saturating_add_signed(off)).max(now);
                }
                Event::Blamed(blame) => {
                    circuit.record(blame, &rule(), now, 0);
                    oracle.blamed(blame, now);
                }
                Event::Asks => {
                    let free = oracle.standing(now) == Standing::HalfOpen;
                    prop_assert_eq!(circuit.claim(LEASE, &rule(), now), free);
                    if let Some(failing) = oracle.failing.as_mut().filter(|_| free) {
                        failing.probe = Some(now + LEASE);
                        probing = true;
                    }
                }
                Event::Probed(blame) if probing => {
                    circuit.probed(blame, &rule(), now, 0);
                    oracle.probed(blame, now);
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
            prop_assert_eq!(circuit.standing(&rule(), now), oracle.standing(now), "{:?}", event);
            // What the board holds is the same circuit, until nothing in it matters any more.
            prop_assert!(circuit.forget_at > now || oracle.standing(now) == Standing::Closed);
        }
    }

    #[test]
    fn a_429_never_counts_as_a_failure(waits in vec(prop::option::of(1..5000_u64), 1..40)) {
        let mut circuit = Circuit::default();
        let mut now = NOW;
        for wait in waits {
            circuit.record(Blame::Throttled(wait.map(Millis)), &rule(), now, 0);
            prop_assert!(circuit.failures.is_empty() && !circuit.suspect);
            now = now + Millis(wait.unwrap_or(60_000));
            prop_assert_eq!(circuit.standing(&rule(), now), Standing::Closed);
        }
    }

    #[test]
    fn no_opening_is_lost_between_workers(
        records in vec((0..4_u64, blame(), 0..3_usize), 1..30),
        schedule in vec(0..3_usize, 200),
    ) {
        let change = |blame| Change::Blamed(blame, 0);
        let queued = records.iter().map(|(id, blame, worker)| (*worker, record(*id, change(*blame))));
        let (board, _) = play(queued.collect(), &schedule);
        for (id, blame, _) in records {
            let mut alone = Board::default();
            alone.apply(&record(id, change(blame)));
            // What fails while its circuit is open for failures says nothing new.
            let known = Timestamp(NOW.0 + 1).min(shut_until(&alone, id));
            let least = if matches!(blame, Blame::Throttled(_)) { shut_until(&alone, id) } else { known };
            prop_assert!(shut_until(&board, id) >= least);
        }
    }

    #[test]
    fn no_schedule_lets_two_probes_through(
        workers in vec(0..4_usize, 2..12),
        schedule in vec(0..4_usize, 100),
    ) {
        let claims = workers.iter().map(|worker| (*worker, record(7, Change::Claimed(LEASE))));
        let (board, claimed) = play_on(half_open(), claims.collect(), &schedule);
        prop_assert_eq!(claimed, 1);
        let standing = board.standing(CircuitId(7), &rule(), NOW);
        prop_assert_eq!(standing, Standing::Probed(NOW + LEASE));
    }

    #[test]
    fn any_bytes_are_a_board_and_none_opens_a_circuit_for_ever(bytes in vec(any::<u8>(), 0..200)) {
        let mut bytes = bytes;
        if let Some(version) = bytes.first_mut() {
            *version = 2;
        }
        let board = Board::decode(&bytes);
        for id in 0..3 {
            let Standing::Shut(until, _) = board.standing(CircuitId(id), &rule(), NOW) else { continue };
            // A tenth longer than the longest trip, from a clock that may be five seconds ahead.
            prop_assert!(until <= NOW + Millis::from_secs(665));
        }
    }
}

fn record(id: u64, change: Change) -> Record {
    Record { circuit: CircuitId(id), change, rule: rule(), at: NOW.into() }
}

/// A board on which circuit 7 is half-open now.
fn half_open() -> Board {
    let mut board = Board::default();
    let trip = Change::Blamed(Blame::FailedTooOften(Some(Millis(1000))), 0);
    board.apply(&Record { at: Timestamp(NOW.0 - 1000).into(), ..record(7, trip) });
    board
}

fn shut_until(board: &Board, id: u64) -> Timestamp {
    match board.standing(CircuitId(id), &rule(), NOW) {
        Standing::Shut(until, _) => until,
        _ => Timestamp(0),
    }
}

fn play(queued: Vec<(usize, Record)>, schedule: &[usize]) -> (Board, usize) {
    play_on(Board::default(), queued, schedule)
}

/// Workers write in this interleaving, each as the filter does: read, apply, compare and swap, and
/// again on the newer value. Tells how many of the records changed something.
fn play_on(board: Board, queued: Vec<(usize, Record)>, schedule: &[usize]) -> (Board, usize) {
    let mut shared = SharedData::default();
    shared.set("board", &board.encode(NOW), 0);
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
                let mut board = Board::decode(&bytes);
                let changed = board.apply(record);
                if !changed || shared.set("board", &board.encode(NOW), cas) {
                    changes += usize::from(changed);
                    queues[worker].pop_front();
                }
            }
        }
    }
    assert!(queues.iter().all(VecDeque::is_empty), "every worker comes to its end");
    (Board::decode(&shared.get("board").expect("there").0), changes)
}
