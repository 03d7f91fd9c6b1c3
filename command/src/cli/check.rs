//! `spillway check FILE`: is this configuration right, or this Envoy's around it?

use std::io;
use std::path::PathBuf;

use super::file::{self, Failure, Loaded, Text, count};
use super::findings::{Findings, Format};
use super::places::Places;
use super::{Exit, Output, keys};
use crate::envoy::{Abilities, version::Version};
use crate::envoy_check::{self, EnvoyCheck};
use crate::lint::{Finding, Severity, lint};
use spillway::config::path::key;
use spillway::config::{Config, Problem, wrong_secrets};

/// Check a configuration and say everything that is wrong with it
///
/// Says each problem with its line, and what to do about it. Where the file is right, prints one
/// line and exits with 0; settings that do nothing, or more than they say, are warned of. Exits
/// with 1 where it has problems, and with 2 where it cannot be read.
///
/// Of an Envoy's bootstrap with the filter in it, rendered or written by hand, it says what is
/// missing around the filter: where failover would not work, and what is weaker than what
/// `spillway render envoy` prints.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration, or an Envoy's bootstrap, YAML or JSON; `-` reads it from stdin
    file: PathBuf,
    /// Do not look for the environment variables and files that the configuration refers to
    #[arg(long)]
    no_env: bool,
    /// Say what an Envoy of this version, such as 1.36 or 1.38.2, does not cover
    #[arg(long, value_name = "VERSION", value_parser = Version::named)]
    envoy_version: Option<Version>,
    /// Take warnings for problems; notes stay notes
    #[arg(long)]
    strict: bool,
    /// How to say what was found
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Checks the file.
pub fn run(args: &Args, output: &mut Output<'_>) -> io::Result<Exit> {
    match args.checked() {
        Ok(checked) => args.say(checked, output),
        Err(failure) => failure.report_as(args.format, &args.file, output),
    }
}

/// A file that could be checked.
struct Checked {
    places: Places,
    found: Vec<Finding>,
    /// What a right file holds, in a few words.
    summary: String,
}

impl Args {
    fn checked(&self) -> Result<Checked, Failure> {
        let text = file::read(&self.file)?;
        if envoy_check::is_envoys(&text.value) {
            return Ok(self.bootstrap(text));
        }
        let loaded = text.configuration()?;
        let (found, summary) = (self.look(&loaded), summary(&loaded.config));
        Ok(Checked { places: loaded.places, found, summary })
    }

    /// What was found in an Envoy's bootstrap.
    fn bootstrap(&self, text: Text) -> Checked {
        let EnvoyCheck { mut found, configs } =
            envoy_check::look(&text.value, self.envoy_version.map(Version::abilities));
        if let Some(version) = self.envoy_version {
            found.extend(notes(version.abilities()));
        }
        let inside = configs.first().map_or_else(|| "nothing of Spillway's".to_owned(), summary);
        Checked { places: text.places, found, summary: format!("an Envoy with {inside}") }
    }

    fn say(&self, checked: Checked, output: &mut Output<'_>) -> io::Result<Exit> {
        let findings = Findings::new(&self.file, &checked.places, checked.found);
        findings.write(self.format, output)?;
        let errors = findings.count(Severity::Error);
        let warnings = findings.count(Severity::Warning);
        let wrong = errors > 0 || (self.strict && warnings > 0);
        if self.format == Format::Text {
            let name = file::name(&self.file);
            if wrong {
                writeln!(output.talk, "{name}: {}", tally(errors, warnings))?;
            } else {
                writeln!(output.data, "{name}: ok: {}", checked.summary)?;
            }
        }
        Ok(if wrong { Exit::Problems } else { Exit::Ok })
    }

    /// What was found in a file whose configuration is right.
    fn look(&self, loaded: &Loaded) -> Vec<Finding> {
        let abilities = self.envoy_version.map(Version::abilities).unwrap_or_default();
        let mut missing = if self.no_env { Vec::new() } else { missing(&loaded.config) };
        if let Some(last) = missing.iter_mut().rfind(|problem| problem.hint.is_empty()) {
            last.hint = "`--no-env` checks the file alone, where Envoy runs elsewhere".to_owned();
        }
        if !self.no_env {
            missing.extend(keys::unstripped(&loaded.config, abilities));
        }
        let mut found: Vec<Finding> = missing.into_iter().map(Finding::error).collect();
        found.extend(lint(&loaded.config, &loaded.value, abilities.failover));
        found.extend(notes(abilities));
        found
    }
}

fn notes(abilities: Abilities) -> impl Iterator<Item = Finding> {
    abilities.notes().into_iter().map(|note| Finding::note(Problem::new("", note, "")))
}

/// What a right file holds, in a few words.
fn summary(config: &Config) -> String {
    let backends = count(config.backends.len(), "backend");
    let models = count(config.models.len(), "model");
    let clients = config.clients.as_ref().map(|clients| count(clients.len(), "client"));
    format!("{backends}, {models}, {}", clients.unwrap_or_else(|| "open".to_owned()))
}

/// How much is wrong with the file.
fn tally(errors: usize, warnings: usize) -> String {
    match (errors, warnings) {
        (errors, 0) => count(errors, "problem"),
        (0, warnings) => count(warnings, "warning"),
        (errors, warnings) => {
            format!("{}, {}", count(errors, "problem"), count(warnings, "warning"))
        }
    }
}

/// What the configuration refers to and what is not there, or cannot be used.
pub(super) fn missing(config: &Config) -> Vec<Problem> {
    let mut problems = wrong_secrets(config.secrets(), keys::held);
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
