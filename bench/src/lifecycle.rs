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

use crate::gateways::Parts;

pub(crate) use page::section;

/// How much of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Requests after which memory is read for the last time
    #[arg(long, default_value_t = 1_000_000)]
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

impl Args {
    /// Measures all of it, where `work` asks for it: by no name, or by a part of `lifecycle`.
    pub(crate) fn measure(
        &self,
        work: &str,
        parts: &Parts,
        rounds: usize,
    ) -> anyhow::Result<Option<Lifecycle>> {
        if !"lifecycle".contains(work) {
            return Ok(None);
        }
        let mut starts = vec![];
        let mut reloads = vec![];
        for backends in BACKENDS {
            starts.extend(start::measure(parts, backends, rounds)?);
            reloads.push(reload::measure(parts, backends, rounds)?);
        }
        let memory = memory::measure(parts, self.memory_requests)?;
        Ok(Some(Lifecycle { memory, starts, reloads }))
    }
}

/// A small gateway, and the largest that anybody has asked for.
const BACKENDS: [usize; 2] = [5, 500];

/// Of all processors, as `taskset` wants them.
fn everywhere() -> anyhow::Result<String> {
    Ok(format!("0-{}", std::thread::available_parallelism()?.get() - 1))
}

/// The middle of these values, and the least and the most; `None` of none.
fn median(mut values: Vec<f64>) -> Option<(f64, f64, f64)> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some((f64::midpoint(lower, upper), *values.first()?, *values.last()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_number_lies_between_two() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![4.0]), Some((4.0, 4.0, 4.0)));
        assert_eq!(median(vec![9.0, 1.0, 2.0]), Some((2.0, 1.0, 9.0)));
        assert_eq!(median(vec![9.0, 1.0, 2.0, 4.0]), Some((3.0, 1.0, 9.0)));
    }
}
