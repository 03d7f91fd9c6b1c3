//! `spillway import`: from the gateway that somebody has to a configuration of Spillway's.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::file::{self, Failure};
use super::places::Places;
use super::{Exit, Output};
use crate::import::{self, ModelOf, Options};
use spillway::config::{Problem, name};

/// Turn another gateway's configuration into one of Spillway's
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, clap::Subcommand)]
enum From {
    Apim(Apim),
}

/// API Management's backends and pools, as Azure exports them
///
/// Reads the JSON of `az rest --method get` for a service's backends, of `az apim backend list`, of
/// an exported ARM template, or of one that Bicep was compiled to. Prints the configuration, and on
/// stderr what was taken over, what differs and what has no counterpart. A key that stands in the
/// JSON is never repeated; nothing is sent anywhere.
///
/// Exits with 0, with 1 where the input has problems, and with 2 where a file cannot be read or
/// written.
#[derive(Debug, clap::Args)]
struct Apim {
    /// The JSON; `-` reads it from stdin
    file: PathBuf,
    /// The model that a pool, or a single backend, serves; may stand several times
    #[arg(long, value_name = "NAME=POOL", value_parser = model_of)]
    model: Vec<ModelOf>,
    /// Answer and count as API Management does, also where Spillway would do better
    #[arg(long)]
    faithful: bool,
    /// Write the configuration into this file [default: stdout]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the report into this file [default: stderr]
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write over files that are there already
    #[arg(long)]
    force: bool,
}

/// Imports what was asked for.
pub fn run(args: &Args, output: &mut Output<'_>) -> io::Result<Exit> {
    let From::Apim(apim) = &args.from;
    let bytes = match file::read_bytes(&apim.file) {
        Ok(bytes) => bytes,
        Err(error) => return Failure::Unreadable(error).report(&apim.file, output),
    };
    let options = Options { models: apim.model.clone(), faithful: apim.faithful };
    let imported = match import::apim(&bytes, &options) {
        Ok(imported) => imported,
        Err(problems) => {
            // What is wrong with the arguments, or with the text as a whole, says its place itself.
            let in_file = |problem: &Problem| problem.path.starts_with(|c: char| c.is_alphabetic());
            let text = std::str::from_utf8(&bytes).ok().filter(|_| problems.iter().all(in_file));
            let places = text.map(Places::of).unwrap_or_default();
            return Failure::Wrong(problems, places).report(&apim.file, output);
        }
    };
    let report = imported.report.to_string();
    // The report first: a configuration without its report is half of an answer.
    for (path, text) in [(&apim.report, &report), (&apim.output, &imported.yaml)] {
        if let Some(Err(problem)) = path.as_deref().map(|path| apim.write(path, text)) {
            writeln!(output.talk, "error: {problem}")?;
            return Ok(Exit::Failed);
        }
    }
    if apim.report.is_none() {
        output.talk.write_all(report.as_bytes())?;
    }
    if apim.output.is_none() {
        output.data.write_all(imported.yaml.as_bytes())?;
    }
    Ok(Exit::Ok)
}

impl Apim {
    fn write(&self, path: &Path, text: &str) -> Result<(), Problem> {
        let mut options = OpenOptions::new();
        options.write(true);
        if self.force {
            options.create(true).truncate(true);
        } else {
            options.create_new(true);
        }
        let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| {
            let shown = path.display();
            if error.kind() == io::ErrorKind::AlreadyExists {
                Problem::new("", format!("`{shown}` is there already"), "`--force` writes over it")
            } else {
                Problem::new("", format!("cannot write `{shown}`: {error}"), "")
            }
        })
    }
}

/// `NAME=POOL`. A model's name may hold `=`, a pool's may not.
fn model_of(text: &str) -> Result<ModelOf, String> {
    let (model, serves) = text.rsplit_once('=').ok_or("write a model, `=` and a pool")?;
    if serves.is_empty() {
        return Err("no pool stands behind the `=`".to_owned());
    }
    name::model(model).map_err(|problem| problem.message)?;
    Ok(ModelOf { model: model.to_owned(), serves: serves.to_owned() })
}
