//! LiteLLM's proxy.

use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use hyper::header::{AUTHORIZATION, HeaderValue};
use serde_json::{Value, json};

use super::{Gateway, Parts, Running, Setup, there};
use crate::process::{Process, free_address};

pub(super) const LITELLM: Gateway = Gateway { name: "LiteLLM", slower: 50, version, start };

fn version(parts: &Parts) -> anyhow::Result<String> {
    let folder = parts.tools.join("peers/litellm/lib");
    there(&folder, "`tools/setup.sh peers` installs it from PyPI")?;
    super::installed(&folder, "litellm-").context("litellm is not in its environment")
}

fn start(parts: &Parts, setup: &Setup) -> anyhow::Result<Running> {
    let address = free_address()?;
    let file = setup.folder.join("litellm.yaml");
    std::fs::write(&file, config(setup).to_string())?;
    let mut command = Command::new(parts.tools.join("peers/litellm/bin/litellm"));
    command.arg("--config").arg(&file).args([
        "--host",
        "127.0.0.1",
        "--port",
        &address.port().to_string(),
    ]);
    command.args(["--num_workers", &setup.workers.to_string(), "--telemetry", "False"]);
    command
        .env("LITELLM_LOG", "ERROR")
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        .env("NO_PROXY", "*");
    let mut process =
        Process::start(&command, &setup.processors, &setup.folder.join("litellm.log"))?;
    let ready_after = process.listens(address, Duration::from_secs(180))?;
    let mut running = Running::new(process, address, ready_after);
    running.chat = Some("/v1/chat/completions".into());
    running.responses = Some("/v1/responses");
    running.headers.push((AUTHORIZATION, HeaderValue::from_static("Bearer sk-bench")));
    Ok(running)
}

fn config(setup: &Setup) -> Value {
    let members = setup.tiers.iter().enumerate().flat_map(|(tier, members)| {
        members.iter().map(move |at| json!({
            "model_name": "gpt-4o",
            "litellm_params": {
                "model": "openai/gpt-4o", "api_base": format!("http://{at}/v1"), "api_key": "a-key",
                "order": tier + 1,
            },
        }))
    });
    json!({
        "model_list": members.collect::<Vec<_>>(),
        "router_settings": { "routing_strategy": "simple-shuffle", "num_retries": 3, "retry_after": 0 },
        "general_settings": { "master_key": "sk-bench" },
        "litellm_settings": { "telemetry": false },
    })
}
