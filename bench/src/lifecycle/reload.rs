//! From a changed file to the first answer that only the new one can bring about, under load.
//!
//! Each change moves the first backend to another address and gives a model another name, so an
//! answer for that name says that clusters, routes and filter are the new ones.

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use tokio::task::LocalSet;

use super::up::{self, Up};
use crate::backend::Backend;
use crate::cpu;
use crate::gateways::Parts;
use crate::load::{Outcome, open};
use crate::work::First;

/// The changes of a gateway with so many backends.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Reloads {
    /// Its backends.
    pub(crate) backends: usize,
    /// Each change.
    pub(crate) rounds: Vec<Change>,
    /// Requests of the load, all answered: one that fails ends the measurement.
    pub(crate) load: u64,
}

/// One change. Times in milliseconds, from the file's replacement.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Change {
    /// Until the first answer by the new file.
    pub(crate) answered: f64,
    /// Until `up` says that requests go by the new file alone.
    pub(crate) told: f64,
    /// CPU time of all its processes until then, the load's included.
    pub(crate) cpu: f64,
}

/// Changes the file again and again.
pub(super) fn measure(parts: &Parts, backends: usize, rounds: usize) -> anyhow::Result<Reloads> {
    eprintln!("reload with {backends} backends");
    let servers =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let others = servers.block_on(Backend::start(First::Serves))?;
    // A new place each time: a change back would find the cluster that is still there.
    let places: Vec<Backend> = (0..=rounds)
        .map(|_| servers.block_on(Backend::start(First::Serves)))
        .collect::<std::io::Result<_>>()?;
    let folder = tempfile::tempdir()?;
    let write = |first: &Backend, number: usize| {
        let file = up::file(backends, &[others.address], (first.address, &model(number)));
        replace(folder.path(), &file.to_string())
    };
    write(places.first().context("a place")?, 0)?;
    let since = Instant::now();
    let up = Up::start(parts, folder.path())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    let run = async {
        up::answers(up.address, &up::shot(&model(0)), since, &up.process).await?;
        said(folder.path(), 0).await?;
        let over = Rc::new(Cell::new(false));
        let load = tokio::task::spawn_local(load(up.address, over.clone()));
        let mut all = vec![];
        for (number, place) in places.iter().enumerate().skip(1) {
            let before = cpu::used(up.process.pid());
            write(place, number)?;
            let since = Instant::now();
            let shot = up::shot(&model(number));
            let answered = up::answers(up.address, &shot, since, &up.process).await?;
            ensure!(place.asked() > 0, "the backend's old place has answered");
            said(folder.path(), number).await?;
            let told = since.elapsed();
            let cpu = cpu::used(up.process.pid()).cpu - before.cpu;
            let [answered, told, cpu] = [answered, told, cpu].map(|it| it.as_secs_f64() * 1e3);
            eprintln!(
                "  answered after {answered:5.0} ms, told after {told:5.0} ms, {cpu:5.0} ms CPU"
            );
            all.push(Change { answered, told, cpu });
        }
        over.set(true);
        let load = load.await?;
        ensure!(load.failed == 0, "{} requests failed: {:?}", load.failed, load.failure);
        anyhow::Ok((all, load.served))
    };
    let (rounds, load) = runtime.block_on(local.run_until(run))?;
    Ok(Reloads { backends, rounds, load })
}

/// Requests for a model that stays, until it is over.
async fn load(address: std::net::SocketAddr, over: Rc<Cell<bool>>) -> Outcome {
    let shot = up::shot("model-0");
    let mut all: Option<Outcome> = None;
    loop {
        let batch = open(address, &shot, RATE, f64::from(RATE)).await;
        let so_far = match all.take() {
            None => batch,
            Some(mut so_far) => {
                so_far.add(&batch);
                so_far
            }
        };
        if over.get() {
            return so_far;
        }
        all = Some(so_far);
    }
}

/// Waits until `up` has told so many reloads, or that it is there.
async fn said(folder: &Path, reloads: usize) -> anyhow::Result<()> {
    let since = Instant::now();
    loop {
        let log = std::fs::read(folder.join(up::LOG)).context("the gateway's words")?;
        let log = String::from_utf8_lossy(&log);
        if told(&log) == Some(reloads) {
            return Ok(());
        }
        ensure!(since.elapsed() < PATIENCE, "no {reloads} reloads after {PATIENCE:?}: {log}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// How many reloads `up` has told of; `None`: it does not serve yet.
fn told(log: &str) -> Option<usize> {
    let lines = || log.lines();
    lines().any(|line| line.starts_with("listening on ")).then_some(())?;
    Some(lines().filter(|line| line.starts_with("reloaded ")).count())
}

/// Moved into its place, as editors and the kubelet do.
fn replace(folder: &Path, text: &str) -> std::io::Result<()> {
    let beside = folder.join("next");
    std::fs::write(&beside, text)?;
    std::fs::rename(beside, folder.join(up::FILE))
}

fn model(number: usize) -> String {
    format!("change-{number}")
}

/// Requests a second.
const RATE: u32 = 50;

const PATIENCE: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_up_says_is_counted() {
        assert_eq!(told("note: the status page is off\n"), None);
        let log = "listening on http://127.0.0.1:1\n";
        assert_eq!(told(log), Some(0));
        let log =
            format!("{log}reloaded a.json: 1 backend changed\nreloaded a.json: order changed\n");
        assert_eq!(told(&log), Some(2));
    }
}
