//! The command: what it takes, and how it ends.
//!
//! What was asked for goes to stdout, talk goes to stderr. Each subcommand has its file with its
//! `Args` and its `run`; a new one is a line in [`Command`] and a line in [`run`].

pub mod check;
pub mod docs;
pub mod explain;
pub mod file;
pub mod findings;
pub mod health;
pub mod import;
pub mod keys;
pub mod places;
pub mod render;
pub mod simulate;
pub mod status;
pub mod top;
pub mod up;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// An AI gateway that lives inside Envoy
#[derive(Debug, Parser)]
#[command(name = "spillway", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Args),
    Check(check::Args),
    Explain(explain::Args),
    Render(render::Args),
    Import(import::Args),
    Simulate(simulate::Args),
    Health(health::Args),
    Top(top::Args),
    Docs(docs::Args),
}

/// Where a command writes.
pub struct Output<'a> {
    /// What was asked for: stdout.
    pub data: &'a mut dyn Write,
    /// Everything else: stderr.
    pub talk: &'a mut dyn Write,
}

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Ok,
    /// The question was answered, and the answer is no: there are problems.
    Problems,
    /// The question could not be answered: a file cannot be read or written.
    Failed,
    /// Envoy ran, and ended with this code.
    Envoy(u8),
}

/// Runs the command with the process's arguments.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // Line by line: Envoy writes to the same place, and would cut in between the parts of a line.
    let mut talk = io::LineWriter::new(io::stderr().lock());
    let mut output = Output { data: &mut io::stdout().lock(), talk: &mut talk };
    match run(cli, &mut output) {
        Ok(Exit::Ok) => ExitCode::SUCCESS,
        Ok(Exit::Problems) => ExitCode::from(1),
        Ok(Exit::Envoy(code)) => ExitCode::from(code),
        // Whoever read our output has gone, as `head` does: nobody is left to tell.
        Ok(Exit::Failed) | Err(_) => ExitCode::from(2),
    }
}

fn run(cli: Cli, output: &mut Output<'_>) -> io::Result<Exit> {
    match cli.command {
        Command::Up(args) => up::run(&args, output),
        Command::Check(args) => check::run(&args, output),
        Command::Explain(args) => explain::run(&args, output),
        Command::Render(args) => render::run(&args, output),
        Command::Import(args) => import::run(&args, output),
        Command::Simulate(args) => simulate::run(&args, output),
        Command::Health(args) => health::run(&args, output),
        Command::Top(args) => top::run(&args, output),
        Command::Docs(args) => docs::run(&args, output),
    }
}
