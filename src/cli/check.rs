//! `spillway check FILE`: is this configuration right?

use std::io;
use std::path::PathBuf;

use super::file::{self, count};
use super::{Exit, Output};
use crate::config::path::key;
use crate::config::{Config, Problem, Secret, missing_secrets};
use crate::envoy::version::Version;

/// Check a configuration and say everything that is wrong with it
///
/// Prints one line and exits with 0 where the file is right. Exits with 1 where it has problems,
/// and with 2 where it cannot be read.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration, YAML or JSON; `-` reads it from stdin
    file: PathBuf,
    /// Do not look for the environment variables and files that the configuration refers to
    #[arg(long)]
    no_env: bool,
    /// Say what an Envoy of this version, such as 1.36 or 1.38.2, does not cover
    #[arg(long, value_name = "VERSION", value_parser = Version::named)]
    envoy_version: Option<Version>,
}

/// Checks the file.
pub fn run(args: &Args, output: &mut Output<'_>) -> io::Result<Exit> {
    let checked = file::load(&args.file).and_then(|loaded| {
        let mut missing = if args.no_env { Vec::new() } else { missing(&loaded.config) };
        if let Some(last) = missing.last_mut() {
            last.hint = "`--no-env` checks the file alone, where Envoy runs elsewhere".to_owned();
        }
        if missing.is_empty() { Ok(loaded.config) } else { Err(file::Failure::Wrong(missing)) }
    });
    let config = match checked {
        Ok(config) => config,
        Err(failure) => return failure.report(&args.file, output),
    };
    let backends = count(config.backends.len(), "backend");
    let models = count(config.models.len(), "model");
    let clients = config.clients.as_ref().map(|clients| count(clients.len(), "client"));
    let clients = clients.unwrap_or_else(|| "open".to_owned());
    let name = file::name(&args.file);
    writeln!(output.data, "{name}: ok: {backends}, {models}, {clients}")?;
    for note in notes(&config) {
        writeln!(output.talk, "note: {note}")?;
    }
    for note in args.envoy_version.map(|version| version.abilities().notes()).unwrap_or_default() {
        writeln!(output.talk, "note: {note}")?;
    }
    Ok(Exit::Ok)
}

/// What the configuration refers to and what is not there.
pub(super) fn missing(config: &Config) -> Vec<Problem> {
    let mut problems = missing_secrets(config.secrets(), |name| {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    });
    for (place, secret) in config.secrets() {
        if let Secret::File(file) = secret {
            problems.extend(unreadable(&key(&place, "file"), file));
        }
    }
    for backend in &config.backends {
        if let Some(file) = &backend.ca_file {
            problems.extend(unreadable(&key(&key("backends", &backend.name), "ca_file"), file));
        }
    }
    problems
}

fn unreadable(place: &str, file: &str) -> Option<Problem> {
    let reason = match std::fs::metadata(file) {
        Ok(metadata) if !metadata.is_file() => "it is not a file".to_owned(),
        Ok(metadata) if metadata.len() == 0 => "it is empty".to_owned(),
        _ => std::fs::File::open(file).err()?.to_string(),
    };
    Some(Problem::new(place, format!("cannot read `{file}`: {reason}"), ""))
}

/// What is right and may still surprise.
fn notes(config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    if config.clients.is_none() {
        notes.push("no `clients`: anyone who can reach the listener may call".to_owned());
    }
    let mut used = vec![false; config.backends.len()];
    for member in config.models.iter().flat_map(|model| &model.pool) {
        if let Some(used) = used.get_mut(member.backend) {
            *used = true;
        }
    }
    for (backend, _) in config.backends.iter().zip(used).filter(|(_, used)| !used) {
        notes.push(format!("backend `{}` is in no pool", backend.name));
    }
    notes
}
