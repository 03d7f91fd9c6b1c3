//! Every outage of the chaos suite has its alert, which tells throttled from failing from refused, and
//! which ends with the outage.
//!
//! `deploy/prometheus/rules_test.yaml` says when a rule fires on series that somebody made up. Whether
//! the gateway makes such series in an outage, only an outage can tell. So one gateway on the real
//! Envoy has two pools for each kind of outage: one in which only the first tier has it, one in which
//! every backend does. All of them have good times, the outage, and good times again, with traffic all
//! the time. What Envoy's `/stats/prometheus` says meanwhile is recorded, and promtool evaluates the
//! rules of `deploy/prometheus` on it.
//!
//! Alerts take minutes and a test should not, so time is stretched: one scrape is [`PERIOD`] of the
//! test and [`SECONDS`] of Prometheus' time. The circuits' times are as much shorter than the defaults
//! (`CONFIG`). The test plays against the clock, but no answer depends on how fast it is: a rule that
//! needs a scrape to be at the right moment would be a bad rule.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

mod expected;
mod judge;
mod pools;
mod traffic;

use std::fs;
use std::time::{Duration, Instant};

use spillway_integration::recording::Recording;
use spillway_integration::{Authority, Gateway, find, time_passes};

use expected::Extent;
use judge::Judge;
use pools::{Outage, Pools};
use traffic::Traffic;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_outage_has_its_alerts_which_end_with_it() {
    let rules = find::workspace().join("deploy/prometheus/rules.yaml");
    let authority = Authority::new();
    let pools = Pools::new(&authority).await;
    let gateway = pools.gateway(CONFIG).await;
    let mut play = Play {
        traffic: Traffic::new(&gateway, models(pools.outages().iter())),
        recording: Recording::for_rules(&fs::read_to_string(&rules).expect("rules")),
        gateway,
    };

    play.steps(BEFORE).await;
    pools.fail().await;
    play.steps(DURING).await;
    pools.recover().await;
    play.steps(AFTER).await;

    // Scrapes are counted from 0.
    let (began, ended, last) = (BEFORE - 1, BEFORE + DURING - 1, BEFORE + DURING + AFTER - 1);
    let lasting = models(pools.outages().iter().filter(|outage| !outage.passes()));
    let mut judge = Judge::new(SECONDS);
    judge.quiet((0, began), &lasting, &[]);
    for outage in pools.outages() {
        let family = outage.family();
        for extent in EXTENTS {
            let model = outage.model(extent);
            let alerts = family.alerts(&model, extent, &outage.culprits(extent));
            judge.fired((began, ended), &model, &alerts, family.by_chance());
        }
    }
    let lingers: Vec<String> = pools.outages().iter().flat_map(Outage::lingers).collect();
    judge.quiet((last - BEFORE, last), &lasting, &lingers);
    judge.judge(&rules, &play.recording.input_series());
    drop(play.traffic);
    play.gateway.end().await;
}

/// The gateway with its clients, and what is recorded of it.
struct Play {
    gateway: Gateway,
    traffic: Traffic,
    recording: Recording,
}

impl Play {
    /// Scrapes so often, each time after some traffic.
    async fn steps(&mut self, number: usize) {
        for _ in 0..number {
            let end = Instant::now() + PERIOD;
            self.traffic.send().await;
            self.recording.scrape([("gateway", Some(&self.gateway))]).await;
            time_passes(end.saturating_duration_since(Instant::now())).await;
        }
    }
}

fn models<'a>(outages: impl Iterator<Item = &'a Outage>) -> Vec<String> {
    outages.flat_map(|outage| EXTENTS.map(|extent| outage.model(extent))).collect()
}

const EXTENTS: [Extent; 2] = [Extent::FirstTier, Extent::All];

/// Between two scrapes, for the gateway.
const PERIOD: Duration = Duration::from_millis(150);
/// Between two scrapes, for Prometheus.
const SECONDS: usize = 30;
/// So many scrapes in good times: 6 minutes, so that a `for` of 5 would pass.
const BEFORE: usize = 12;
/// So many in the outage: 30 minutes. The slowest alert about it needs 15, once it is seen that all backends
/// of a pool are silent, which takes another 15.
const DURING: usize = 60;
/// So many until all is well: 48 minutes, of which the last 6 must be quiet. Requests hang for another 10,
/// and half an hour after that nothing is said any more of a backend that failed and was not needed since.
const AFTER: usize = 96;

/// The defaults (60 s, 10 min, 10 s), 200 times as fast. The time-out is longer than a healthy backend
/// takes on a busy machine.
const CONFIG: &str = "
circuit_breaker: { trip: 300ms, max_trip: 3s, ramp: 50ms }
timeouts: { first_byte: 1500ms }
";
