//! Brings a running Envoy from one file to the next, or says why it stays where it is.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::change;
use crate::cli::Output;
use crate::cli::file::{self, Failure, Loaded, count, name};
use crate::cli::findings::{Findings, Format};
use crate::envoy::discovery::Service;
use crate::envoy::process::Envoy;
use crate::envoy::xds_state::{Update, XdsState};
use crate::envoy::xds_writer::Failure as Undelivered;
use crate::envoy::{Abilities, Options, following};
use crate::lint::{Severity, lint};
use spillway::config::{Config, Problem};
use spillway::status::report::Refused;
use spillway::time::{Millis, Timestamp};

/// No request is waited for longer than this before a backend that was removed is forgotten.
const LONGEST: Millis = Millis::from_secs(3600);

/// Envoy takes what it is told within this time, or ends without it.
const FAREWELL: Duration = Duration::from_secs(2);

/// Workers take up a new configuration one after the other: not even an idle gateway forgets what
/// was removed before that.
const SHORTEST: Millis = Millis::from_secs(2);

/// The file that Envoy follows, and how far it is.
#[derive(Debug)]
pub(super) struct Reloader<'a> {
    path: &'a Path,
    directory: &'a Path,
    options: &'a Options,
    /// What Envoy's environment holds.
    variables: &'a BTreeSet<String>,
    loaded: Loaded,
    xds_state: XdsState,
    began: Instant,
    /// When Envoy took the last change, as all times here since we began.
    changed: Timestamp,
    /// Something had to be seen to before Envoy had taken all.
    interrupted: bool,
    /// What Envoy has been told of a newer file that was refused.
    refused: Option<Refused>,
}

impl<'a> Reloader<'a> {
    /// Begins with this file, and says what Envoy must be told first.
    pub(super) fn new(
        path: &'a Path,
        directory: &'a Path,
        options: &'a Options,
        variables: &'a BTreeSet<String>,
        loaded: Loaded,
    ) -> (Self, Update) {
        let (began, changed) = (Instant::now(), Timestamp::default());
        let (xds_state, first) =
            XdsState::default().with(&loaded.config, &loaded.value, options, changed);
        let interrupted = false;
        (
            Self {
                began,
                path,
                directory,
                options,
                variables,
                loaded,
                xds_state,
                changed,
                interrupted,
                refused: None,
            },
            first,
        )
    }

    /// The configuration that runs.
    pub(super) fn config(&self) -> &Config {
        &self.loaded.config
    }

    /// What the Envoy that runs it can do.
    pub(super) fn envoy(&self) -> Abilities {
        self.options.envoy
    }

    /// Whether the file has to be taken once more.
    pub(super) fn was_interrupted(&mut self) -> bool {
        std::mem::take(&mut self.interrupted)
    }

    /// The file holds this now. What there is to say is said at once, at the end.
    pub(super) fn take(
        &mut self,
        content: Result<Vec<u8>, String>,
        envoy: &Envoy,
        stop: &mut dyn FnMut() -> bool,
        output: &mut Output<'_>,
    ) -> io::Result<()> {
        let mut said = Vec::new();
        let mut held = Output { data: &mut *output.data, talk: &mut said };
        self.take_quietly(content, envoy, stop, &mut held)?;
        output.talk.write_all(&said)
    }

    fn take_quietly(
        &mut self,
        content: Result<Vec<u8>, String>,
        envoy: &Envoy,
        stop: &mut dyn FnMut() -> bool,
        output: &mut Output<'_>,
    ) -> io::Result<()> {
        let name = name(self.path);
        let loaded = match content {
            Ok(content) => file::understand(&content)
                .and_then(Loaded::with_secrets)
                .and_then(|loaded| loaded.for_envoy(self.options.envoy)),
            Err(error) => {
                writeln!(output.talk, "error: cannot read `{name}`: {error}")?;
                writeln!(output.talk, "kept the running configuration")?;
                self.show(Some(refused(&[])), envoy, stop);
                return Ok(());
            }
        };
        let failure = match loaded {
            Ok(loaded) => self.tell(loaded, envoy, stop, output)?,
            Err(failure) => Some(failure),
        };
        let Some(Failure::Wrong(mut problems, places)) = failure else { return Ok(()) };
        self.show(Some(refused(&problems)), envoy, stop);
        problems.iter_mut().for_each(advise);
        let found = count(problems.len(), "problem");
        writeln!(output.talk, "kept the running configuration; {name} has {found}:")?;
        Findings::wrong(self.path, &places, &problems).write(Format::Text, output)
    }

