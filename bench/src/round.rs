//! One gateway, one kind of work, once.

use std::time::Duration;

use anyhow::Context;
use hyper::header::COOKIE;
use serde::{Deserialize, Serialize};
use tokio::task::LocalSet;

use crate::cpu;
use crate::gateways::{Gateway, Running};
use crate::interrupt;
use crate::load::{Outcome, Shot, closed, cookie, open};
use crate::stage::Stage;
use crate::work::{Asks, Pace, Work};

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
    pub(crate) p50: f64,
    /// 99 of 100 did.
    pub(crate) p99: f64,
    /// Half of a stream's chunks were on their way for at most so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chunk_p50: Option<f64>,
    /// 99 of 100 were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chunk_p99: Option<f64>,
    /// Half of the streams' first contents were on their way for at most so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_content_p50: Option<f64>,
    /// The share of a stream's chunks that came when the backend had sent the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chunk_late: Option<f64>,
    /// Resident memory afterwards, in bytes.
    pub(crate) resident: u64,
    /// From the process's start until it took connections, in milliseconds.
    pub(crate) ready: f64,
    /// Requests that reached each backend, in pools of at most twenty.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) asked: Vec<u64>,
    /// How often a throttled backend has announced a time to stay away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) announced: Option<u64>,
    /// The most requests that came to it within such a time, with the one it was announced to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) most_within: Option<u64>,
    /// The most of them that were not on their way when it was announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) most_later: Option<u64>,
}

impl Round {
    /// Of a gateway that could not be asked.
    pub(crate) fn failed(why: String) -> Self {
        Self { failed: 1, failure: Some(why), ..Self::default() }
    }
}

/// Warms a gateway up, and measures. Only an interrupted run is an error.
pub(crate) fn round(gateway: &Gateway, stage: &Stage, work: &Work) -> anyhow::Result<Round> {
    let Some(running) = stage.gateway(gateway.name) else {
        let why = stage.failures.get(gateway.name).cloned().unwrap_or_default();
        return Ok(Round::failed(format!("does not start: {why}")));
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    runtime
        .block_on(local.run_until(async {
            tokio::select! {
                measured = measure(gateway, running, stage, work) => measured,
                () = interrupt::interrupted() => Ok(Round::default()),
            }
        }))
        .and_then(|round| interrupt::check().map(|()| round))
}

async fn measure(
    gateway: &Gateway,
    running: &Running,
    stage: &Stage,
    work: &Work,
) -> anyhow::Result<Round> {
    let mut shot = work.asks.shot(running);
    if work.asks == Asks::ChatWithCookie {
        match cookie(running.address, &shot).await.context("asking for a cookie") {
            Ok(cookie) => shot.headers.extend(cookie.map(|cookie| (COOKIE, cookie))),
            Err(why) => return Ok(Round::failed(format!("{why:#}"))),
        }
    }
    let requests = work.pace.requests(gateway.slower);
    let clients = match work.pace {
        Pace::Closed { clients, .. } => clients,
        Pace::Spaced { .. } | Pace::Open { .. } => 1,
    };
    closed(running.address, &shot, clients, work.warm_up(requests), Duration::ZERO).await;

    let asked_before = stage.asked();
    _ = stage.throttled();
    let before = cpu::used(running.process.pid());
    let outcome = ask(running, &shot, work.pace, requests).await;
    let after = cpu::used(running.process.pid());
    let asked: Vec<u64> =
        stage.asked().iter().zip(&asked_before).map(|(now, then)| now - then).collect();

    let all = (outcome.served + outcome.failed).max(1) as f64;
    let micros = |nanoseconds: u64| nanoseconds as f64 / 1000.0;
    let delays = &outcome.chunks.delays;
    let chunk = |quantile| (!delays.is_empty()).then(|| micros(delays.value_at_quantile(quantile)));
    let firsts = &outcome.chunks.firsts;
    let first_content = (!firsts.is_empty()).then(|| micros(firsts.value_at_quantile(0.5)));
    let contradiction = work.contradiction(gateway.name, outcome.served, &asked);
    let throttled = stage.throttled();
    Ok(Round {
        served: outcome.served,
        failed: outcome.failed + u64::from(contradiction.is_some()),
        failure: outcome.failure.or(contradiction),
        cpu: after.cpu.saturating_sub(before.cpu).as_secs_f64() * 1e6 / all,
        per_second: outcome.served as f64 / outcome.took.max(Duration::from_nanos(1)).as_secs_f64(),
        p50: micros(outcome.latency.value_at_quantile(0.5)),
        p99: micros(outcome.latency.value_at_quantile(0.99)),
        chunk_p50: chunk(0.5),
        chunk_p99: chunk(0.99),
        first_content_p50: first_content,
        chunk_late: outcome.chunks.late_share(),
        resident: after.resident,
        ready: running.ready_after.as_secs_f64() * 1e3,
        asked: if asked.len() <= 20 { asked } else { vec![] },
        announced: throttled.map(|throttled| throttled.announced),
        most_within: throttled.map(|throttled| throttled.most),
        most_later: throttled.map(|throttled| throttled.most_later),
    })
}

async fn ask(running: &Running, shot: &Shot, pace: Pace, requests: u64) -> Outcome {
    match pace {
        Pace::Closed { clients, .. } => {
            closed(running.address, shot, clients, requests, Duration::ZERO).await
        }
        Pace::Spaced { .. } => closed(running.address, shot, 1, requests, PAUSE).await,
        Pace::Open { rate, requests } => {
            open(running.address, shot, requests, f64::from(rate)).await
        }
    }
}

/// Between an answer and the next request of [`Pace::Spaced`]: longer than the millisecond for which a
/// backend may have asked to be left alone.
const PAUSE: Duration = Duration::from_millis(2);
