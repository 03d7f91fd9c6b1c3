//! `spillway docs`: the references that are printed from the code, so that they cannot be stale.

mod access_log;
mod commands;
mod config;
mod metrics;
mod operations;
mod rendered;
mod schema;

use std::io;
use std::path::PathBuf;

use super::{Exit, Output};

/// Write the generated references into the folder `docs`
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub struct Args {
    /// Write nothing; exit with 1 where a reference is not current
    #[arg(long)]
    check: bool,
    /// The folder of the references
    #[arg(long, default_value = "docs")]
    folder: PathBuf,
}

/// Writes or checks every reference.
pub fn run(args: &Args, output: &mut Output<'_>) -> io::Result<Exit> {
    let mut exit = Exit::Ok;
    for (name, text) in references() {
        let path = args.folder.join(name);
        let shown = path.display();
        if std::fs::read_to_string(&path).is_ok_and(|current| current == text) {
            continue;
        }
        if args.check {
            writeln!(output.talk, "{shown}: not current\n  hint: run `cargo run -- docs`")?;
            exit = Exit::Problems;
        } else if let Err(error) = std::fs::write(&path, text) {
            writeln!(output.talk, "error: cannot write `{shown}`: {error}")?;
            return Ok(Exit::Failed);
        } else {
            writeln!(output.talk, "{shown}: written")?;
        }
    }
    Ok(exit)
}

/// Every reference: its file's name and its text.
pub fn references() -> Vec<(&'static str, String)> {
    vec![
        ("config.md", config::reference()),
        ("cli.md", commands::reference()),
        ("rendered/envoy.md", rendered::reference()),
        ("metrics.md", metrics::reference()),
        ("operations.md", operations::reference()),
        ("access-log.md", access_log::reference()),
        ("spillway.schema.json", schema::reference()),
    ]
}
