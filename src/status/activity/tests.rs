use super::*;
use crate::observation::AttemptResult;
use crate::status::cause::Cause;
use crate::status::cell::Count;
use crate::status::row::SLICES;
use crate::testing::test;
use crate::time::Millis;

const T0: Timestamp = Timestamp(1_800_000_000_000);
const MODEL: RowId = RowId(u64::MAX);

fn fault(at: Timestamp, result: AttemptResult) -> Fault {
    Fault { at, cause: Cause::Attempt(result), status: Some(429) }
}

fn failover(at: Timestamp, from: u64) -> Failover {
    let to = from.is_multiple_of(2).then_some(RowId(0));
    Failover { model: MODEL, from: RowId(from), to, fault: fault(at, AttemptResult::Throttled) }
}

fn seen(at: Timestamp, row: u64) -> Activity {
    let mut seen = Activity::default();
    let row = seen.row_mut(RowId(row));
    row.now(at).add(Count::Attempts, 1);
    row.now(at).add(Count::Prompt, 1000);
    row.headroom = Some((at, 420));
    row.fault = Some(fault(at, AttemptResult::NoAnswer));
    seen
}

fn attempts(all: &Activity, row: u64) -> u64 {
    all.row(RowId(row)).map_or(0, |row| row.sum().count(Count::Attempts))
}

#[test]
fn activity_survives_the_way_through_bytes() {
    let mut all = seen(T0, 7);
    all.merge(&seen(T0 + Millis::from_secs(33), 7));
    all.merge(&seen(T0, 0));
    all.fail_over(failover(T0, 2));
    all.fail_over(failover(T0, 3));
    all.sign(u64::MAX, T0, T0 + Millis(1));
    let bytes = all.encode();
    assert_eq!(Activity::decode(&bytes), all);
    for end in 0..bytes.len() {
        assert_eq!(Activity::decode(&bytes[..end]), Activity::default(), "cut at {end}");
    }
    let more = [&bytes[..], &[0]].concat();
    assert_eq!(Activity::decode(&more), Activity::default());
    assert_eq!(Activity::decode(&[&[VERSION][..], &[0xff; 30]].concat()), Activity::default());
}

#[test]
fn what_workers_hand_in_adds_up() {
    let mut bytes = Vec::new();
    for worker in 0..4 {
        for turn in 0..10 {
            let mut seen = seen(T0 + Millis(turn), worker % 2);
            seen.sign(worker, T0, T0 + Millis(turn));
            bytes = with(&bytes, &seen, T0 + Millis(turn));
        }
    }
    let all = Activity::decode(&bytes);
    assert_eq!((attempts(&all, 0), attempts(&all, 1)), (20, 20));
    assert_eq!(all.workers().len(), 4);
    let fault = all.row(RowId(1)).and_then(|row| row.fault).map(|fault| fault.at);
    assert_eq!(fault, Some(T0 + Millis(9)), "the last");
}

#[test]
fn slices_are_told_from_the_oldest_to_the_one_that_runs() {
    let mut all = seen(T0, 1);
    all.merge(&seen(T0 + SLICE, 1));
    all.merge(&seen(T0 + SLICE, 1));
    let row = all.row(RowId(1)).expect("a row");
    let told: Vec<u64> = row.slices(T0 + SLICE).map(|cell| cell.count(Count::Attempts)).collect();
    assert_eq!(told.len() as u64, SLICES);
    assert_eq!(told[SLICES as usize - 3..], [0, 1, 2]);
}

#[test]
fn what_is_too_old_is_forgotten_and_so_is_what_a_clock_put_into_the_future() {
    let bytes = with(&[], &seen(T0, 1), T0);
    let last = T0 + Millis(SLICE.0 * (SLICES - 1));
    assert_eq!(attempts(&Activity::decode(&with(&bytes, &seen(last, 2), last)), 1), 1);
    let over = last + SLICE;
    let mut seen_later = seen(over, 2);
    seen_later.sign(1, over, over);
    let all = Activity::decode(&with(&bytes, &seen_later, over));
    assert_eq!((all.row(RowId(1)), attempts(&all, 2)), (None, 1));
    // The clock goes back by an hour.
    let mut future = seen(T0 + Millis::from_secs(3600), 1);
    future.fail_over(failover(T0 + Millis::from_secs(3600), 2));
    let all = Activity::decode(&with(&future.encode(), &seen(T0, 2), T0));
    assert_eq!((all.row(RowId(1)), all.failovers().len()), (None, 0));
}

#[test]
fn only_the_newest_failovers_are_kept_in_their_order() {
    let mut bytes = Vec::new();
    for turn in 0..80_u64 {
        let mut seen = Activity::default();
        // Two workers hand in, each a little late.
        seen.fail_over(failover(T0 + Millis(turn ^ 1), turn ^ 1));
        bytes = with(&bytes, &seen, T0 + Millis(100));
    }
    let all = Activity::decode(&bytes);
    let from: Vec<u64> = all.failovers().iter().map(|failover| failover.from.0).collect();
    assert_eq!(from, (30..80).collect::<Vec<_>>());
}

/// A thousand members that all had traffic in every slice, as many as a pool will ever have.
#[test]
fn the_shared_value_stays_small() {
    let mut all = Activity::default();
    for member in 0..1000_u64 {
        // As spread as hashes are.
        let row = all.row_mut(RowId(member.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        for slice in 0..SLICES {
            let cell = row.now(T0 + Millis(slice * SLICE.0));
            cell.add(Count::Attempts, 40);
            cell.add(Count::Answered, 40);
            cell.add(Count::Told, 40);
            cell.add(Count::Prompt, 40_000);
            cell.add(Count::Completion, 12_000);
        }
    }
    let size = all.encode().len();
    assert!(size < 400_000, "{size}");
    assert_eq!(Activity::decode(&all.encode()), all);
}

#[test]
fn rows_are_named_by_model_and_backend_whatever_their_order() {
    let rows = |text: &str| {
        let config = crate::config::parse_json(text.as_bytes()).expect("right");
        Rows::new(&config)
    };
    let one = rows(
        r#"{"backends":{"a":{"url":"http://a"},"b":{"url":"http://b"}},
            "models":{"m":{"pool":["a","b"]},"n":{"pool":["b"]}}}"#,
    );
    let other = rows(
        r#"{"backends":{"b":{"url":"http://c"},"a":{"url":"http://a"}},
            "models":{"n":{"pool":["b"]},"m":{"pool":["b","a"]}}}"#,
    );
    let [m, n, none] = [0, 1, 2].map(ModelId::at);
    assert_eq!((one.model(m), one.model(n)), (other.model(m), other.model(n)));
    assert_eq!(one.member(m, 0), other.member(m, 1), "a of m");
    assert_ne!(one.member(m, 1), one.member(n, 0), "b of m is not b of n");
    assert_eq!((one.member(m, 2), one.model(none)), (None, None));
}
