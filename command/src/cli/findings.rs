//! What was found in a file, as a person reads it or as a program does.
//!
//! A person gets the form of compilers, `file:line:column: path: message`, which editors and CI
//! know how to jump to. A program gets one array of flat objects.

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::Output;
use super::file::name;
use super::places::{Place, Places};
use crate::lint::{Finding, Severity};
use spillway::config::Problem;

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people, on stderr
    Text,
    /// For programs, on stdout: an array of objects with `file`, `line` and `column` (from 1, or
    /// `null`), `path`, `severity` (`error`, `warning` or `note`), `message` and `hint`; empty
    /// where nothing was found
    Json,
}

/// What was found in one file.
#[derive(Debug)]
pub struct Findings<'a> {
    path: &'a Path,
    places: &'a Places,
    /// Worst first; of the same severity in the order of the file.
    found: Vec<Finding>,
}

impl<'a> Findings<'a> {
    /// These findings, in their order for people.
    pub fn new(path: &'a Path, places: &'a Places, mut found: Vec<Finding>) -> Self {
        found.sort_by_key(|finding| {
            let place = places.find(&finding.problem.path);
            (finding.severity, place.map(|place| (place.line, place.column)))
        });
        Self { path, places, found }
    }

    /// What makes a file wrong, in the order in which it was found.
    pub fn wrong(path: &'a Path, places: &'a Places, problems: &[Problem]) -> Self {
        Self { path, places, found: problems.iter().cloned().map(Finding::error).collect() }
    }

    /// How many are so bad.
    pub fn count(&self, severity: Severity) -> usize {
        self.found.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Writes all of them.
    pub fn write(&self, format: Format, output: &mut Output<'_>) -> io::Result<()> {
        match format {
            Format::Text => {
                self.found.iter().try_for_each(|one| writeln!(output.talk, "{}", self.text(one)))
            }
            Format::Json => {
                let all: Vec<Value> = self.found.iter().map(|one| self.json(one)).collect();
                writeln!(output.data, "{:#}", Value::Array(all))
            }
        }
    }

    /// Where it stands; a note about the file as a whole stands nowhere in it.
    fn place(&self, Finding { severity, problem }: &Finding) -> Option<Place> {
        let nowhere = *severity == Severity::Note && problem.path.is_empty();
        self.places.find(&problem.path).filter(|_| !nowhere)
    }

    fn text(&self, finding: &Finding) -> String {
        let place = self.place(finding);
        let place = place.map(|place| format!(":{}:{}", place.line, place.column));
        let severity = match finding.severity {
            Severity::Error => String::new(),
            other => format!("{}: ", other.name()),
        };
        let (place, problem) = (place.unwrap_or_default(), &finding.problem);
        format!("{}{place}: {severity}{problem}", name(self.path))
    }

    fn json(&self, finding: &Finding) -> Value {
        let (place, problem) = (self.place(finding), &finding.problem);
        json!({
            "file": name(self.path).to_string(),
            "line": place.map(|place| place.line),
            "column": place.map(|place| place.column),
            "path": problem.path,
            "severity": finding.severity.name(),
            "message": problem.message,
            "hint": problem.hint,
        })
    }
}
