//! What Spillway was built to reach, and what a run says of it.

use serde::{Deserialize, Serialize};

use crate::backend::ON_THEIR_WAY;
use crate::gateways::{BARE, LITELLM, PORTKEY, SPILLWAY, TENSORZERO};
use crate::results::{Measured, find};
use crate::round::Round;
use crate::statistics::Spread;
use crate::work::EVERYTHING;

/// One thing that was to be reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bar {
    /// What.
    pub(crate) what: String,
    /// What was measured, round by round; its median counts. Absent where the run has nothing of it.
    pub(crate) measured: Option<Spread>,
    /// The number to reach.
    pub(crate) bar: f64,
    /// Whether that is the most or the least it may be.
    pub(crate) side: Side,
    /// What the numbers are.
    pub(crate) unit: Unit,
    /// Whether it is reached; absent where nothing was measured.
    pub(crate) met: Option<bool>,
}

/// On which side of the bar the number must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Side {
    AtMost,
    AtLeast,
}

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Times,
    Microseconds,
    Milliseconds,
    Requests,
    /// Percentage points: of one share against another.
    Points,
}

impl Bar {
    pub(crate) fn new(
        what: &str,
        measured: Option<Spread>,
        side: Side,
        bar: f64,
        unit: Unit,
    ) -> Self {
        let met = measured.map(|it| match side {
            Side::AtMost => it.median <= bar,
            Side::AtLeast => it.median >= bar,
        });
        Self { what: what.to_owned(), measured, bar, side, unit, met }
    }

    pub(crate) fn times(what: &str, measured: Option<Spread>, bar: f64) -> Self {
        Self::new(what, measured, Side::AtMost, bar, Unit::Times)
    }

    fn micros(what: &str, measured: Option<Spread>, bar: f64) -> Self {
        Self::new(what, measured, Side::AtMost, bar, Unit::Microseconds)
    }

    fn ahead(what: &str, measured: Option<Spread>, bar: f64) -> Self {
        Self::new(what, measured, Side::AtLeast, bar, Unit::Times)
    }
}

/// CPU per request with everything on, over bare Envoy's.
pub(crate) fn cpu_ratio(works: &[Measured]) -> Option<Spread> {
    over_bare(works, EVERYTHING)
}

/// All of them.
pub(crate) fn bars(works: &[Measured]) -> Vec<Bar> {
    let ahead_of = |peer| find(works, EVERYTHING)?.against(peer, cpu, |ours, its| its / ours);
    let added = |of: fn(&Round) -> f64| {
        find(works, "chat_1k_alone")?.against(BARE, of, |ours, bare| ours - bare)
    };
    vec![
        Bar::times(
            "CPU of a chat request with everything on, over bare Envoy",
            cpu_ratio(works),
            1.5,
        ),
        Bar::ahead("The same, TensorZero over Spillway", ahead_of(TENSORZERO), 1.7),
        Bar::ahead("The same, Portkey over Spillway", ahead_of(PORTKEY), 15.0),
        Bar::ahead("The same, LiteLLM over Spillway", ahead_of(LITELLM), 150.0),
        Bar::micros("Added p50 over bare Envoy, one connection", added(|round| round.p50), 30.0),
        Bar::micros("Added p99 over bare Envoy, one connection", added(|round| round.p99), 100.0),
        Bar::times(
            "CPU of a body-routed request of 1 MB, over bare Envoy that holds the same body",
            over_bare(works, "responses_1m"),
            1.5,
        ),
        Bar::times(
            "CPU of a stream whose client asks for its tokens, over bare Envoy",
            over_bare(works, "stream_500"),
            1.3,
        ),
        Bar::times(
            "CPU of a stream whose client does not ask for them, over bare Envoy",
            over_bare(works, "stream_500_unasked"),
            1.3,
        ),
        Bar::new(
            "Late chunks of one stream, which come when the next was sent: their share beyond bare \
             Envoy's",
            held_back(works),
            Side::AtMost,
            1.0,
            Unit::Points,
        ),
        Bar::micros(
            "A failed-over request, beyond one more exchange through bare Envoy (p50)",
            failed_over(works),
            1000.0,
        ),
        throttled(works, "failover_announced_alone", 1, "one worker, one connection"),
        throttled(works, "failover_announced_2", 2, "two workers, two connections"),
        throttled(works, "failover_announced", 1, "one worker, 16 connections"),
        throttled_later(works),
        Bar::times(
            "CPU of a request to a pool of 1,000 members, over one to a pool of two",
            grown(works, |ours, _| ours),
            2.0,
        ),
        Bar::times(
            "The same, of what Spillway adds to bare Envoy",
            grown(works, |ours, bare| ours - bare),
            2.0,
        ),
    ]
}

