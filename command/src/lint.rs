//! What a right file may still surprise with: settings that do nothing, or more than they say.
//!
//! The filter accepts such a file, and so must the command; but whoever wrote `weight: 80` wanted
//! something to happen. Each finding says why it does not, at the place where it is written. Only
//! what is certain from the file alone is said: advice that is wrong once is not read twice.
//!
//! A *warning* is about a setting without effect, or with one that nobody wants; `--strict` takes it
//! for an error. A *note* is about a choice that is fine where it is known.

mod access;
mod affinity;
mod backend;
mod breaker;
mod metrics;
mod older;
mod pool;
mod retry;
mod timeouts;

use serde_json::Value;

use spillway::config::path::key;
use spillway::config::{Config, Model, Problem};
use spillway::failover_mode::FailoverMode;

/// Something that was found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where, what, and what to do about it.
    pub problem: Problem,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// There is no configuration.
    Error,
    /// There is one, and something in it does not do what it says.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    /// In one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl Finding {
    /// Something that is wrong.
    pub const fn error(problem: Problem) -> Self {
        Self { severity: Severity::Error, problem }
    }

    /// Something that is good to know.
    pub const fn note(problem: Problem) -> Self {
        Self { severity: Severity::Note, problem }
    }
}

/// Everything that may surprise in this configuration, where `failover` is the way to another
/// backend. `file`: what the configuration was made from, because what nobody wrote surprises nobody.
pub fn lint(config: &Config, file: &Value, failover: FailoverMode) -> Vec<Finding> {
    let mut lints = Lints { config, file, found: Vec::new() };
    access::look(&mut lints);
    backend::look(&mut lints);
    pool::look(&mut lints);
    affinity::look(&mut lints);
    breaker::look(&mut lints);
    retry::look(&mut lints);
    timeouts::look(&mut lints);
    metrics::look(&mut lints);
    older::look(&mut lints, failover);
    lints.found
}

/// What the lints look at, and what they have found.
struct Lints<'a> {
    config: &'a Config,
    file: &'a Value,
    found: Vec<Finding>,
}

impl<'a> Lints<'a> {
    fn warn(&mut self, path: &str, message: impl Into<String>, hint: impl Into<String>) {
        let problem = Problem::new(path, message, hint);
        self.found.push(Finding { severity: Severity::Warning, problem });
    }

    fn note(&mut self, path: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.found.push(Finding::note(Problem::new(path, message, hint)));
    }

    /// What is written below these keys.
    fn written(&self, keys: &[&str]) -> Option<&'a Value> {
        keys.iter().try_fold(self.file, |value, key| value.get(key))
    }

    /// Where a section's field is written, in the file's own section and in models', each time with
    /// the models that it holds for.
    fn places(&self, section: &str, field: &str) -> Vec<(String, Vec<&'a Model>)> {
        let own = |model: &&Model| self.written(&["models", &model.name, section, field]).is_some();
        let (own, inherit): (Vec<_>, Vec<_>) = self.config.models.iter().partition(own);
        let mut places = Vec::new();
        if self.written(&[section, field]).is_some() && !inherit.is_empty() {
            places.push((key(section, field), inherit));
        }
        places.extend(
            own.into_iter()
                .map(|model| (key(&key(&model_path(&model.name), section), field), vec![model])),
        );
        places
    }
}

fn model_path(name: &str) -> String {
    key("models", name)
}

#[cfg(test)]
mod tests;
