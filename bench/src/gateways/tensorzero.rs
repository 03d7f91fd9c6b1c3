//! TensorZero: the gateway that its Python package embeds, by its HTTP port.

use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use super::{Gateway, Parts, Running, Setup, there};
use crate::process::Process;

pub(super) const TENSORZERO: Gateway = Gateway { name: "TensorZero", slower: 1, version, start };

fn version(parts: &Parts) -> anyhow::Result<String> {
    let folder = parts.tools.join("peers/tensorzero/lib");
    there(&folder, "`tools/setup.sh peers` installs it from PyPI")?;
    super::installed(&folder, "tensorzero-").context("tensorzero is not in its environment")
}

fn start(parts: &Parts, setup: &Setup) -> anyhow::Result<Running> {
    let file = setup.folder.join("tensorzero.toml");
    std::fs::write(&file, config(setup))?;
    let told = setup.folder.join("address");
    let mut command = Command::new(parts.tools.join("peers/tensorzero/bin/python"));
    command.args(["-c", SERVE]).arg(&file).arg(&told);
    command.env("OPENAI_API_KEY", "a-key").env("TOKIO_WORKER_THREADS", setup.workers.to_string());
    let mut process =
        Process::start(&command, &setup.processors, &setup.folder.join("tensorzero.log"))?;
    let address = process.tells(&told, Duration::from_secs(60))?;
    let ready_after = process.listens(address, Duration::from_secs(60))?;
    let mut running = Running::new(process, address, ready_after);
    running.chat = Some("/openai/v1/chat/completions".into());
    running.model = "tensorzero::model_name::gpt-4o";
    Ok(running)
}

/// A model's providers are tried in their order; there are no weights.
fn config(setup: &Setup) -> String {
    let all: Vec<_> = setup.tiers.iter().flatten().collect();
    let names: Vec<String> = (0..all.len()).map(|number| format!("\"b{number}\"")).collect();
    let mut text = format!(
        "[gateway]\nobservability.enabled = false\n[models.gpt-4o]\nrouting = [{}]\n",
        names.join(", ")
    );
    for (number, at) in all.iter().enumerate() {
        text += &format!(
            "[models.gpt-4o.providers.b{number}]\ntype = \"openai\"\nmodel_name = \"gpt-4o\"\n\
             api_base = \"http://{at}/v1/\"\napi_key_location = \"env::OPENAI_API_KEY\"\n"
        );
    }
    text
}

const SERVE: &str = "
import os, sys, signal
from tensorzero.tensorzero import _start_http_gateway
gateway = _start_http_gateway(config_file=sys.argv[1], clickhouse_url=None, postgres_url=None,
                              valkey_url=None, async_setup=False)
with open(sys.argv[2] + '.new', 'w') as out:
    out.write(gateway.base_url)
os.rename(sys.argv[2] + '.new', sys.argv[2])
signal.pause()
";
