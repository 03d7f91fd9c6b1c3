//! The gateways of a scene, running before its backends.
//!
//! They are started once and stay for all rounds of all works of the group: starting LiteLLM takes
//! longer than measuring it. An idle gateway costs next to nothing, and only the processes of the
//! one that is asked are counted.

use std::collections::BTreeMap;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::backend::{Backend, Throttled};
use crate::gateways::{Gateway, Parts, Running, Setup};
use crate::interrupt;
use crate::work::{First, Scene};

/// What stands while a scene's works are measured.
pub(crate) struct Stage {
    /// Dropped first: gateways before their backends.
    gateways: BTreeMap<&'static str, Running>,
    /// Why others do not run.
    pub(crate) failures: BTreeMap<&'static str, String>,
    backends: Vec<Backend>,
    _folders: Vec<TempDir>,
    /// The backends' thread, so that a busy client does not keep them waiting.
    _runtime: Runtime,
}

impl Stage {
    /// Starts the backends, then the gateways.
    pub(crate) fn set(scene: &Scene, gateways: &[&Gateway], parts: &Parts) -> anyhow::Result<Self> {
        let (theirs, ours) = processors(scene.workers)?;
        sched_setaffinity(None, &ours)?;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (mut tiers, mut backends) = (vec![], vec![]);
        for (number, members) in scene.tiers.iter().enumerate() {
            let says = if number == 0 { scene.first } else { First::Serves };
            let mut tier = vec![];
            for _ in 0..*members {
                let backend = runtime.block_on(Backend::start(says))?;
                tier.push(backend.address);
                backends.push(backend);
            }
            tiers.push(tier);
        }
        let mut stage = Self {
            gateways: BTreeMap::new(),
            failures: BTreeMap::new(),
            backends,
            _folders: vec![],
            _runtime: runtime,
        };
        for gateway in gateways {
            interrupt::check()?;
            let folder = tempfile::tempdir()?;
            let setup = Setup {
                tiers: tiers.clone(),
                workers: scene.workers,
                processors: theirs.clone(),
                on: scene.on,
                model_in_body: scene.model_in_body,
                folder: folder.path().to_owned(),
            };
            stage.start(gateway, parts, &setup);
            stage._folders.push(folder);
        }
        interrupt::check()?;
        Ok(stage)
    }

    fn start(&mut self, gateway: &Gateway, parts: &Parts, setup: &Setup) {
        match (gateway.start)(parts, setup) {
            Ok(running) => _ = self.gateways.insert(gateway.name, running),
            Err(why) => _ = self.failures.insert(gateway.name, format!("{why:#}")),
        }
    }

    /// A gateway that runs.
    pub(crate) fn gateway(&self, name: &str) -> Option<&Running> {
        self.gateways.get(name)
    }

    /// How many requests each backend has had so far.
    pub(crate) fn asked(&self) -> Vec<u64> {
        self.backends.iter().map(Backend::asked).collect()
    }

    /// What came to the throttled backends since this was last asked; none where none is throttled.
    pub(crate) fn throttled(&self) -> Option<Throttled> {
        self.backends.iter().filter_map(Backend::throttled).reduce(|one, other| Throttled {
            announced: one.announced + other.announced,
            most: one.most.max(other.most),
            most_later: one.most_later.max(other.most_later),
        })
    }
}

/// The gateway's processors as `taskset` wants them, and those of backends and clients. With as many
/// workers as processors there are none left, and all compete.
fn processors(workers: usize) -> anyhow::Result<(String, CpuSet)> {
    let all: Vec<usize> = all_processors()?;
    let (theirs, ours) = all.split_at(workers.min(all.len()));
    let ours = if ours.is_empty() { &all } else { ours };
    let mut set = CpuSet::new();
    ours.iter().for_each(|processor| set.set(*processor));
    let theirs: Vec<String> = theirs.iter().map(ToString::to_string).collect();
    Ok((theirs.join(","), set))
}

/// Lets this thread, and those that it starts, run everywhere again.
pub(crate) fn unpin() -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    all_processors()?.iter().for_each(|processor| set.set(*processor));
    Ok(sched_setaffinity(None, &set)?)
}

/// Those that this process had when it started.
pub(crate) fn all_processors() -> anyhow::Result<Vec<usize>> {
    static ALL: std::sync::OnceLock<Vec<usize>> = std::sync::OnceLock::new();
    if let Some(all) = ALL.get() {
        return Ok(all.clone());
    }
    let mine = sched_getaffinity(None)?;
    let all = (0..CpuSet::MAX_CPU).filter(|processor| mine.is_set(*processor)).collect();
    Ok(ALL.get_or_init(|| all).clone())
}

/// As many open files as this process may have: a thousand backends, and connections to each.
pub(crate) fn open_many_files() -> std::io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}
