//! From a process's start to the first answer through it.

use std::time::Instant;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::task::LocalSet;

use super::everywhere;
use super::up::{self, Up};
use crate::backend::Backend;
use crate::cpu;
use crate::gateways::{BARE, Gateway, Parts, SPILLWAY, Setup};
use crate::load::Shot;
use crate::process::Process;
use crate::work::{Asks, First, On};

/// A gateway with so many backends.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Starts {
    /// Its name.
    pub(crate) gateway: String,
    /// Its backends.
    pub(crate) backends: usize,
    /// Each start.
    pub(crate) rounds: Vec<Start>,
}

/// One start.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Start {
    /// Until the first answer, in milliseconds.
    pub(crate) ready: f64,
    /// CPU time of all its processes until then, in milliseconds.
    pub(crate) cpu: f64,
    /// Resident then, in bytes.
    pub(crate) resident: u64,
}

/// Starts both gateways in turns.
pub(super) fn measure(
    parts: &Parts,
    backends: usize,
    rounds: usize,
) -> anyhow::Result<Vec<Starts>> {
    eprintln!("start with {backends} backends");
    let bare = Gateway::ALL.into_iter().find(|it| it.name == BARE).context(BARE)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let one = runtime.block_on(Backend::start(First::Serves))?;
    let two = runtime.block_on(Backend::start(First::Serves))?;
    let none = |gateway: &str| Starts { gateway: gateway.into(), backends, rounds: vec![] };
    let (mut ours, mut theirs) = (none(SPILLWAY), none(BARE));
    for _ in 0..rounds {
        let folder = tempfile::tempdir()?;
        let file = up::file(backends, &[two.address], (one.address, "first"));
        std::fs::write(folder.path().join(up::FILE), file.to_string())?;
        let since = Instant::now();
        let up = Up::start(parts, folder.path())?;
        ours.rounds.push(until(since, &up.process, up.address, &up::shot("first"))?);
        drop(up);

        let folder = tempfile::tempdir()?;
        let setup = Setup {
            tiers: vec![vec![one.address; backends]],
            workers: up::WORKERS,
            processors: everywhere()?,
            on: On::Nothing,
            model_in_body: false,
            folder: folder.path().to_owned(),
        };
        let since = Instant::now();
        let running = (bare.start)(parts, &setup)?;
        let shot = Asks::Chat(1024).shot(&running);
        theirs.rounds.push(until(since, &running.process, running.address, &shot)?);
    }
    Ok(vec![ours, theirs])
}

fn until(
    since: Instant,
    process: &Process,
    address: std::net::SocketAddr,
    shot: &Shot,
) -> anyhow::Result<Start> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answers = up::answers(address, shot, since, process);
    let ready = runtime.block_on(LocalSet::new().run_until(answers))?;
    let used = cpu::used(process.pid());
    let (ready, cpu) = (ready.as_secs_f64() * 1e3, used.cpu.as_secs_f64() * 1e3);
    eprintln!("  ready after {ready:7.0} ms, {cpu:6.0} ms CPU");
    Ok(Start { ready, cpu, resident: used.resident })
}
