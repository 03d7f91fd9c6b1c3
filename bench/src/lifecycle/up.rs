//! `spillway up` with a file of so many backends, as a user would run it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::bail;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::everywhere;
use crate::gateways::Parts;
use crate::load::{Shot, Wants, closed};
use crate::process::{Process, free_address};

/// A gateway that follows its file.
#[derive(Debug)]
pub(super) struct Up {
    pub(super) process: Process,
    pub(super) address: SocketAddr,
}

impl Up {
    /// Starts it with the file `spillway.json` of this folder; does not wait for anything.
    pub(super) fn start(parts: &Parts, folder: &Path) -> anyhow::Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(parts.dist.join("spillway"));
        command.arg("up").arg("--config").arg(folder.join(FILE));
        command.args(["--listen", &address.to_string(), "--status", "off"]);
        command.args(["--workers", &WORKERS.to_string()]);
        command.arg("--envoy").arg(parts.tools.join("envoy/bin/envoy"));
        command.arg("--filter").arg(parts.dist.join("spillway.wasm"));
        command.arg("--access-log").arg(folder.join("access.log"));
        command.env("BACKEND_KEY", "a-backends-key").env("CLIENT_KEY", KEY);
        let process = Process::start(&command, &everywhere()?, &folder.join(LOG))?;
        Ok(Self { process, address })
    }
}

/// Asks again and again until the whole right answer comes, and says how long that took. Each time
/// over a connection of its own, so that any worker may be asked.
pub(super) async fn answers(
    address: SocketAddr,
    shot: &Shot,
    since: Instant,
    process: &Process,
) -> anyhow::Result<Duration> {
    loop {
        let outcome = closed(address, shot, 1, 1, Duration::ZERO).await;
        if outcome.served == 1 {
            return Ok(since.elapsed());
        }
        if since.elapsed() > PATIENCE {
            let why = outcome.failure.unwrap_or_default();
            bail!("no answer after {PATIENCE:?}: {why}\n{}", process.last_words());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A chat request for this model.
pub(super) fn shot(model: &str) -> Shot {
    let body =
        format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"Where?"}}]}}"#);
    Shot {
        path: format!("/openai/deployments/{model}/chat/completions?api-version=2024-10-21"),
        headers: vec![(HeaderName::from_static("api-key"), HeaderValue::from_static(KEY))],
        body: body.into(),
        wants: Wants::Json,
    }
}

/// A file with so many backends in pools of [`POOL`], and everything that production has on. The
/// servers behind them are few. `first` is the first backend's own; it is a pool of its own besides,
/// for the model of that name.
pub(super) fn file(
    backends: usize,
    servers: &[SocketAddr],
    (first, model): (SocketAddr, &str),
) -> Value {
    let name = |number: usize| format!("backend-{number}");
    let servers = std::iter::once(first).chain(servers.iter().copied().cycle());
    let backend = |(number, at): (usize, SocketAddr)| {
        let fields = json!({ "url": format!("http://{at}"), "api_key": "${BACKEND_KEY}" });
        (name(number), fields)
    };
    let all: serde_json::Map<String, Value> =
        servers.take(backends).enumerate().map(backend).collect();
    let affinity = || json!({ "cookie": "Spillway-Affinity" });
    let numbers: Vec<usize> = (0..backends).collect();
    let pools = numbers.chunks(POOL).enumerate().map(|(pool, members)| {
        let members: Vec<String> = members.iter().map(|number| name(*number)).collect();
        (format!("model-{pool}"), json!({ "pool": members, "session_affinity": affinity() }))
    });
    let mut models: serde_json::Map<String, Value> = pools.collect();
    models.insert(model.to_owned(), json!({ "pool": [name(0)], "session_affinity": affinity() }));
    json!({
        "backends": all,
        "models": models,
        "clients": [{ "name": "bench", "key": "${CLIENT_KEY}" }],
    })
}

/// The configuration's name in its folder.
pub(super) const FILE: &str = "spillway.json";

/// Where the gateway's words go.
pub(super) const LOG: &str = "gateway.log";

/// Envoy's worker threads.
pub(super) const WORKERS: usize = 2;

/// Members of a pool.
const POOL: usize = 5;

const KEY: &str = "a-clients-key";

const PATIENCE: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_backend_is_in_a_pool() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let file = file(12, &[at(1), at(2)], (at(9), "epoch-3"));
        assert_eq!(file["backends"].as_object().map(serde_json::Map::len), Some(12));
        assert_eq!(file["backends"]["backend-0"]["url"], "http://127.0.0.1:9");
        assert_eq!(file["backends"]["backend-2"]["url"], "http://127.0.0.1:2");
        assert_eq!(file["models"]["model-2"]["pool"], json!(["backend-10", "backend-11"]));
        assert_eq!(file["models"]["epoch-3"]["pool"], json!(["backend-0"]));
    }
}
