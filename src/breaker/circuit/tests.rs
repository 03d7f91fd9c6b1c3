//! A circuit through failures, probes and the way back.

use super::*;
use crate::testing::test;

const T0: Timestamp = Timestamp(1_000_000);
const FAILED: FailureKind = FailureKind::Failed(None);
const NOBODY: RequestMark = RequestMark::UNKNOWN;
const LEASE: Millis = Millis::from_secs(30);

fn rule() -> BreakerRule {
    BreakerRule { failures: 1, ..BreakerRule::default() }
}

fn throttled(millis: u64) -> FailureKind {
    FailureKind::Throttled(Some(Millis(millis)))
}

/// A circuit that these opened at `T0`.
fn opened(rule: &BreakerRule, blames: &[FailureKind]) -> Circuit {
    let mut circuit = Circuit::default();
    for failure in blames {
        circuit.record(*failure, NOBODY, rule, T0, 0);
    }
    circuit
}

fn shut_for(circuit: &Circuit, rule: &BreakerRule, now: Timestamp) -> Option<Millis> {
    match circuit.admission(rule, now) {
        Admission::Shut(until, _) => Some(until.since(now)),
        _ => None,
    }
}

#[test]
fn one_throttled_answer_opens_for_the_announced_time() {
    let default = BreakerRule::default();
    for (retry_after, time) in [(Some(3), 3), (Some(90), 90), (Some(86_400), 600), (None, 60)] {
        let failure = FailureKind::Throttled(retry_after.map(Millis::from_secs));
        let circuit = opened(&default, &[failure]);
        let until = T0 + Millis::from_secs(time);
        assert_eq!(
            circuit.admission(&default, T0),
            Admission::Shut(until, Unavailability::Throttled)
        );
        assert_eq!(circuit.admission(&default, until), Admission::Closed, "in full");
    }
}

#[test]
fn announcements_are_ignored_where_the_rule_says_so() {
    let deaf = BreakerRule { accept_retry_after: false, ..rule() };
    for failure in [throttled(5), FailureKind::Failed(Some(Millis(5)))] {
        let circuit = opened(&deaf, &[failure]);
        assert_eq!(shut_for(&circuit, &deaf, T0), Some(Millis::from_secs(60)));
    }
}

#[test]
fn a_later_announcement_extends_and_never_shortens() {
    let mut circuit = opened(&rule(), &[throttled(5000)]);
    assert!(!circuit.record(throttled(1000), NOBODY, &rule(), T0, 0));
    assert_eq!(shut_for(&circuit, &rule(), T0), Some(Millis(5000)));
    assert!(circuit.record(throttled(9000), NOBODY, &rule(), T0, 0));
    assert_eq!(shut_for(&circuit, &rule(), T0), Some(Millis(9000)));
}

#[test]
fn the_third_failure_within_the_interval_opens() {
    let three = BreakerRule::default();
    let mut circuit = Circuit::default();
    for seconds in [0, 30, 60, 95] {
        circuit.record(FAILED, NOBODY, &three, T0 + Millis::from_secs(seconds), 0);
    }
    let now = T0 + Millis::from_secs(95);
    assert_eq!(circuit.admission(&three, now), Admission::Closed);
    assert_eq!(circuit.votes.0.len(), 2, "those that are exactly a minute old do not count");
    circuit.record(FAILED, NOBODY, &three, now, 0);
    assert_eq!(shut_for(&circuit, &three, now), Some(Millis::from_secs(60)));
}

#[test]
fn failures_that_come_to_the_board_out_of_turn_count_too() {
    let three = BreakerRule::default();
    let mut circuit = Circuit::default();
    for at in [T0 + Millis(1), T0, T0 + Millis(1)] {
        circuit.record(FAILED, NOBODY, &three, at, 0);
    }
    assert!(shut_for(&circuit, &three, T0).is_some());
    let mut jumped = Circuit::default();
    for at in [T0 + Millis::from_secs(60), T0, T0] {
        jumped.record(FAILED, NOBODY, &three, at, 0);
    }
    assert_eq!(shut_for(&jumped, &three, T0), None, "a clock that was wrong does not count");
}

