//! What a run has measured, as it is kept: `bench/results/latest.json`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::bars::{self, Bar};
use crate::gateways::SPILLWAY;
use crate::lifecycle::Lifecycle;
use crate::round::Round;
use crate::statistics::Spread;
use crate::work::Work;

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
    /// the same without the filter: the median of the rounds' ratios.
    pub(crate) cpu_ratio_to_bare_envoy: Option<f64>,
    /// What Spillway was built to reach, and what it does.
    pub(crate) bars: Vec<Bar>,
    /// Each kind of work.
    pub(crate) works: Vec<Measured>,
    /// Memory, start and reload.
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
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Its name.
    pub(crate) key: String,
    /// The same in words.
    pub(crate) title: String,
    /// By gateway: what each round has shown.
    pub(crate) rounds: BTreeMap<String, Vec<Round>>,
    /// By gateway that does not do it: why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(crate) absent: BTreeMap<String, String>,
}

impl Machine {
    pub(crate) fn here() -> anyhow::Result<Self> {
        let about = std::fs::read_to_string("/proc/cpuinfo")?;
        let model =
            about.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
        Ok(Self {
            processor: model.unwrap_or("unknown").to_owned(),
            processors: crate::stage::all_processors()?.len(),
            kernel: kernel.trim().to_owned(),
        })
    }
}

impl Results {
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read(file).with_context(|| file.display().to_string())?;
        serde_json::from_slice(&text).with_context(|| file.display().to_string())
    }

    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(std::fs::write(file, serde_json::to_string_pretty(self)? + "\n")?)
    }

    /// What follows from the rounds.
    pub(crate) fn reckon(&mut self) {
        self.cpu_ratio_to_bare_envoy = bars::cpu_ratio(&self.works).map(|ratio| ratio.median);
        self.bars = self.all_bars();
    }

    pub(crate) fn all_bars(&self) -> Vec<Bar> {
        let lifecycle = self.lifecycle.as_ref().map(Lifecycle::bars).unwrap_or_default();
        bars::bars(&self.works).into_iter().chain(lifecycle).collect()
    }

    /// A work of this run.
    pub(crate) fn work(&self, key: &str) -> Option<&Measured> {
        find(&self.works, key)
    }
}

/// A work by its name.
pub(crate) fn find<'a>(works: &'a [Measured], key: &str) -> Option<&'a Measured> {
    works.iter().find(|work| work.key == key)
}

impl Measured {
    pub(crate) fn of(work: &Work, rounds: BTreeMap<String, Vec<Round>>) -> Self {
        let absent = work.absent.iter().map(|(name, why)| ((*name).into(), (*why).into()));
        Self { key: work.key.into(), title: work.title.into(), rounds, absent: absent.collect() }
    }

    /// One number over a gateway's rounds; none where a round had a failure.
    pub(crate) fn spread(&self, gateway: &str, of: impl Fn(&Round) -> f64) -> Option<Spread> {
        Spread::of(self.series(gateway, of)?)
    }

    /// The same in Spillway's rounds and those of another, put together round by round.
    pub(crate) fn against(
        &self,
        other: &str,
        of: impl Fn(&Round) -> f64,
        with: impl Fn(f64, f64) -> f64,
    ) -> Option<Spread> {
        Spread::of_pairs(&self.series(SPILLWAY, &of)?, &self.series(other, &of)?, with)
    }

    /// The same of a number that a round may lack; none where one does.
    pub(crate) fn known(
        &self,
        gateway: &str,
        of: impl Fn(&Round) -> Option<f64>,
    ) -> Option<Vec<f64>> {
        self.series(gateway, of)?.into_iter().collect()
    }

    /// One number in each round; none of a gateway that fails requests, as that gets no number.
    pub(crate) fn series<T>(&self, gateway: &str, of: impl Fn(&Round) -> T) -> Option<Vec<T>> {
        let rounds = self.rounds.get(gateway).filter(|rounds| !rounds.is_empty())?;
        rounds.iter().all(|round| round.failed == 0).then(|| rounds.iter().map(of).collect())
    }

    /// Why a gateway has failed, in the first round that it has.
    pub(crate) fn failure(&self, gateway: &str) -> Option<&str> {
        let failed = self.rounds.get(gateway)?.iter().find(|round| round.failed > 0)?;
        Some(failed.failure.as_deref().unwrap_or("no reason was given"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(cpu: f64, failed: u64) -> Round {
        Round { cpu, failed, ..Round::default() }
    }

    fn measured(rounds: Vec<Round>) -> Measured {
        Measured { rounds: [("one".to_owned(), rounds)].into(), ..Measured::default() }
    }

    #[test]
    fn a_number_is_that_of_all_rounds() {
        let it = measured(vec![round(9.0, 0), round(1.0, 0), round(4.0, 0)]);
        let cpu = it.spread("one", |round| round.cpu).unwrap();
        assert_eq!(cpu, Spread { median: 4.0, least: 1.0, most: 9.0 });
        assert_eq!(it.spread("another", |round| round.cpu), None);
    }

    #[test]
    fn a_gateway_that_fails_requests_gets_no_number() {
        let why = Round { failure: Some("status 500".into()), ..round(2.0, 1) };
        let it = measured(vec![round(1.0, 0), why]);
        assert_eq!(it.spread("one", |round| round.cpu), None);
        assert_eq!(it.failure("one"), Some("status 500"));
        assert_eq!(measured(vec![round(1.0, 0)]).failure("one"), None);
    }
}
