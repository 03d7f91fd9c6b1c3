//! Says when a file with a backend's key goes bad while Envoy runs, and when it is good again.
//!
//! Envoy reads these files by itself ([`crate::envoy::secret`]) and says nothing about what it finds
//! in them: a backend without a good key refuses its requests, and others answer. So what is wrong
//! would show only in the refusals.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::cli::keys;
use crate::envoy::Abilities;
use spillway::config::{Config, Problem, Secret, wrong_secrets};

/// How often the files are read.
const EVERY: Duration = Duration::from_secs(2);

/// What was wrong with the files when they were last read.
#[derive(Debug)]
pub(super) struct KeyFiles {
    envoy: Abilities,
    bad: BTreeMap<String, Problem>,
    looked: Instant,
}

impl KeyFiles {
    /// All of them are good now: nothing starts otherwise.
    pub(super) fn new(envoy: Abilities, now: Instant) -> Self {
        Self { envoy, bad: BTreeMap::new(), looked: now }
    }

    /// The lines that are to be said about what has changed.
    pub(super) fn look(&mut self, config: &Config, now: Instant) -> Vec<String> {
        if now < self.looked + EVERY {
            return Vec::new();
        }
        self.looked = now;
        self.changed(bad_files(config, self.envoy))
    }

    fn changed(&mut self, bad: BTreeMap<String, Problem>) -> Vec<String> {
        let new = bad.iter().filter(|(at, problem)| self.bad.get(*at) != Some(problem));
        let mut lines: Vec<String> =
            new.map(|(_, problem)| format!("warning: {problem}")).collect();
        let good = self.bad.keys().filter(|at| !bad.contains_key(*at));
        lines.extend(good.map(|at| format!("{at}: the key is good again")));
        self.bad = bad;
        lines
    }
}

fn bad_files(config: &Config, envoy: Abilities) -> BTreeMap<String, Problem> {
    let mut files = config.secrets();
    files.retain(|(_, secret)| matches!(secret, Secret::File(_)));
    let mut problems = keys::unstripped(config, envoy);
    problems.extend(wrong_secrets(files, keys::held));
    let problems = problems.into_iter().map(|problem| {
        let hint = "until the file holds a good key, this backend refuses its requests; write the \
                    key beside it, and rename that to this file";
        (problem.path.clone(), Problem { hint: hint.to_owned(), ..problem })
    });
    problems.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_said_once() {
        let mut files = KeyFiles::new(Abilities::default(), Instant::now());
        let bad = |message: &str| {
            let problem = Problem::new("backends.e.api_key.file", message, "");
            BTreeMap::from([(problem.path.clone(), problem)])
        };
        assert_eq!(files.changed(BTreeMap::new()), Vec::<String>::new());
        let empty = ["warning: backends.e.api_key.file: it is empty"];
        assert_eq!(files.changed(bad("it is empty")), empty);
        assert_eq!(files.changed(bad("it is empty")), Vec::<String>::new());
        let gone = ["warning: backends.e.api_key.file: it is gone"];
        assert_eq!(files.changed(bad("it is gone")), gone);
        let good = ["backends.e.api_key.file: the key is good again"];
        assert_eq!(files.changed(BTreeMap::new()), good);
    }
}
