//! The gateway's process: `spillway up`, as a user runs it.
//!
//! It is asked for free ports and says which it got. Whatever it writes goes into the test's own
//! folder, temporary files included, so that nothing is left even where it is killed; Envoy ends
//! with it in any case.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::find;

/// A running gateway.
#[derive(Debug)]
pub(crate) struct Process(Child);

/// What it is started with.
pub(crate) struct Start<'a> {
    /// A folder for all that it writes.
    pub directory: &'a Path,
    /// The configuration's text.
    pub config: &'a str,
    /// The filter.
    pub filter: &'a Path,
    /// Worker threads.
    pub workers: u32,
    /// The environment that it gets besides ours.
    pub environment: &'a [(String, String)],
}

impl Process {
    pub(crate) fn start(start: &Start<'_>) -> Self {
        let file = |name: &str| start.directory.join(name);
        fs::write(file(CONFIG), start.config).expect("a configuration");
        let log = File::create(file(LOG)).expect("a log");
        let mut command = Command::new(find::command());
        command
            .args(["up", "--listen", "127.0.0.1:0", "--log-level", "info"])
            .args(["--workers", &start.workers.to_string()])
            .arg("--config")
            .arg(file(CONFIG))
            .arg("--access-log")
            .arg(file(ACCESS_LOG))
            .arg("--envoy")
            .arg(find::envoy())
            .arg("--filter")
            .arg(start.filter)
            .envs(start.environment.iter().map(|(name, value)| (name, value)))
            .env("TMPDIR", start.directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log);
        Self(command.spawn().expect("the command starts"))
    }

    /// Where clients connect and where the admin interface is, once the command has said so.
    pub(crate) fn addresses(directory: &Path) -> Option<(SocketAddr, SocketAddr)> {
        let log = fs::read_to_string(directory.join(LOG)).ok()?;
        let after =
            |text: &str| log.lines().find_map(|line| line.strip_prefix(text)?.trim().parse().ok());
        Some((after("listening on http://")?, after("admin on http://")?))
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// The process that it has started: Envoy.
    pub(crate) fn envoy(&self) -> u32 {
        let id = self.0.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        children.expect("Linux").trim().parse().expect("one child")
    }

    pub(crate) fn ask_to_end(&self) {
        self.signal(Signal::TERM);
    }

    /// How it ended, if it has.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("a child")
    }

    fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.0), signal);
    }
}

impl Drop for Process {
    /// Asked twice, it does not wait for streams that still run.
    fn drop(&mut self) {
        let asked = Instant::now();
        let mut asked_twice = false;
        if !self.has_ended() {
            self.signal(Signal::TERM);
        }
        while !self.has_ended() {
            if asked.elapsed() > GRACE {
                let _ = self.0.kill();
            } else if asked.elapsed() > PATIENCE && !asked_twice {
                self.signal(Signal::TERM);
                asked_twice = true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

pub(crate) const ACCESS_LOG: &str = "access.log";
pub(crate) const LOG: &str = "gateway.log";

pub(crate) const CONFIG: &str = "spillway.yaml";
const PATIENCE: Duration = Duration::from_millis(500);
const GRACE: Duration = Duration::from_secs(5);