#[test]
fn after_failures_one_probe_at_a_time_is_let_through() {
    let mut circuit = opened(&rule(), &[FAILED]);
    let later = T0 + Millis::from_secs(60);
    assert_eq!(circuit.admission(&rule(), later), Admission::HalfOpen);
    assert!(circuit.claim(LEASE, false, &rule(), later));
    assert_eq!(circuit.admission(&rule(), later), Admission::Probed(later + LEASE));
    assert!(!circuit.claim(LEASE, false, &rule(), later + Millis(1)));
    assert!(circuit.release());
    assert!(circuit.claim(LEASE, false, &rule(), later + Millis(2)));
    assert!(circuit.claim(LEASE, false, &rule(), later + Millis(2) + LEASE), "the lease is over");
}

#[test]
fn each_failed_probe_doubles_the_time_up_to_the_cap() {
    let mut circuit = opened(&rule(), &[FAILED]);
    let mut now = T0;
    for seconds in [60, 120, 240, 480, 600, 600] {
        assert_eq!(shut_for(&circuit, &rule(), now), Some(Millis::from_secs(seconds)));
        now = now + Millis::from_secs(seconds);
        assert!(circuit.claim(LEASE, false, &rule(), now));
        assert!(circuit.probed(Some(FAILED), NOBODY, &rule(), now, 0));
    }
}

#[test]
fn an_answered_probe_closes_and_traffic_returns_bit_by_bit() {
    let mut circuit = opened(&rule(), &[FAILED]);
    let later = T0 + Millis::from_secs(60);
    circuit.claim(LEASE, false, &rule(), later);
    assert!(circuit.probed(None, NOBODY, &rule(), later, 0));
    let share = |seconds| circuit.admission(&rule(), later + Millis::from_secs(seconds));
    assert_eq!(share(0), Admission::Returning(50));
    assert_eq!(share(1), Admission::Returning(100));
    assert_eq!(share(9), Admission::Returning(900));
    assert_eq!(share(10), Admission::Closed);
}

#[test]
fn a_throttled_probe_shows_that_the_backend_works() {
    let mut circuit = opened(&rule(), &[FAILED]);
    let later = T0 + Millis::from_secs(60);
    circuit.claim(LEASE, false, &rule(), later);
    circuit.probed(Some(throttled(2000)), NOBODY, &rule(), later, 0);
    let until = later + Millis(2000);
    assert_eq!(
        circuit.admission(&rule(), later),
        Admission::Shut(until, Unavailability::Throttled)
    );
    assert_eq!(circuit.admission(&rule(), until), Admission::Closed);
}

#[test]
fn a_backend_that_fails_again_soon_is_left_alone_for_longer() {
    let mut circuit = opened(&rule(), &[FAILED]);
    let later = T0 + Millis::from_secs(60);
    circuit.claim(LEASE, false, &rule(), later);
    circuit.probed(None, NOBODY, &rule(), later, 0);
    let mut calm = circuit.clone();
    let soon = later + Millis::from_secs(59);
    circuit.record(FAILED, NOBODY, &rule(), soon, 0);
    assert_eq!(shut_for(&circuit, &rule(), soon), Some(Millis::from_secs(120)));
    let late = later + Millis::from_secs(60);
    calm.record(FAILED, NOBODY, &rule(), late, 0);
    assert_eq!(shut_for(&calm, &rule(), late), Some(Millis::from_secs(60)));
}

#[test]
fn answers_that_were_under_way_when_it_opened_change_nothing() {
    let mut circuit = opened(&rule(), &[FAILED]);
    let before = circuit.clone();
    for failure in [FAILED, FailureKind::Refused, FailureKind::FailedTooOften(None)] {
        assert!(!circuit.record(failure, NOBODY, &rule(), T0 + Millis(500), 0), "{failure:?}");
    }
    assert_eq!(circuit, before);
    circuit.record(throttled(1), NOBODY, &rule(), T0 + Millis(500), 0);
    assert_eq!(circuit.admission(&rule(), T0), before.admission(&rule(), T0));
}

