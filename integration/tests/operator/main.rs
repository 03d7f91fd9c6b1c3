//! What an operator sees of an outage is true: two gateways on one file, outages as they are told of at
//! night, and beside each other what clients saw, which alert fired, and what the dashboard said.
//!
//! Before the outages there is an hour of healthy and spilling traffic, in which no alert may fire.
//!
//! Alerts take minutes and a test should not, so time is stretched, as in `integration/tests/alerts`: both
//! gateways are scraped every [`CALM`] or [`STORMY`] of the test, and two scrapes are [`SECONDS`] of
//! Prometheus' time apart. Then promtool evaluates the rules of `deploy/prometheus` and the questions of the
//! dashboard on what was recorded. What takes time by itself is not stretched: a client's patience, a slow
//! region.
//!
//! With `OPERATOR_TABLE=FILE` the play is slower, and what was seen is written there: `make operator-table`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

mod dashboard;
mod paper;
mod scenarios;
mod series;
mod sight;
mod traffic;

use std::env;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use spillway_integration::recording::Recording;
use spillway_integration::{Gateway, find, key_of, time_passes};

use scenarios::Scenario;
use sight::{Alert, Sight};
use traffic::{Traffic, WRONG_KEY};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_sees_is_true() {
    let paper = env::var_os("OPERATOR_TABLE");
    let scenarios = scenarios::all().await;
    let slower = if paper.is_some() { SLOWER } else { 1 };
    let (a, b) = (start(&scenarios, slower).await, start(&scenarios, slower).await);
    let mut play = Play {
        traffic: Traffic::new([&a, &b], &scenarios),
        recording: Recording::of_all(),
        a,
        b: Some(b),
        slower,
    };

    play.steps(&scenarios, HOUR, false).await;
    scenarios.iter().for_each(Scenario::begin);
    play.b.as_ref().unwrap().refuse("models: nonsense").await;
    play.steps(&scenarios, OUTAGE, true).await;
    let seen = play.traffic.seen();
    scenarios.iter().for_each(Scenario::end);
    play.restart(&scenarios).await;

    let moments =
        [HOUR, HOUR + OUTAGE, HOUR + OUTAGE + AWAY].map(|scrapes| (scrapes - 1) * SECONDS);
    let [began, ended, back] = moments;
    assert_eq!(play.recording.scrapes(), HOUR + OUTAGE + AWAY + AFTER);
    let rules = find::workspace().join("deploy/prometheus/rules.yaml");
    let series = play.recording.input_series();
    let sight = Sight::of(&rules, &series, SECONDS, &scenarios, moments);

    assert_eq!(sight.alerts(0, began), [], "in an hour of healthy and spilling traffic");
    let fired = sight.alerts(began, ended);
    for Scenario { model, must, may, .. } in &scenarios {
        let about = |alert: &&Alert| alert.labels.get("model").is_some_and(|its| its == model);
        let names = |alerts: &mut dyn Iterator<Item = &Alert>| {
            let mut names: Vec<String> = alerts.map(|alert| alert.name.clone()).collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        let mut those = fired.iter().filter(about);
        let of_must = names(&mut those.clone().filter(|alert| must.contains(&&*alert.name)));
        assert_eq!(
            of_must,
            must.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(),
            "{model}"
        );
        let strange = names(
            &mut those
                .by_ref()
                .filter(|alert| !must.contains(&&*alert.name) && !may.contains(&&*alert.name)),
        );
        assert_eq!(strange, [""; 0], "{model}");
    }
    let global = |alerts: &[Alert]| -> Vec<String> {
        let no_model = alerts.iter().filter(|alert| !alert.labels.contains_key("model"));
        no_model.map(|alert| alert.name.clone()).collect()
    };
    assert_eq!(global(&fired), ["SpillwayClientKeysInvalid", "SpillwayConfigRefused"]);
    assert!(global(&sight.alerts(ended, back)).contains(&"SpillwayGatewayDown".to_owned()));
    sight.assert_true();
    for (model, statuses) in &seen {
        let only_well = statuses.keys().all(|status| status == "200");
        let told = fired.iter().any(|alert| alert.labels.get("model").is_some_and(|m| m == model));
        assert!(only_well || told || *model == WRONG_KEY, "clients of {model} saw {statuses:?}");
    }

    if let Some(file) = paper {
        let text = paper::write(&scenarios, &seen, &sight, moments);
        std::fs::write(file, text).expect("a file");
    }
}

/// Two gateways, of which one may be away, and what is recorded of them.
struct Play {
    a: Gateway,
    b: Option<Gateway>,
    traffic: Traffic,
    recording: Recording,
    /// How many times as long a step takes as in the short form.
    slower: u32,
}

impl Play {
    async fn steps(&mut self, scenarios: &[Scenario], number: usize, outage: bool) {
        let period = if outage { STORMY } else { CALM } * self.slower;
        let away = self.b.is_none().then_some(1);
        for step in 0..number {
            let end = Instant::now() + period;
            scenarios.iter().for_each(|scenario| scenario.step(step, period, outage));
            for half in 1..=2 {
                self.traffic.send(outage, away);
                let then = end - period / 2 * (2 - half);
                time_passes(then.saturating_duration_since(Instant::now())).await;
            }
            self.recording.scrape([("a", Some(&self.a)), ("b", self.b.as_ref())]).await;
        }
    }

    /// The second gateway stops, is away for some minutes, and starts anew.
    async fn restart(&mut self, scenarios: &[Scenario]) {
        drop(self.b.take());
        self.steps(scenarios, AWAY, false).await;
        let b = start(scenarios, self.slower).await;
        self.traffic.moves(1, &b);
        self.b = Some(b);
        self.steps(scenarios, AFTER, false).await;
    }
}

async fn start(scenarios: &[Scenario], slower: u32) -> Gateway {
    let [trip, longest, ramp] =
        [STORMY * 2, STORMY * 20, STORMY / 3].map(|time| (time * slower).as_millis());
    let breaker = format!("trip: {trip}ms, max_trip: {longest}ms, ramp: {ramp}ms");
    let mut config = format!("circuit_breaker: {{ {breaker} }}{CONFIG}");
    let mut keys = Vec::new();
    let mut models = String::from("models:\n");
    for scenario in scenarios {
        models += &scenario.pool();
        for (region, _) in &scenario.regions {
            let (name, url) = (region.name(), region.url());
            let key = format!("KEY_{}", name.to_uppercase().replace('-', "_"));
            let _ = writeln!(config, "  {name}: {{ url: \"{url}\", api_key: \"${{{key}}}\" }}");
            keys.push((key, key_of(name)));
        }
    }
    let setup = Gateway::of(config + &models, keys).that_merges_often();
    setup.env("CHAT", "key-of-chat").env("ODD", "key-of-odd").start().await
}

/// Between two scrapes, for the gateways: in good times, and in bad.
const CALM: Duration = Duration::from_millis(80);
const STORMY: Duration = Duration::from_millis(300);
/// The same, for Prometheus.
const SECONDS: usize = 30;
/// An hour and five minutes.
const HOUR: usize = 130;
/// Half an hour and more: BackendOpen needs 15 minutes, ConfigDiffers too.
const OUTAGE: usize = 70;
/// Five minutes without the second gateway, and ten with it.
const AWAY: usize = 10;
const AFTER: usize = 20;
/// How many times as long a step takes where it is written down.
const SLOWER: u32 = 4;

/// Circuits are as much faster than the defaults as time is.
const CONFIG: &str = "
when_exhausted: service_unavailable
timeouts: { first_byte: 20s, drain: 1s }
clients: [{ name: chat, key: \"${CHAT}\" }, { name: odd, key: \"${ODD}\" }]
backends:
";
