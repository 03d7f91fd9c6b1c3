//! One gateway, one kind of work, once.

use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::task::LocalSet;

use crate::backend::Backend;
use crate::cpu;
use crate::gateways::{Gateway, Parts, Setup};
use crate::load::{Outcome, closed, open};
use crate::work::{Pace, Work};

/// What it has shown. Times in microseconds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Round {
    /// Requests with the whole right answer.
    pub(crate) served: u64,
    /// The others.
    pub(crate) failed: u64,
    /// Why the first of them failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
    /// CPU time of the gateway's processes per request.
    pub(crate) cpu: f64,
    /// Requests a second.
    pub(crate) per_second: f64,
    /// Half of the requests took at most so long.
    pub p50: f64,
    /// 99 of 100 did.
    pub p99: f64,
    /// Half of a stream's chunks were on their way for at most so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunk_p50: Option<f64>,
    /// 99 of 100 were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunk_p99: Option<f64>,
    /// Resident memory afterwards, in bytes.
    pub(crate) resident: u64,
    /// From the process's start until it took connections, in milliseconds.
    pub(crate) ready: f64,
    /// Requests that reached each backend.
    pub(crate) asked: Vec<u64>,
}

/// Starts backends and gateway, warms them up, and measures.
pub(crate) fn round(gateway: &Gateway, parts: &Parts, work: &Work) -> anyhow::Result<Round> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // The backends have a thread of their own, so that a busy client does not keep them waiting.
    let backends =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut tiers = vec![];
    for members in work.tiers {
        let mut tier = vec![];
        for _ in 0..*members {
            tier.push(backends.block_on(Backend::start())?);
        }
        tiers.push(tier);
    }
    let folder = tempfile::tempdir()?;
    let setup = Setup {
        tiers: tiers.iter().map(|tier| tier.iter().map(|it| it.address).collect()).collect(),
        workers: work.workers,
        processors: "0".into(),
        everything: work.everything,
        folder: folder.path().to_owned(),
    };
    let running = (gateway.start)(parts, &setup).with_context(|| gateway.name)?;
    let shot = work.asks.shot(&running);

    let local = LocalSet::new();
    let slower = u64::from(gateway.slower);
    let warm = match work.pace {
        Pace::Closed { clients, requests } => (clients, requests / 10 / slower),
        Pace::Open { requests, .. } => (1, u64::from(requests / 10)),
    };
    runtime.block_on(local.run_until(closed(running.address, &shot, warm.0, warm.1)));
    let asked = |tiers: &[Vec<Backend>]| -> Vec<u64> {
        tiers.iter().flatten().map(Backend::asked).collect()
    };
    let (before, asked_before) = (cpu::used(running.process.pid()), asked(&tiers));
    let outcome: Outcome = runtime.block_on(local.run_until(async {
        match work.pace {
            Pace::Closed { clients, requests } => {
                closed(running.address, &shot, clients, requests / slower).await
            }
            Pace::Open { rate, requests } => {
                open(running.address, &shot, requests, f64::from(rate)).await
            }
        }
    }));
    let after = cpu::used(running.process.pid());
    let asked = asked(&tiers).iter().zip(&asked_before).map(|(now, then)| now - then).collect();

    let all = (outcome.served + outcome.failed).max(1) as f64;
    let micros = |nanoseconds: u64| nanoseconds as f64 / 1000.0;
    let streamed = !outcome.chunks.is_empty();
    let chunk = |quantile| streamed.then(|| micros(outcome.chunks.value_at_quantile(quantile)));
    Ok(Round {
        served: outcome.served,
        failed: outcome.failed,
        failure: outcome.failure.clone(),
        cpu: (after.cpu - before.cpu).as_secs_f64() * 1e6 / all,
        per_second: outcome.served as f64 / outcome.took.max(Duration::from_nanos(1)).as_secs_f64(),
        p50: micros(outcome.latency.value_at_quantile(0.5)),
        p99: micros(outcome.latency.value_at_quantile(0.99)),
        chunk_p50: chunk(0.5),
        chunk_p99: chunk(0.99),
        resident: after.resident,
        ready: running.ready_after.as_secs_f64() * 1e3,
        asked,
    })
}