fn cpu(round: &Round) -> f64 {
    round.cpu
}

fn over_bare(works: &[Measured], key: &str) -> Option<Spread> {
    find(works, key)?.against(BARE, cpu, |ours, bare| ours / bare)
}

/// What share of chunks Spillway passes on late that bare Envoy does not, in percentage points.
///
/// What the machine does is in both. A filter that waits for what follows has all chunks late.
fn held_back(works: &[Measured]) -> Option<Spread> {
    let late = |gateway| find(works, "stream_500_alone")?.known(gateway, |round| round.chunk_late);
    Spread::of_pairs(&late(SPILLWAY)?, &late(BARE)?, |ours, bare| 100.0 * (ours - bare))
}

/// What one more attempt takes beyond what one more exchange would: all three at the same pace.
fn failed_over(works: &[Measured]) -> Option<Spread> {
    let p50 = |key, gateway| find(works, key)?.series(gateway, |round| round.p50);
    let once = p50("chat_1k_spaced", SPILLWAY)?;
    let bare = p50("chat_1k_spaced", BARE)?;
    let budget: Vec<f64> = once.iter().zip(&bare).map(|(once, bare)| once + bare).collect();
    Spread::of_pairs(&p50("failover_each", SPILLWAY)?, &budget, |both, budget| both - budget)
}

fn throttled(works: &[Measured], key: &str, workers: u32, in_words: &str) -> Bar {
    let most = |round: &Round| round.most_within.unwrap_or_default() as f64 / f64::from(workers);
    let what =
        format!("Requests to a throttled backend within an announced second, a worker: {in_words}");
    at_most_one(&what, find(works, key).and_then(|it| it.spread(SPILLWAY, most)))
}

/// Those that a gateway can do something about.
fn throttled_later(works: &[Measured]) -> Bar {
    let most = |round: &Round| round.most_later.map(|most| most as f64);
    let ms = ON_THEIR_WAY.as_millis();
    let what = format!("The same, of those that came {ms} ms after it was announced, or later");
    let known = find(works, "failover_announced").and_then(|it| it.known(SPILLWAY, most));
    at_most_one(&what, known.and_then(Spread::of))
}

/// The worst round counts, not the one in the middle.
fn at_most_one(what: &str, measured: Option<Spread>) -> Bar {
    let worst = measured.map(|it| Spread { median: it.most, ..it });
    Bar::new(what, worst, Side::AtMost, 1.0, Unit::Requests)
}

