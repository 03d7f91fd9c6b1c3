//! What Spillway costs, beside bare Envoy and the gateways that one would pick instead.
//!
//! All gateways do the same work in the same run, in turns, so that what the machine does meanwhile
//! hits them alike. CPU time per request comes first: it is what a gateway costs, and it is steady.

mod backend;
mod bars;
mod clock;
mod cpu;
mod gateways;
mod interrupt;
mod lifecycle;
mod load;
mod plan;
mod process;
mod progress;
mod report;
mod results;
mod round;
mod stage;
mod statistics;
mod work;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::ensure;
use clap::Parser;
use gateways::{Gateway, Parts, SPILLWAY};
use plan::Plan;
use results::{Machine, Results};
use work::Work;

/// Measure the gateways
///
/// Without arguments all works and gateways are measured, and bench/results/latest.json and
/// docs/benchmarks.md are written. A run of less goes to bench/results/partial/, unless `--keep` says
/// otherwise.
#[derive(Debug, Parser)]
struct Args {
    /// Rounds; each measures all gateways once
    #[arg(long, default_value_t = ROUNDS)]
    rounds: usize,
    /// Only works whose name holds this, or one of these, with commas between them
    #[arg(long, default_value = "")]
    work: String,
    /// Only gateways whose name holds this, or one of these, with commas between them
    #[arg(long, default_value = "")]
    gateway: String,
    #[command(flatten)]
    lifecycle: lifecycle::Extent,
    /// Put a run of less in the place of a whole one
    #[arg(long)]
    keep: bool,
    /// Name works and gateways, and measure nothing
    #[arg(long)]
    list: bool,
    /// Measure nothing: reckon the bars again from the rounds that are there, and write the page
    #[arg(long)]
    report: bool,
    /// The project's own tools
    #[arg(long, default_value = ".tools")]
    tools: PathBuf,
    /// The built command and filter
    #[arg(long, default_value = "dist")]
    dist: PathBuf,
}

/// Rounds of a whole run.
const ROUNDS: usize = 5;

impl Args {
    /// Whether this run measures less than a whole one.
    fn partial(&self) -> bool {
        self.rounds < ROUNDS
            || !self.work.is_empty()
            || !self.gateway.is_empty()
            || self.lifecycle.is_partial()
    }

    /// The files that are written: the results, and the page.
    fn files(&self) -> (PathBuf, PathBuf) {
        if self.partial() && !self.keep && !self.report {
            let folder = Path::new("bench/results/partial");
            (folder.join("latest.json"), folder.join("benchmarks.md"))
        } else {
            ("bench/results/latest.json".into(), "docs/benchmarks.md".into())
        }
    }
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    if args.list {
        work::ALL.iter().for_each(|work| eprintln!("{:22} {}", work.key, work.title));
        eprintln!("{:22} {}", lifecycle::KEY, lifecycle::TITLE);
        Gateway::ALL.iter().for_each(|gateway| eprintln!("{}", gateway.name));
        return Ok(());
    }
    let (results, page) = args.files();
    let mut measured = if args.report {
        Results::read(&results)?
    } else {
        interrupt::listen()?;
        stage::open_many_files()?;
        measure(args)?
    };
    measured.reckon();
    measured.write(&results)?;
    eprintln!("{}: written", results.display());
    report::write(&Results::read(&results)?, &page)?;
    eprintln!("{}: written", page.display());
    Ok(())
}

/// Whether a name holds one of these words.
fn chosen(words: &str, name: &str) -> bool {
    words.split(',').any(|word| name.contains(word))
}

fn measure(args: &Args) -> anyhow::Result<Results> {
    let parts = Parts { tools: args.tools.canonicalize()?, dist: args.dist.canonicalize()? };
    let (mut versions, mut left_out, mut here) = (BTreeMap::new(), BTreeMap::new(), vec![]);
    for gateway in Gateway::ALL.into_iter().filter(|it| chosen(&args.gateway, it.name)) {
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
    let works: Vec<&Work> = work::ALL.iter().filter(|work| chosen(&args.work, work.key)).collect();
    let lifecycle = chosen(&args.work, lifecycle::KEY);
    ensure!(
        !works.is_empty() || lifecycle,
        "no work has `{}` in its name; --list names them",
        args.work
    );
    ensure!(!here.is_empty(), "no gateway that is here has `{}` in its name", args.gateway);
    ensure!(args.rounds > 0, "no round, no number");
    let machine = Machine::here()?;
    // First, as what follows keeps to some of the processors.
    let lifecycle = match lifecycle && here.iter().any(|gateway| gateway.name == SPILLWAY) {
        true => Some(args.lifecycle.measure(&parts, args.rounds)?),
        false => None,
    };
    let works = match works.is_empty() {
        true => vec![],
        false => Plan { rounds: args.rounds, works, gateways: here, parts }.run()?,
    };
    Ok(Results {
        machine,
        versions,
        left_out,
        cpu_ratio_to_bare_envoy: None,
        bars: vec![],
        works,
        lifecycle,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(arguments: &[&str]) -> String {
        let args = Args::parse_from([&["spillway-bench"], arguments].concat());
        args.files().0.display().to_string()
    }

    #[test]
    fn a_run_of_less_goes_elsewhere_unless_told_to_stay() {
        let whole = "bench/results/latest.json";
        assert_eq!(files(&[]), whole);
        assert_eq!(files(&["--report"]), whole);
        for less in [["--rounds", "1"], ["--work", "chat"], ["--gateway", "bare"]] {
            assert_eq!(files(&less), "bench/results/partial/latest.json", "{less:?}");
            assert_eq!(files(&[&less[..], &["--keep"]].concat()), whole, "{less:?}");
        }
    }

    #[test]
    fn one_word_of_several_is_enough() {
        assert!(chosen("", "chat_1k") && chosen("pool,chat", "chat_1k"));
        assert!(!chosen("pool,stream", "chat_1k"));
    }
}
