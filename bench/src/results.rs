//! What a run has measured, as it is kept: `bench/results/latest.json`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::lifecycle::Lifecycle;
use crate::round::Round;

/// A whole run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    /// What it ran on.
    pub(crate) machine: Machine,
    /// The gateways that were measured.
    pub(crate) versions: BTreeMap<String, String>,
    /// The others, and why not.
    pub(crate) left_out: BTreeMap<String, String>,
    /// CPU per request with everything that production has on, over that of bare Envoy, which does
    /// the same without the filter.
    pub(crate) cpu_ratio_to_bare_envoy: Option<f64>,
    /// Each kind of work.
    pub(crate) works: Vec<Measured>,
    /// Memory, start and reload, where they were measured.
    #[serde(default)]
    pub(crate) lifecycle: Option<Lifecycle>,
}

/// What it ran on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The processor, as it calls itself.
    pub(crate) processor: String,
    /// How many of them.
    pub(crate) processors: usize,
    /// The kernel.
    pub(crate) kernel: String,
}

/// One kind of work.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Its name.
    pub(crate) key: String,
    /// The same in words.
    pub(crate) title: String,
    /// By gateway: what each round has shown.
    pub(crate) rounds: BTreeMap<String, Vec<Round>>,
}

impl Machine {
    pub(crate) fn here() -> anyhow::Result<Self> {
        let about = std::fs::read_to_string("/proc/cpuinfo")?;
        let model =
            about.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
        Ok(Self {
            processor: model.unwrap_or("unknown").to_owned(),
            processors: std::thread::available_parallelism()?.get(),
            kernel: kernel.trim().to_owned(),
        })
    }
}

impl Results {
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read(file).with_context(|| file.display().to_string())?;
        Ok(serde_json::from_slice(&text)?)
    }

    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(std::fs::write(file, serde_json::to_string_pretty(self)? + "\n")?)
    }
}

impl Measured {
    /// The median of one number over a gateway's rounds; none where a round had a failure.
    pub(crate) fn median(&self, gateway: &str, of: impl Fn(&Round) -> f64) -> Option<f64> {
        let rounds = self.sound(gateway)?;
        let mut all: Vec<f64> = rounds.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    }

    /// The least and the most of one number.
    pub(crate) fn spread(&self, gateway: &str, of: impl Fn(&Round) -> f64) -> Option<(f64, f64)> {
        let all = self.sound(gateway)?.iter().map(of);
        Some(all.fold((f64::MAX, f64::MIN), |(least, most), it| (least.min(it), most.max(it))))
    }

    /// A gateway that fails requests gets no number.
    fn sound(&self, gateway: &str) -> Option<&[Round]> {
        let rounds = self.rounds.get(gateway).filter(|rounds| !rounds.is_empty())?;
        rounds.iter().all(|round| round.failed == 0).then_some(rounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(cpu: f64, failed: u64) -> Round {
        Round { cpu, failed, ..Round::default() }
    }

    fn measured(rounds: Vec<Round>) -> Measured {
        let rounds = [("one".to_owned(), rounds)].into();
        Measured { key: String::new(), title: String::new(), rounds }
    }

    #[test]
    fn the_median_is_the_one_in_the_middle_and_the_spread_is_around_it() {
        let it = measured(vec![round(9.0, 0), round(1.0, 0), round(4.0, 0)]);
        assert_eq!(it.median("one", |round| round.cpu), Some(4.0));
        assert_eq!(it.spread("one", |round| round.cpu), Some((1.0, 9.0)));
        assert_eq!(it.median("another", |round| round.cpu), None);
    }

    #[test]
    fn a_gateway_that_fails_requests_gets_no_number() {
        let it = measured(vec![round(1.0, 0), round(2.0, 1)]);
        assert_eq!(it.median("one", |round| round.cpu), None);
        assert_eq!(it.spread("one", |round| round.cpu), None);
    }
}