/// What a request to a thousand costs over one to two, of Spillway's and bare Envoy's CPU.
fn grown(works: &[Measured], of: impl Fn(f64, f64) -> f64) -> Option<Spread> {
    let cost = |key| {
        let work = find(works, key)?;
        let (ours, bare) = (work.series(SPILLWAY, cpu)?, work.series(BARE, cpu)?);
        Some(ours.iter().zip(bare).map(|(ours, bare)| of(*ours, bare)).collect::<Vec<_>>())
    };
    Spread::of_pairs(&cost("pool_1000")?, &cost("pool_2")?, |many, two| many / two)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::backend::PACE;
    use crate::load::{Chunk, Chunks};

    fn work(key: &str, of: &[(&str, Vec<Round>)]) -> Measured {
        let rounds = of.iter().map(|(name, rounds)| ((*name).to_owned(), rounds.clone())).collect();
        Measured { key: key.into(), rounds, ..Measured::default() }
    }

    fn cpus(all: &[f64]) -> Vec<Round> {
        all.iter().map(|cpu| Round { cpu: *cpu, ..Round::default() }).collect()
    }

    fn named<'a>(bars: &'a [Bar], start: &str) -> &'a Bar {
        bars.iter().find(|bar| bar.what.starts_with(start)).unwrap()
    }

    #[test]
    fn a_bar_is_met_on_its_own_side_by_the_median_of_the_rounds() {
        let works = [work(
            EVERYTHING,
            &[
                (BARE, cpus(&[40.0, 80.0, 40.0])),
                (SPILLWAY, cpus(&[64.0, 128.0, 48.0])),
                (TENSORZERO, cpus(&[96.0, 192.0, 96.0])),
                (PORTKEY, cpus(&[640.0, 640.0, 640.0])),
            ],
        )];
        let bars = bars(&works);
        let ratio = named(&bars, "CPU of a chat request");
        assert_eq!(ratio.measured, Some(Spread { median: 1.6, least: 1.2, most: 1.6 }));
        assert_eq!(ratio.met, Some(false));
        assert_eq!(named(&bars, "The same, TensorZero").met, Some(false));
        assert_eq!(named(&bars, "The same, Portkey").met, Some(false));
        let litellm = named(&bars, "The same, LiteLLM");
        assert_eq!((litellm.measured, litellm.met), (None, None), "not in this run");
    }

    #[test]
    fn the_worst_round_counts_for_a_throttled_backend() {
        let rounds = [2, 3, 2].map(|most| Round { most_within: Some(most), ..Round::default() });
        let works = [work("failover_announced_2", &[(SPILLWAY, rounds.to_vec())])];
        let bars = bars(&works);
        let two = bars.iter().find(|bar| bar.what.ends_with("two connections")).unwrap();
        assert_eq!((two.measured.unwrap().median, two.met), (1.5, Some(false)));
    }

    /// The bar for late chunks, of these rounds' shares.
    fn late(bare: &[Option<f64>], ours: &[Option<f64>]) -> Bar {
        let rounds = |all: &[Option<f64>]| {
            all.iter().map(|share| Round { chunk_late: *share, ..Round::default() }).collect()
        };
        let works = [work("stream_500_alone", &[(BARE, rounds(bare)), (SPILLWAY, rounds(ours))])];
        named(&bars(&works), "Late chunks").clone()
    }

    /// The share of late chunks of a stream that a gateway passes on, where each waits so long.
    fn passed_on(wait: impl Fn(u32) -> Duration) -> Option<f64> {
        let (mut chunks, mut before) = (Chunks::new(), None);
        for place in 0..500 {
            let sent = place * PACE;
            let chunk = Chunk { sent, came: sent + wait(place) + Duration::from_micros(100) };
            chunks.count(chunk, before.replace(chunk));
        }
        chunks.late_share()
    }

    #[test]
    fn a_gateway_that_holds_back_every_chunk_misses_the_bar_on_any_machine() {
        let at_once = passed_on(|_| Duration::ZERO);
        let held_back = passed_on(|_| PACE);
        // A machine that gives the gateway no time, for 14 ms out of each 200.
        let stalls = |place: u32| (7 * PACE).saturating_sub((place % 100) * PACE);
        let stalled = passed_on(stalls);
        assert_eq!((at_once, held_back), (Some(0.0), Some(1.0)));
        assert!(stalled.is_some_and(|share| share > 0.05), "{stalled:?}");
        for bare in [at_once, stalled] {
            assert_eq!(late(&[bare], &[held_back]).met, Some(false));
            assert_eq!(late(&[bare], &[bare]).met, Some(true));
        }
    }

    #[test]
    fn late_chunks_are_held_against_bare_envoys_in_the_same_round() {
        // Each machine-made stall hits one of the two; the round in the middle counts.
        let bar = late(
            &[Some(0.0625), Some(0.03125), Some(0.0)],
            &[Some(0.0), Some(0.0390625), Some(0.125)],
        );
        let wanted = Spread { median: 0.78125, least: -6.25, most: 12.5 };
        assert_eq!((bar.measured, bar.met), (Some(wanted), Some(true)));
        assert_eq!(late(&[Some(0.25)], &[Some(0.2625)]).met, Some(false));
    }

    #[test]
    fn a_run_that_did_not_count_late_chunks_has_no_share_of_them() {
        let without = late(&[None, None], &[None, None]);
        assert_eq!((without.measured, without.met), (None, None));
        assert_eq!(late(&[Some(0.0), None], &[Some(0.0), Some(0.0)]).measured, None);
    }

    #[test]
    fn a_failed_over_request_may_take_one_exchange_more() {
        let paced = |p50| vec![Round { p50, ..Round::default() }];
        let works = [
            work("chat_1k_spaced", &[(SPILLWAY, paced(200.0)), (BARE, paced(150.0))]),
            work("failover_each", &[(SPILLWAY, paced(900.0))]),
        ];
        let bars = bars(&works);
        let bar = named(&bars, "A failed-over request");
        assert_eq!((bar.measured.unwrap().median, bar.met), (550.0, Some(true)));
    }

    #[test]
    fn what_a_large_pool_costs_is_held_against_a_pool_of_two() {
        let works = [
            work("pool_2", &[(SPILLWAY, cpus(&[60.0])), (BARE, cpus(&[40.0]))]),
            work("pool_1000", &[(SPILLWAY, cpus(&[120.0])), (BARE, cpus(&[70.0]))]),
        ];
        let bars = bars(&works);
        assert_eq!(named(&bars, "CPU of a request to a pool").met, Some(true));
        let own = named(&bars, "The same, of what Spillway adds");
        assert_eq!((own.measured.unwrap().median, own.met), (2.5, Some(false)));
    }
}
