//! What Spillway costs, beside bare Envoy and the gateways that one would pick instead.
//!
//! All gateways do the same work in the same run, in turns, so that what the machine does meanwhile
//! hits them alike. CPU time per request comes first: it is what a gateway costs, and it is steady.

mod backend;
mod clock;
mod cpu;
mod gateways;
mod lifecycle;
mod load;
mod process;
mod report;
mod results;
mod round;
mod work;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Parser;
use gateways::{BARE, Gateway, Parts, SPILLWAY};
use results::{Machine, Measured, Results};
use round::Round;

/// Measure the gateways
#[derive(Debug, Parser)]
struct Args {
    /// Rounds; each measures all gateways once
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only work whose name holds this
    #[arg(long, default_value = "")]
    work: String,
    /// Only gateways whose name holds this
    #[arg(long, default_value = "")]
    gateway: String,
    #[command(flatten)]
    lifecycle: lifecycle::Args,
    /// Where the raw results are
    #[arg(long, default_value = "bench/results/latest.json")]
    results: PathBuf,
    /// Where the page goes
    #[arg(long, default_value = "docs/benchmarks.md")]
    page: PathBuf,
    /// Measure nothing: write the page from the results that are there
    #[arg(long)]
    report: bool,
    /// The project's own tools
    #[arg(long, default_value = ".tools")]
    tools: PathBuf,
    /// The built command and filter
    #[arg(long, default_value = "dist")]
    dist: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if !args.report {
        measure(&args)?.write(&args.results)?;
    }
    let results = Results::read(&args.results)?;
    std::fs::write(&args.page, report::page(&results))?;
    eprintln!("{}: written", args.page.display());
    Ok(())
}

fn measure(args: &Args) -> anyhow::Result<Results> {
    let parts = Parts { tools: args.tools.canonicalize()?, dist: args.dist.canonicalize()? };
    let (mut versions, mut left_out, mut here) = (BTreeMap::new(), BTreeMap::new(), vec![]);
    for gateway in Gateway::ALL.into_iter().filter(|it| it.name.contains(&args.gateway)) {
        match (gateway.version)(&parts) {
            Ok(version) => {
                versions.insert(gateway.name.to_owned(), version);
                here.push(gateway);
            }
            Err(why) => {
                eprintln!("left out: {}, as {why:#}", gateway.name);
                left_out.insert(gateway.name.to_owned(), format!("{why:#}"));
            }
        }
    }
    let mut works = vec![];
    for work in work::ALL.iter().filter(|work| work.key.contains(&args.work)) {
        eprintln!("{}", work.title);
        let mut rounds: BTreeMap<String, Vec<Round>> = BTreeMap::new();
        for _ in 0..args.rounds {
            for gateway in &here {
                let round = round::round(gateway, &parts, work)?;
                eprintln!(
                    "  {:20} {:8.1} µs CPU, {} failed",
                    gateway.name, round.cpu, round.failed
                );
                rounds.entry(gateway.name.to_owned()).or_default().push(round);
            }
        }
        works.push(Measured { key: work.key.into(), title: work.title.into(), rounds });
    }
    let everything = works.iter().find(|work| work.key == "chat_1k_everything");
    let cpu = |gateway| everything?.median(gateway, |round| round.cpu);
    Ok(Results {
        machine: Machine::here()?,
        versions,
        left_out,
        cpu_ratio_to_bare_envoy: cpu(SPILLWAY).zip(cpu(BARE)).map(|(ours, bare)| ours / bare),
        works,
        lifecycle: args.lifecycle.measure(&args.work, &parts, args.rounds)?,
    })
}
