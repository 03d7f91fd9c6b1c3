//! `spillway simulate FILE`: how would this pool be used, by one gateway or a hundred?

mod chart;
mod plan;
mod report;
mod table;
mod words;

use std::io;
use std::path::{Path, PathBuf};

use super::{Exit, Output, file};
use crate::simulate::plan::Announces;
use crate::simulate::{Figures, Plan, Record, figures, play};
use spillway::config::{Problem, percent};
use spillway::time::Millis;
use words::{Amount, During, Of, Rate};

/// Play a pool in virtual time and say how well its first tier is used
///
/// Gateways that share nothing, before regions that meter tokens as Azure does, for clients that
/// behave as the OpenAI SDK. The decisions are the filter's own; the clock and chance are not: the
/// same command prints the same every time. Nothing is sent anywhere, and no key is needed.
///
/// Exits with 0, with 1 where something expected did not come true, and with 2 where a file cannot
/// be read or written.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration, YAML or JSON; `-` reads it from stdin
    file: PathBuf,
    /// The model whose pool is played [default: the only one]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,

    /// How many gateways there are; `1,10,100` plays three runs and compares them
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "1")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    gateways: Vec<u16>,
    /// How many workers each gateway has
    #[arg(long, value_name = "NUMBER", default_value = "2")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
    /// How long calls arrive
    #[arg(long = "for", value_name = "DURATION", default_value = "10m")]
    #[arg(value_parser = words::duration)]
    length: Millis,
    /// What all chance comes from
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    seed: u64,

    /// Calls that arrive, such as `20/s` or `90/m`
    #[arg(long, help_heading = "Clients", value_name = "RATE")]
    rate: Rate,
    /// Another rate for a while, such as `60/s@2m..8m`; may stand several times
    #[arg(long, help_heading = "Clients", value_name = "RATE@FROM..TO")]
    surge: Vec<During<Rate>>,
    /// Estimated tokens of a call: a number, or a range such as `200..3000`
    #[arg(long, help_heading = "Clients", value_name = "NUMBER", default_value = "1000")]
    #[arg(value_parser = words::tokens)]
    tokens: (u64, u64),
    /// How often a client tries again after 408, 409, 429 and 5xx
    #[arg(long, help_heading = "Clients", value_name = "NUMBER", default_value = "2")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=20))]
    retries: u32,

    /// A backend, or every one, has provisioned throughput: so many tokens a minute, steadily, such
    /// as `eastus-ptu=600k`
    #[arg(long, help_heading = "Regions", value_name = "[BACKEND=]TOKENS")]
    provisioned: Vec<Of<Amount>>,
    /// A backend, or every one, is pay-as-you-go: so many tokens in any minute, even at once
    #[arg(long, help_heading = "Regions", value_name = "[BACKEND=]TOKENS")]
    standard: Vec<Of<Amount>>,
    /// How long an answer takes, at every backend or at one [default: 1s]
    #[arg(long, help_heading = "Regions", value_name = "[BACKEND=]DURATION")]
    latency: Vec<Of<Millis>>,
    /// How long bytes take to a backend and back [default: 20ms]
    #[arg(long, help_heading = "Regions", value_name = "[BACKEND=]DURATION")]
    round_trip: Vec<Of<Millis>>,
    /// How a 429 says when to come back: `exact`, in `seconds`, or `nothing` [default: exact]
    #[arg(long, help_heading = "Regions", value_name = "[BACKEND=]HOW")]
    announce: Vec<Of<Announces>>,

    /// The backend answers 503 for a while, such as `eastus@3m..5m`
    #[arg(long, help_heading = "Outages", value_name = "BACKEND@FROM..TO")]
    fail: Vec<During<String>>,
    /// The backend takes no connection for a while
    #[arg(long, help_heading = "Outages", value_name = "BACKEND@FROM..TO")]
    refuse: Vec<During<String>>,
    /// The backend takes requests for a while and never answers them
    #[arg(long, help_heading = "Outages", value_name = "BACKEND@FROM..TO")]
    hang: Vec<During<String>>,

    /// How long each interval of the record is
    #[arg(long, help_heading = "Results", value_name = "DURATION", default_value = "10s")]
    #[arg(value_parser = words::duration)]
    interval: Millis,
    /// Write the record, interval by interval
    #[arg(long, help_heading = "Results", value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Draw the record
    #[arg(long, help_heading = "Results", value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Exit with 1 unless the first tier is used so well under overload
    #[arg(long, help_heading = "Results", value_name = "SHARE", value_parser = share)]
    expect_utilisation: Option<u32>,
    /// Exit with 1 unless the first tier's use is steady
    #[arg(long, help_heading = "Results")]
    expect_no_swings: bool,
}

/// A plan that was played.
struct Run {
    plan: Plan,
    record: Record,
    figures: Figures,
}

/// Plays what was asked for.
pub fn run(args: &Args, output: &mut Output<'_>) -> io::Result<Exit> {
    let config = match file::load(&args.file) {
        Ok(loaded) => loaded.config,
        Err(failure) => return failure.report(&args.file, output),
    };
    let plans = match plan::plans(args, &config) {
        Ok(plans) => plans,
        Err(problem) => {
            writeln!(output.talk, "error: {problem}")?;
            return Ok(Exit::Failed);
        }
    };
    let runs: Vec<Run> = plans.into_iter().map(Run::of).collect();
    let files = [
        args.csv.as_ref().map(|path| (path, table::csv(&runs))),
        args.svg.as_ref().map(|path| (path, chart::svg(&runs))),
    ];
    for (path, text) in files.into_iter().flatten() {
        if let Err(error) = std::fs::write(path, text) {
            let shown = Path::new(path).display();
            writeln!(output.talk, "error: cannot write `{shown}`: {error}")?;
            return Ok(Exit::Failed);
        }
    }
    write!(output.data, "{}", report::text(&runs))?;
    let missed: Vec<Problem> = runs.iter().flat_map(|run| run.missed(args)).collect();
    for problem in &missed {
        writeln!(output.talk, "{problem}")?;
    }
    Ok(if missed.is_empty() { Exit::Ok } else { Exit::Problems })
}

impl Run {
    fn of(plan: Plan) -> Self {
        let record = play(&plan);
        let figures = figures(&plan, &record);
        Self { plan, record, figures }
    }

    /// What was expected and did not come true.
    fn missed(&self, args: &Args) -> Vec<Problem> {
        let place = file::count(self.plan.gateways, "gateway");
        let mut missed = Vec::new();
        if let Some(expected) = args.expect_utilisation {
            let found = self.figures.utilisation;
            if found.is_none_or(|found| found * 100.0 < f64::from(expected)) {
                let found = found.map_or_else(|| "no overload".to_owned(), report::percent);
                let message = format!("expected utilisation {expected}%, found {found}");
                missed.push(Problem::new(&place, message, ""));
            }
        }
        if args.expect_no_swings && self.figures.swings > 0 {
            let found = file::count(self.figures.swings, "swing");
            missed.push(Problem::new(&place, format!("expected no swings, found {found}"), ""));
        }
        missed
    }
}

fn share(text: &str) -> Result<u32, String> {
    percent::parse(text, 0).map_err(|problem| words::one_line(&problem))
}