    /// Has metrics and status show that a newer file was refused, or that none is any more. Requests
    /// see nothing of it.
    fn show(&mut self, refused: Option<Refused>, envoy: &Envoy, stop: &mut dyn FnMut() -> bool) {
        if refused.is_none() && self.refused.is_none() {
            return;
        }
        let value = &self.loaded.value;
        let (xds_state, update) =
            self.xds_state.with_refused(value, refused.as_ref(), self.options);
        let told = envoy.tell(self.directory, &update, stop);
        (self.xds_state, self.refused) = (xds_state, refused);
        if matches!(told, Err((Undelivered::Interrupted, _))) {
            self.interrupted = true;
        }
    }

    /// Tells the clients that still wait for an answer that the process ends.
    pub(super) fn shut_down(&self, envoy: &Envoy, stop: &mut dyn FnMut() -> bool) {
        let began = Instant::now();
        let mut stop = || stop() || began.elapsed() > FAREWELL;
        let told = envoy.tell(self.directory, &self.xds_state.shutdown(self.options), &mut stop);
        // If Envoy refuses, running requests end without a word.
        drop(told);
    }

    /// What may be forgotten by now is forgotten.
    pub(super) fn forget(&mut self, envoy: &Envoy, stop: &mut dyn FnMut() -> bool) {
        let now = self.now();
        let Some(until) = self.xds_state.next_retirement() else { return };
        if now < self.changed + SHORTEST {
            return;
        }
        let idle = || envoy.running_requests() == Some(0);
        let by = if until <= now {
            now
        } else if idle() {
            Timestamp(u64::MAX)
        } else {
            return;
        };
        let next = self.xds_state.without_retired(by, &self.loaded.config, self.options);
        let Some((xds_state, update)) = next else { return };
        let told = envoy.tell(self.directory, &update, stop);
        // Where Envoy does not want to, it keeps a cluster that nobody is sent to.
        drop(told);
        self.xds_state = xds_state;
    }

    /// Tells Envoy. The failure is what it cannot be told.
    fn tell(
        &mut self,
        loaded: Loaded,
        envoy: &Envoy,
        stop: &mut dyn FnMut() -> bool,
        output: &mut Output<'_>,
    ) -> io::Result<Option<Failure>> {
        let name = name(self.path);
        let Some(change) = change::between(&self.loaded.value, &loaded.value) else {
            self.loaded = loaded;
            self.show(None, envoy, stop);
            writeln!(output.talk, "read {name} again: nothing has changed")?;
            return Ok(None);
        };
        let until = self.now() + longest(&self.loaded.config);
        let (xds_state, update) =
            self.xds_state.with(&loaded.config, &loaded.value, self.options, until);
        let problems = self.needs_restart(&loaded.config, &xds_state);
        if !problems.is_empty() {
            return Ok(Some(Failure::Wrong(problems, loaded.places)));
        }
        match envoy.tell(self.directory, &update, stop) {
            Ok(()) => {
                (self.loaded, self.xds_state, self.changed) = (loaded, xds_state, self.now());
                self.refused = None;
                writeln!(output.talk, "reloaded {name}: {change}")?;
                self.warn(output)?;
            }
            // Some of it is taken, or will be.
            Err((Undelivered::Interrupted, _)) => {
                (self.xds_state, self.interrupted) = (xds_state, true);
            }
            Err((failure, heard)) => {
                writeln!(output.talk, "kept the running configuration; {failure}")?;
                if !heard.is_empty() {
                    writeln!(output.talk, "  Envoy says: {heard}")?;
                }
                self.xds_state = match failure {
                    Undelivered::Refused(Service::Clusters) | Undelivered::NoRoom(_) => {
                        self.xds_state.not_taken(&update)
                    }
                    _ => xds_state,
                };
                self.go_back(until, envoy, stop, output)?;
                self.show(Some(refused(&[])), envoy, stop);
            }
        }
        Ok(None)
    }

