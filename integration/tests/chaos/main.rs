//! A gateway before failing backends: regions throttle, reset, stall, talk nonsense, die and come back, show
//! wrong certificates and have no address, at random, all the time; one of them is healthy.
//!
//! What clients are promised is told by DESIGN's table of answers, and each row has a test of its
//! own. Here everything happens at once, on four workers with many clients, and whatever the order,
//! each request must be answered once, by one backend, with exactly what that backend sent.
//!
//! A second test has the other weather: every backend is well, and one client's requests are poison
//! (`poison.rs`).
//!
//! A run is told by its seed. It is printed on failure, with the faults at the time and the access
//! log's lines of what failed:
//!
//! ```console
//! $ CHAOS_SEED=42 CHAOS_SECONDS=60 cargo test -p spillway-integration --test chaos
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

mod clients;
mod fault_plan;
mod memory;
mod models;
mod poison;
mod request_log;
mod verdict;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use spillway_integration::outage::{A_DAY, Backend, Kind};
use spillway_integration::{Authority, Client, Gateway, eventually, key_of};
use spillway_simulator::RetryAfter;
use tokio::task::JoinSet;

use clients::Asker;
use fault_plan::FaultPlan;
use memory::Memory;
use request_log::RequestLog;
use verdict::Evidence;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_sees_a_failure_while_one_backend_is_healthy() {
    let seed = setting("CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    let span = Duration::from_secs(setting("CHAOS_SECONDS").unwrap_or(SHORT));
    let world = World::new().await;
    let gateway = world.gateway().await;
    let machines = gateway.stats("wasm.envoy").await;
    assert!(machines.contains("created"), "{machines}");

    let log = Arc::new(RequestLog::default());
    let plan = FaultPlan::new(&world.changing);
    let changing = plan.begin(seed, log.clone(), gateway.client());
    let mut askers = JoinSet::new();
    for number in 0..CLIENTS {
        let http2 = number % 4 == 0;
        let client = if http2 { Client::http2_at(gateway.at) } else { gateway.client() };
        let draw = fastrand::Rng::with_seed(seed.wrapping_add(1 + number));
        askers.spawn(Asker { client, draw, log: log.clone() }.run());
    }
    let memory = Memory::watch(&gateway, span).await;
    log.close();
    while let Some(ended) = askers.join_next().await {
        ended.expect("a client");
    }
    drop(changing);
    let machines_then = gateway.stats("wasm.envoy").await;

    let records = log.take();
    eventually("all lines of the access log", async || {
        (gateway.access_log().matches(request_log::LOGGED).count() >= records.len()).then_some(())
    })
    .await;
    let evidence = Evidence::new(records, &world.all(), gateway.log_lines());
    let (sums, changes, growth) = (evidence.sums(), plan.changes(), memory.growth());
    // Shown for failed tests, and on demand.
    println!("CHAOS_SEED={seed}: {sums:?}, {changes} backends relied upon, memory {growth:?}");
    report(seed, &plan, &evidence);
    assert!(sums.attempts.keys().any(|attempts| *attempts > 1), "bad weather: {sums:?}");
    assert_eq!(machines, machines_then, "no VM was loaded anew");
    memory.assert_flat();
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_fails_for_what_another_client_provokes() {
    let seed = setting("CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    let span = Duration::from_secs(setting("CHAOS_SECONDS").unwrap_or(SHORT));
    let each = span / u32::try_from(poison::RULES.len()).expect("a few");
    for rules in poison::RULES {
        let answered = rules.survive_poison(seed, each).await;
        println!("CHAOS_SEED={seed}: {rules:?}: {answered} requests answered");
    }
}

/// The backends of the pool. Those that change take turns at being healthy.
struct World {
    throttled: Arc<Backend>,
    nowhere: Arc<Backend>,
    changing: [Arc<Backend>; 4],
    _authority: Authority,
}

impl World {
    async fn new() -> Self {
        let authority = Authority::new();
        let throttled = Backend::plain("throttled").await;
        throttled.turn(&Kind::Throttles(RetryAfter::Seconds(A_DAY))).await;
        let changing = [
            Backend::plain("eastus").await,
            Backend::over_tls("swedencentral", &authority).await,
            Backend::behind_a_door("northeurope").await,
            Backend::plain("westus").await,
        ];
        Self {
            throttled: throttled.into(),
            nowhere: Backend::nowhere("nowhere").await.into(),
            changing: changing.map(with_streams).map(Arc::new),
            _authority: authority,
        }
    }

    async fn gateway(&self) -> Gateway {
        let [eastus, swedencentral, northeurope, westus] = &self.changing;
        let tiers: [(u32, &Backend); 6] = [
            (1, &self.throttled),
            (1, eastus),
            (2, swedencentral),
            (2, northeurope),
            (3, &self.nowhere),
            (3, westus),
        ];
        let keys = tiers.map(|(_, backend)| (backend.key_variable(), key_of(backend.name)));
        let gateway = Gateway::of(models::config(RULES, &tiers), keys.into()).workers(WORKERS);
        gateway.env(models::CLIENT_KEY_VARIABLE, clients::KEY).start().await
    }

    fn all(&self) -> Vec<Arc<Backend>> {
        [&[self.throttled.clone(), self.nowhere.clone()][..], &self.changing].concat()
    }
}

fn with_streams(backend: Backend) -> Backend {
    let deployment = models::STREAM.at(backend.name);
    backend.with_streams_at(deployment)
}

/// Fails the test where there is anything to complain about.
fn report(seed: u64, plan: &FaultPlan, evidence: &Evidence) {
    let (complaints, leaks) = (evidence.complaints(), evidence.leaks());
    if complaints.is_empty() && leaks.is_empty() {
        return;
    }
    let mut text = format!("CHAOS_SEED={seed}: {} requests went wrong", complaints.len());
    for leak in leaks.iter().take(TOLD) {
        let _ = write!(text, "\n  {leak}");
    }
    for complaint in complaints.iter().take(TOLD) {
        let record = complaint.about;
        let seconds = |at: Instant| plan.since_start(at);
        let (start, end) = (seconds(record.start), seconds(record.end));
        let _ = writeln!(text, "\n  from {start:.3} s to {end:.3} s: {}", complaint.text);
        for line in complaint.logged {
            let _ = writeln!(text, "    {line}");
        }
        text.push_str(&plan.between(record.start, record.end));
    }
    panic!("{text}");
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: {text} is not a number")))
}

/// Circuits come back soon enough for every backend to take part all the time. The time-out is
/// longer than a healthy backend takes on a machine that does something else besides.
const RULES: &str = "
circuit_breaker: { failures: 3, interval: 1s, trip: 100ms, max_trip: 500ms, ramp: 100ms }
timeouts: { first_byte: 2s }
clients: [{ name: chaos, key: \"${CHAOS_CLIENT_KEY}\" }]
";
const WORKERS: u32 = 4;
const CLIENTS: u64 = 64;
/// In seconds, where nothing is said.
const SHORT: u64 = 12;
/// So many failures are told in full.
const TOLD: usize = 5;
