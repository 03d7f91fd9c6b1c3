//! Portkey's gateway, as its npm package runs it.

use std::process::Command;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::{Gateway, Parts, Running, Setup, there};
use crate::process::{Process, free_address};

pub(super) const PORTKEY: Gateway = Gateway { name: "Portkey", slower: 10, version, start };

fn version(parts: &Parts) -> anyhow::Result<String> {
    let package = parts.tools.join("peers/portkey/node_modules/@portkey-ai/gateway/package.json");
    there(&package, "`tools/setup.sh peers` installs it from npm")?;
    let package: Value = serde_json::from_slice(&std::fs::read(package)?)?;
    Ok(package.get("version").and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn start(parts: &Parts, setup: &Setup) -> anyhow::Result<Running> {
    let address = free_address()?;
    let first = setup.folder.join("first.cjs");
    std::fs::write(&first, FIRST)?;
    let mut command = Command::new("node");
    command.arg("--require").arg(&first);
    command.arg(
        parts.tools.join("peers/portkey/node_modules/@portkey-ai/gateway/build/start-server.js"),
    );
    command.args(["--headless", &format!("--port={}", address.port())]);
    command.env("NODE_ENV", "production");
    let mut process =
        Process::start(&command, &setup.processors, &setup.folder.join("portkey.log"))?;
    let ready_after = process.listens(address, Duration::from_secs(60))?;

    let mut running = Running::new(process, address, ready_after);
    running.chat = Some("/v1/chat/completions".into());
    running.responses = Some("/v1/responses");
    let config = serde_json::to_string(&config(setup))?;
    running
        .headers
        .push((HeaderName::from_static("x-portkey-config"), HeaderValue::from_str(&config)?));
    Ok(running)
}

/// It knows no pool of pools with turns and spill-over in one: the tiers fall back to each other,
/// and the members of a tier are drawn by weight.
fn config(setup: &Setup) -> Value {
    let target = |at: &std::net::SocketAddr| json!({ "provider": "openai", "api_key": "a-key", "custom_host": format!("http://{at}/v1"), "weight": 1 });
    let tiers: Vec<Value> = setup
        .tiers
        .iter()
        .map(|tier| {
            let targets: Vec<Value> = tier.iter().map(target).collect();
            json!({ "strategy": { "mode": "loadbalance" }, "targets": targets })
        })
        .collect();
    match tiers.as_slice() {
        [tier] => tier.clone(),
        _ => json!({
            "strategy": { "mode": "fallback", "on_status_codes": [429, 500, 502, 503, 504] },
            "targets": tiers,
        }),
    }
}

/// What Node runs before it. It listens on all interfaces and cannot be told otherwise. And it writes
/// headers into a streamed answer of `fetch`, whose headers are immutable, so that every stream ends in
/// a 500 (Portkey-AI/gateway#1389, #1550): here it gets a copy of the answer, which it may write to.
const FIRST: &str = "
const net = require('net');
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...args) {
  if (typeof args[0] === 'object' && args[0] !== null) args[0].host = '127.0.0.1';
  else if (typeof args[0] === 'number') { args.splice(1, typeof args[1] === 'string' ? 1 : 0, '127.0.0.1'); }
  return listen.apply(this, args);
};
const fetched = globalThis.fetch;
globalThis.fetch = async (...args) => {
  const { body, status, statusText, headers } = await fetched(...args);
  return new Response(body, { status, statusText, headers: new Headers(headers) });
};
";