#[test]
fn what_every_member_said_is_taken_back_and_an_announced_time_is_not() {
    let mut circuit = Circuit::default();
    assert!(circuit.accuse(RequestMark(7), &rule(), T0));
    assert_eq!(circuit.admission(&rule(), T0), Admission::Accused);
    let mut told = circuit.clone();
    told.record(throttled(2000), NOBODY, &rule(), T0, 0);
    for circuit in [&mut circuit, &mut told] {
        assert!(!circuit.withdraw(RequestMark(8), &rule(), T0), "another's");
        assert!(circuit.withdraw(RequestMark(7), &rule(), T0));
        assert!(!circuit.withdraw(RequestMark(7), &rule(), T0), "once");
    }
    assert_eq!(circuit.admission(&rule(), T0), Admission::Closed);
    assert_eq!(shut_for(&told, &rule(), T0), Some(Millis(2000)));
    assert_eq!(told.admission(&rule(), T0 + Millis(2000)), Admission::Closed, "in full");
}

#[test]
fn what_is_confirmed_opens_from_the_failure_on() {
    let mut circuit = Circuit::default();
    circuit.accuse(RequestMark(7), &rule(), T0);
    assert!(!circuit.confirm(FAILED, RequestMark(8), &rule(), T0, 0), "another's");
    assert!(circuit.confirm(
        FailureKind::Failed(Some(Millis(5000))),
        RequestMark(7),
        &rule(),
        T0,
        0
    ));
    let later = T0 + Millis(2000);
    assert_eq!(shut_for(&circuit, &rule(), later), Some(Millis(3000)));
    assert!(!circuit.accuse(RequestMark(9), &rule(), later), "it is open");
    assert!(!circuit.withdraw(RequestMark(9), &rule(), later));
}

#[test]
fn a_probe_that_is_taken_back_leaves_the_next_one_to_tell() {
    let mut circuit = opened(&rule(), &[FAILED]);
    let later = T0 + Millis::from_secs(60);
    assert!(circuit.claim(LEASE, false, &rule(), later));
    circuit.probed(Some(FAILED), RequestMark(7), &rule(), later, 0);
    assert!(shut_for(&circuit, &rule(), later).is_some());
    assert!(circuit.withdraw(RequestMark(7), &rule(), later));
    assert_eq!(circuit.admission(&rule(), later), Admission::HalfOpen);
}

#[test]
fn an_early_probe_closes_and_what_it_fails_by_was_known() {
    let mut circuit = opened(&rule(), &[FAILED]);
    let before = shut_for(&circuit, &rule(), T0);
    assert!(!circuit.claim(LEASE, false, &rule(), T0));
    assert!(circuit.claim(LEASE, true, &rule(), T0));
    assert!(!circuit.claim(LEASE, true, &rule(), T0), "one at a time");
    circuit.probed(Some(FAILED), RequestMark(7), &rule(), T0, 0);
    assert_eq!(shut_for(&circuit, &rule(), T0), before);
    assert!(circuit.claim(LEASE, true, &rule(), T0));
    circuit.probed(None, RequestMark(8), &rule(), T0 + Millis(1), 0);
    assert!(shut_for(&circuit, &rule(), T0 + Millis(1)).is_none());
    let mut told = opened(&rule(), &[throttled(2000)]);
    assert!(!told.claim(LEASE, true, &rule(), T0), "who has said until when is left alone");
}

#[test]
fn chance_makes_a_trip_up_to_a_tenth_longer_and_an_announced_time_never() {
    let drawn = |failure, draw| {
        let mut circuit = Circuit::default();
        circuit.record(failure, NOBODY, &rule(), T0, draw);
        shut_for(&circuit, &rule(), T0)
    };
    assert_eq!(drawn(FAILED, u64::MAX), Some(Millis(66_000)));
    assert_eq!(drawn(FAILED, u64::MAX / 2), Some(Millis(62_999)));
    assert_eq!(drawn(throttled(5000), u64::MAX), Some(Millis(5000)));
    assert_eq!(drawn(FailureKind::Failed(Some(Millis(5000))), u64::MAX), Some(Millis(5000)));
}

#[test]
fn a_clock_that_jumps_back_does_not_hold_it_open() {
    let future = T0 + Millis::from_secs(100_000);
    let mut circuit = Circuit::default();
    circuit.record(throttled(1000), NOBODY, &rule(), future, 0);
    assert_eq!(circuit.admission(&rule(), T0), Admission::Closed);
    circuit.record(FAILED, NOBODY, &rule(), future, 0);
    assert_eq!(circuit.admission(&rule(), T0), Admission::HalfOpen);
    circuit.claim(LEASE, false, &rule(), future + Millis::from_secs(60));
    assert_eq!(circuit.admission(&rule(), T0), Admission::HalfOpen);
}
