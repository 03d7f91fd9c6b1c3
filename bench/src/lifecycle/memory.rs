//! Whether memory grows with requests: resident size after ten thousand and after a million.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use tokio::task::LocalSet;

use crate::backend::Backend;
use crate::cpu;
use crate::gateways::{Gateway, Parts, SPILLWAY, Setup};
use crate::interrupt;
use crate::load::{Outcome, closed};
use crate::work::{Asks, First, On};

/// The curve.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// In the order of their requests.
    pub(crate) points: Vec<Point>,
}

/// Resident memory after so many requests.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Point {
    /// Requests since the start.
    pub(crate) requests: u64,
    /// Resident then, in bytes.
    pub(crate) resident: u64,
}

impl Memory {
    /// By how much the last point lies over the one at [`FIRST`]; `None` where either is missing.
    pub(crate) fn growth(&self) -> Option<f64> {
        let first = self.points.iter().find(|point| point.requests == FIRST)?;
        let last = self.points.last()?;
        Some(last.resident as f64 / first.resident as f64 - 1.0)
    }
}

/// Sends so many requests, and reads memory on the way.
pub(super) fn measure(parts: &Parts, requests: u64) -> anyhow::Result<Memory> {
    eprintln!("memory over {requests} requests");
    let gateway = Gateway::ALL.into_iter().find(|it| it.name == SPILLWAY).context(SPILLWAY)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let backends =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let one = backends.block_on(Backend::start(First::Serves))?;
    let two = backends.block_on(Backend::start(First::Serves))?;
    let folder = tempfile::tempdir()?;
    let setup = Setup {
        tiers: vec![vec![one.address, two.address]],
        workers: 1,
        processors: "0".into(),
        on: On::Everything,
        model_in_body: false,
        folder: folder.path().to_owned(),
    };
    let running = (gateway.start)(parts, &setup)?;
    let shot = Asks::Chat(1024).shot(&running);
    let local = LocalSet::new();
    let mut sent = 0;
    let mut points = vec![];
    for stop in stops(requests) {
        let outcome = closed(running.address, &shot, CLIENTS, stop.at - sent, Duration::ZERO);
        let outcome = runtime.block_on(local.run_until(async {
            tokio::select! {
                outcome = outcome => outcome,
                () = interrupt::interrupted() => Outcome::new(),
            }
        }));
        interrupt::check()?;
        ensure!(outcome.failed == 0, "{} failed: {:?}", outcome.failed, outcome.failure);
        sent = stop.at;
        if stop.counts {
            let resident = cpu::used(running.process.pid()).resident;
            eprintln!("  {sent:9} requests: {:7.1} MB", resident as f64 / 1e6);
            points.push(Point { requests: sent, resident });
        }
        // Envoy appends to its log, so it goes on at the beginning.
        let log = std::fs::File::options().write(true).open(folder.path().join("access.log"))?;
        log.set_len(0)?;
    }
    Ok(Memory { points })
}

#[derive(Debug, PartialEq, Eq)]
struct Stop {
    at: u64,
    /// Memory is read here; else only the access log is emptied, which would take a gigabyte.
    counts: bool,
}

/// Where the run stops: at each of the curve's points, and often enough for the disk.
fn stops(requests: u64) -> Vec<Stop> {
    let points: Vec<u64> =
        CURVE.into_iter().filter(|point| *point < requests).chain([requests]).collect();
    let breaks = (1..).map(|number| number * MOST_AT_ONCE).take_while(|at| *at < requests);
    let mut all: Vec<u64> = points.iter().copied().chain(breaks).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().map(|at| Stop { at, counts: points.contains(&at) }).collect()
}

const CLIENTS: usize = 32;

/// The first point that counts: buffers, pools and caches have their size by then.
pub(super) const FIRST: u64 = 10_000;

const CURVE: [u64; 7] = [1_000, FIRST, 50_000, 100_000, 250_000, 500_000, 750_000];

const MOST_AT_ONCE: u64 = 200_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_stops_at_its_points_and_at_its_end() {
        let at = |requests| -> Vec<(u64, bool)> {
            stops(requests).into_iter().map(|stop| (stop.at, stop.counts)).collect()
        };
        assert_eq!(at(500), [(500, true)]);
        assert_eq!(at(FIRST), [(1_000, true), (FIRST, true)]);
        let million = at(1_000_000);
        assert_eq!(million.last(), Some(&(1_000_000, true)));
        assert!(million.contains(&(200_000, false)) && million.contains(&(250_000, true)));
        assert!(million.windows(2).all(|pair| pair[1].0 - pair[0].0 <= MOST_AT_ONCE));
    }

    #[test]
    fn growth_is_from_the_first_point_that_counts() {
        let point = |requests, resident| Point { requests, resident };
        let mut memory = Memory { points: vec![point(1_000, 50), point(FIRST, 100)] };
        assert_eq!(memory.growth(), Some(0.0));
        memory.points.push(point(1_000_000, 104));
        assert!((memory.growth().expect("both") - 0.04).abs() < 1e-9);
        assert_eq!(Memory { points: vec![point(5, 1)] }.growth(), None);
    }
}
