//! Starts regions from flags and serves until told to end.
//!
//! Where the regions listen goes to stdout, one JSON line each, so that a script can
//! take a free port and read which one it was; everything else goes to stderr.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod args;
mod words;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use spillway_simulator::Region;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::Args;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), String> {
    // Before the first line is printed: whoever reads it may want the end at once.
    let end = told_to_end().map_err(|problem| format!("signals: {problem}"))?;
    let mut regions = Vec::new();
    for config in args.regions()? {
        let place = format!("region {} at {}", config.name, config.listen);
        let region =
            Region::start(config).await.map_err(|problem| format!("{place}: {problem}"))?;
        announce(&region).map_err(|problem| format!("stdout: {problem}"))?;
        regions.push(region);
    }
    end.await;
    for region in regions {
        region.stop().await;
    }
    Ok(())
}

fn announce(region: &Region) -> io::Result<()> {
    let line = serde_json::json!({ "region": region.name(), "url": region.url() });
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

fn told_to_end() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
