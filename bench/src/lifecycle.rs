//! What the rounds of requests do not show: memory over many of them, how long a start takes, and how
//! long it takes until a changed file is followed.
//!
//! Start and reload are measured as users run it, by `spillway up`, on all processors.

mod memory;
mod page;
mod reload;
mod start;
mod up;

use serde::{Deserialize, Serialize};

use crate::bars::{Bar, Side, Unit};
use crate::gateways::{Parts, SPILLWAY};
use crate::interrupt;
use crate::statistics::Spread;

pub(crate) use page::section;

/// Its name among the works.
pub(crate) const KEY: &str = "lifecycle";

/// The same in words.
pub(crate) const TITLE: &str =
    "Memory over many requests, start and reload with 5 and 500 backends";

/// How much of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Extent {
    /// Requests after which memory is read for the last time
    #[arg(long, default_value_t = MANY)]
    memory_requests: u64,
}

/// What was measured.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Lifecycle {
    /// Resident memory of Spillway's Envoy.
    pub(crate) memory: memory::Memory,
    /// Starts, by gateway and number of backends.
    pub(crate) starts: Vec<start::Starts>,
    /// Reloads, by number of backends.
    pub(crate) reloads: Vec<reload::Reloads>,
}

impl Extent {
    /// Whether it is less than the whole.
    pub(crate) const fn is_partial(&self) -> bool {
        self.memory_requests < MANY
    }

    /// Measures all of it.
    pub(crate) fn measure(&self, parts: &Parts, rounds: usize) -> anyhow::Result<Lifecycle> {
        let mut starts = vec![];
        let mut reloads = vec![];
        for backends in BACKENDS {
            interrupt::check()?;
            starts.extend(start::measure(parts, backends, rounds)?);
            reloads.push(reload::measure(parts, backends, rounds)?);
        }
        let memory = memory::measure(parts, self.memory_requests)?;
        Ok(Lifecycle { memory, starts, reloads })
    }
}

impl Lifecycle {
    /// What it was built to reach.
    pub(crate) fn bars(&self) -> Vec<Bar> {
        let growth = self.memory.growth().map(|growth| growth + 1.0);
        let starts = self.starts.iter().find(|it| it.gateway == SPILLWAY && it.backends == MOST);
        let ready = starts.map(|it| it.rounds.iter().map(|start| start.ready));
        let reloads = self.reloads.iter().find(|it| it.backends == MOST);
        let answered = reloads.map(|it| it.rounds.iter().map(|change| change.answered));
        let millis =
            |what, measured, bar| Bar::new(what, measured, Side::AtMost, bar, Unit::Milliseconds);
        vec![
            Bar::times(
                "Memory after a million requests, over that after 10,000",
                Spread::of(growth),
                1.05,
            ),
            millis("500 backends: ready after", ready.and_then(Spread::of), 5000.0),
            millis(
                "500 backends: a changed file is followed after",
                answered.and_then(Spread::of),
                1000.0,
            ),
        ]
    }
}

/// An hour's worth of requests.
const MANY: u64 = 1_000_000;

/// A small gateway, and the largest that anybody has asked for.
const BACKENDS: [usize; 2] = [5, MOST];
const MOST: usize = 500;

/// Of all processors, as `taskset` wants them.
fn everywhere() -> anyhow::Result<String> {
    Ok(format!("0-{}", std::thread::available_parallelism()?.get() - 1))
}