    /// Tells Envoy once more what it was told before, whatever of an update it has taken.
    fn go_back(
        &mut self,
        until: Timestamp,
        envoy: &Envoy,
        stop: &mut dyn FnMut() -> bool,
        output: &mut Output<'_>,
    ) -> io::Result<()> {
        let Loaded { config, value, .. } = &self.loaded;
        let (xds_state, update) = self.xds_state.with(config, value, self.options, until);
        self.xds_state = xds_state;
        match envoy.tell(self.directory, &update, stop) {
            Ok(()) => Ok(()),
            Err((Undelivered::Interrupted, _)) => {
                self.interrupted = true;
                Ok(())
            }
            Err((failure, _)) => {
                let hint = "restart `spillway up`";
                writeln!(output.talk, "error: Envoy does not go back: {failure}\n  hint: {hint}")
            }
        }
    }

    /// What this Envoy can be told only when it starts.
    fn needs_restart(&self, config: &Config, next: &XdsState) -> Vec<Problem> {
        let running = &self.loaded.config;
        let mut problems = Vec::new();
        let mut say = |path: &str, message: &str| {
            problems.push(Problem::new(path, message, "restart `spillway up` for this change"));
        };
        let fixed = |config| following(config, self.variables, self.options);
        if fixed(config) != fixed(running) {
            let own = !self.options.envoy.limits_bodies_by_route
                && config.max_request_body != running.max_request_body;
            let path = if own { "max_request_body" } else { "" };
            say(path, "this Envoy cannot change it while it runs");
        }
        // A request that is redirected meets the new VM, which knows nothing of it.
        if self.options.envoy.failover.redirects() && self.xds_state.needs_another_vm(next) {
            say("", "before Envoy 1.39, no client's key can come from a variable that is new");
        }
        problems
    }

    fn now(&self) -> Timestamp {
        Timestamp(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// What `check` would warn of.
    fn warn(&self, output: &mut Output<'_>) -> io::Result<()> {
        let Loaded { config, value, places, .. } = &self.loaded;
        let mut found = lint(config, value, self.options.envoy.failover);
        found.retain(|finding| finding.severity == Severity::Warning);
        Findings::new(self.path, places, found).write(Format::Text, output)
    }
}

/// What is shown of a file that was refused now. It has paths and no values, because a value may be a key.
#[expect(clippy::disallowed_methods, reason = "an operator reads it off the clock on the wall")]
fn refused(problems: &[Problem]) -> Refused {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let places = problems.iter().map(|problem| problem.path.clone());
    Refused {
        at_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
        problems: problems.len().max(1),
        places: places.filter(|path| !path.is_empty()).take(MOST_PLACES).collect(),
    }
}

/// So many places are shown of a file that was refused.
const MOST_PLACES: usize = 5;

/// A variable that is missing cannot come into the environment of a process that runs.
fn advise(problem: &mut Problem) {
    if problem.hint.is_empty() && problem.message.starts_with("the environment variable") {
        let file = if problem.path.starts_with("backends") {
            ", or refer to a file: `{ file: /path }`"
        } else {
            ""
        };
        problem.hint = format!("restart `spillway up` with it in its environment{file}");
    }
}

/// How long a request that has begun may still ask for a backend: until the last of its attempts has
/// begun to answer. What streams by then needs nobody any more.
fn longest(config: &Config) -> Millis {
    let of = |model: &spillway::config::Model| {
        let attempt = model.timeouts.first_byte.0.saturating_add(model.timeouts.connect.0);
        let attempts = u64::try_from(model.pool.len()).unwrap_or(u64::MAX);
        let all = Millis(attempt.saturating_mul(attempts));
        model.timeouts.request.map_or(all, |limit| limit.min(all))
    };
    config.models.iter().map(of).max().unwrap_or(LONGEST).min(LONGEST).max(SHORTEST)
}
