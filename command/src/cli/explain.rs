//! `spillway explain FILE`: where would this request go, and why?

mod question;
mod reasons;
mod report;

use std::io;
use std::path::PathBuf;

use super::file;
use super::{Exit, Output};
use crate::explain::explain;

/// Say where a request would go, and why
///
/// Plays the request with the code of the filter: which model it is for, which backend is asked
/// first, which one next when that fails, and what the client gets. No backend is contacted. As
/// long as nothing is said of backends, all may be chosen, and each answers 503, so that the whole
/// order is seen; the clock stands at 2026-01-01 00:00:00 UTC. Exits with 0 whatever the client
/// gets.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration, YAML or JSON; `-` reads it from stdin
    file: PathBuf,

    /// The model, named in the path as Azure OpenAI's SDKs do
    #[arg(long, help_heading = "The request", value_name = "NAME", conflicts_with = "path")]
    model: Option<String>,
    /// The path as the client sends it, with the prefix and the query [default with a body:
    /// `/openai/v1/chat/completions`, behind the prefix]
    #[arg(long, help_heading = "The request")]
    path: Option<String>,
    /// The body, which names the model where the path does not; `-` reads it from stdin
    #[arg(long, help_heading = "The request", value_name = "FILE")]
    body: Option<PathBuf>,
    /// A header such as `api-key: …`, `cookie: …` or `content-type: …`. Without a key, that of the
    /// first client is taken for granted
    #[arg(long, help_heading = "The request", value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// The `Cookie` header, with an affinity cookie of this gateway's
    #[arg(
        long,
        help_heading = "The request",
        value_name = "NAME=VALUE",
        conflicts_with = "pinned"
    )]
    cookie: Option<String>,
    /// The request has the affinity cookie that this backend's answers give
    #[arg(long, help_heading = "The request", value_name = "BACKEND")]
    pinned: Option<String>,

    /// The backend has just said 429: for so long, or without a time
    #[arg(long, help_heading = "Circuits", value_name = "BACKEND[=DURATION]")]
    open: Vec<String>,
    /// The backend has just failed too often, and said for how long it will, or did not
    #[arg(long, help_heading = "Circuits", value_name = "BACKEND[=DURATION]")]
    tripped: Vec<String>,
    /// The backend failed too often, and waits for a request to try it
    #[arg(long, help_heading = "Circuits", value_name = "BACKEND")]
    half_open: Vec<String>,

    /// The backend answers 503, and the others 200
    #[arg(long, help_heading = "Answers", value_name = "BACKEND")]
    failing: Vec<String>,
    /// The backend answers 429, and the others 200
    #[arg(long, help_heading = "Answers", value_name = "BACKEND")]
    throttling: Vec<String>,
    /// What all other backends answer
    #[arg(long, help_heading = "Answers", value_name = "STATUS")]
    #[arg(value_parser = clap::value_parser!(u16).range(200..=599))]
    answer: Option<u16>,

    /// How to say it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How the story is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs: an object with `path`, `client`, `model`, `decided_by` (`path`, `body`,
    /// `cookie` or `default`), `pinned`, `members` (each with `backend`, `deployment`, `order`,
    /// `answer` and `why`; those first that are asked, and the others without `order`) and `answer`
    /// (`status`, `why`, whether there is an affinity `cookie`, and of the gateway's own answers
    /// `reason`, `headers` and `body`)
    Json,
}

/// Explains what was asked for.
pub fn run(args: &Args, output: &mut Output<'_>) -> io::Result<Exit> {
    let config = match file::load(&args.file) {
        Ok(loaded) => loaded.config,
        Err(failure) => return failure.report(&args.file, output),
    };
    match question::ask(args, config) {
        Ok((gateway, question)) => {
            let story = explain(&gateway, &question);
            let tell = match args.format {
                Format::Text => report::text,
                Format::Json => report::json,
            };
            write!(output.data, "{}", tell(&gateway, &question, &story))?;
            Ok(Exit::Ok)
        }
        Err(problem) => {
            writeln!(output.talk, "error: {problem}")?;
            Ok(Exit::Failed)
        }
    }
}
