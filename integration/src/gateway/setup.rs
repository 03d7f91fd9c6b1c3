//! What a gateway is started with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use super::{Gateway, PAUSE, START, lent};
use crate::call::Client;
use crate::process::{LOG, Process, Start};
use crate::turn::turn;
use crate::{find, foreign};

/// Makes the bootstrap of an Envoy of somebody else's, from the configuration and a folder.
pub(crate) type Bootstrap = fn(&str, &Path) -> Value;

/// A gateway, before it is started.
#[derive(Debug, Clone)]
pub struct Setup {
    pub(super) config: String,
    pub(super) workers: u32,
    pub(super) environment: Vec<(String, String)>,
    pub(super) may_trap: bool,
    pub(super) otlp: Vec<String>,
    pub(super) bootstrap: Option<Bootstrap>,
    pub(super) disabled: Vec<String>,
    pub(super) merges_often: bool,
}

impl Setup {
    pub(super) const fn new(config: String, environment: Vec<(String, String)>) -> Self {
        Self {
            config,
            workers: 2,
            environment,
            may_trap: false,
            otlp: Vec::new(),
            bootstrap: None,
            disabled: Vec::new(),
            merges_often: false,
        }
    }

    /// With so many worker threads; two where nothing is said.
    #[must_use]
    pub fn workers(self, workers: u32) -> Self {
        Self { workers, ..self }
    }

    /// With the filter that traps on a request with `x-spillway-trap`.
    #[must_use]
    pub fn that_traps(self) -> Self {
        Self { may_trap: true, ..self }
    }

    /// With one more variable in its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With its spans sent to this collector, soon.
    #[must_use]
    pub fn otlp(self, collector: impl ToString) -> Self {
        self.spans(["--otlp", &collector.to_string()]).env("OTEL_BSP_SCHEDULE_DELAY", "100")
    }

    /// With these arguments of `up` more, about spans.
    #[must_use]
    pub fn spans<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.otlp.extend(arguments.into_iter().map(str::to_owned));
        self
    }

    /// In an Envoy of somebody else's, without `spillway up`: this function is given the
    /// configuration and a folder, and makes the bootstrap. Its first listener is ours, and the
    /// access log belongs into the folder, as [`super::access_log_in`] says.
    #[must_use]
    pub fn in_bootstrap(self, bootstrap: Bootstrap) -> Self {
        Self { bootstrap: Some(bootstrap), ..self }
    }

    /// In an Envoy that lacks these extensions, each as `category/name`.
    #[must_use]
    pub fn without(self, extensions: Vec<String>) -> Self {
        Self { disabled: extensions, ..self }
    }

    /// With an Envoy that merges the histograms of its workers several times a second, and not every five.
    #[must_use]
    pub fn that_merges_often(self) -> Self {
        Self { merges_often: true, ..self }
    }

    /// Starts it, and waits until it takes requests.
    pub async fn start(self) -> Gateway {
        let directory = tempfile::Builder::new().prefix("spillway-test-").tempdir().expect("tmp");
        let bootstrap = self.bootstrap.map(|make| make(&self.config, directory.path()));
        let folder = directory.path().to_owned();
        self.start_in(directory, folder, bootstrap).await
    }

    /// Starts it here, with its access log in this folder.
    pub(super) async fn start_in(
        self,
        directory: TempDir,
        folder: PathBuf,
        bootstrap: Option<Value>,
    ) -> Gateway {
        let start = Start {
            directory: directory.path(),
            envoy: &if self.merges_often { merging_often(directory.path()) } else { find::envoy() },
            config: &self.config,
            filter: &if self.may_trap { find::filter_that_traps() } else { find::filter() },
            workers: self.workers,
            environment: &self.environment,
            otlp: &self.otlp,
            disabled: &self.disabled,
        };
        let turn = turn().await;
        let mut process = match &bootstrap {
            Some(bootstrap) => Process::start_envoy(&start, bootstrap),
            None => Process::start(&start),
        };
        let deadline = Instant::now() + START;
        let (at, admin, status) = loop {
            let addresses = match &bootstrap {
                Some(_) => foreign::addresses(directory.path()).await,
                None => Process::addresses(directory.path()),
            };
            if let Some(addresses) = addresses {
                break addresses;
            }
            let log = || std::fs::read_to_string(directory.path().join(LOG)).unwrap_or_default();
            assert!(!process.has_ended(), "the gateway did not start\n{}", log());
            assert!(Instant::now() < deadline, "not ready after {START:?}\n{}", log());
            tokio::time::sleep(PAUSE).await;
        };
        drop(turn);
        let (client, asked_to_end, setup) = (Client::at(at), false, self);
        let (log_from, access_log_from, turns) = (0, 0, 0);
        let ports = lent::ports(&setup.config);
        Gateway {
            at,
            status,
            admin,
            client,
            asked_to_end,
            process,
            directory,
            setup,
            folder,
            log_from,
            access_log_from,
            turns,
            ports,
        }
    }
}

/// The same Envoy, with one more setting than `up` gives it.
fn merging_often(directory: &Path) -> PathBuf {
    let (file, envoy) = (directory.join("envoy"), find::envoy());
    let more = "--config-yaml 'stats_flush_interval: 0.1s'";
    let script = format!("#!/bin/sh\nexec '{}' \"$@\" {more}\n", envoy.display());
    fs::write(&file, script).expect("a script");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a script");
    file
}
