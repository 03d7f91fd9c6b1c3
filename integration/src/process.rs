//! The gateway's process: `spillway up`, as a user runs it.
//!
//! It is asked for free ports and says which it got. Whatever it writes goes into the test's own
//! folder, temporary files included, so that nothing is left even where it is killed; Envoy ends
//! with it in any case.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::find;

/// A running gateway.
#[derive(Debug)]
pub(crate) struct Process(Child);

/// Where clients connect, where the admin interface is, and where the status page is, if anywhere.
pub(crate) type Addresses = (SocketAddr, SocketAddr, Option<SocketAddr>);

/// What it is started with.
pub(crate) struct Start<'a> {
    /// A folder for all that it writes.
    pub directory: &'a Path,
    /// The configuration's text.
    pub config: &'a str,
    /// Envoy.
    pub envoy: &'a Path,
    /// The filter.
    pub filter: &'a Path,
    /// Worker threads.
    pub workers: u32,
    /// The environment that it gets besides ours.
    pub environment: &'a [(String, String)],
    /// Arguments about its spans.
    pub otlp: &'a [String],
    /// The extensions that an Envoy of somebody else's lacks.
    pub disabled: &'a [String],
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
            .arg(start.envoy)
            .arg("--filter")
            .arg(start.filter)
            .envs(start.environment.iter().map(|(name, value)| (name, value)))
            .env("TMPDIR", start.directory)
            .args(start.otlp)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log);
        Self(command.spawn().expect("the command starts"))
    }

    /// An Envoy that somebody else's bootstrap runs, without `up` around it. It ends with this
    /// process at the latest.
    pub(crate) fn start_envoy(start: &Start<'_>, bootstrap: &Value) -> Self {
        let file = |name: &str| start.directory.join(name);
        fs::write(file(BOOTSTRAP), bootstrap.to_string()).expect("a bootstrap");
        let log = File::create(file(LOG)).expect("a log");
        let mut command = Command::new(find::command());
        command
            .args(["up", "--become-envoy", &std::process::id().to_string()])
            .arg(start.envoy)
            .arg("--config-path")
            .arg(file(BOOTSTRAP))
            .arg("--admin-address-path")
            .arg(file(ADMIN))
            .args(["--concurrency", &start.workers.to_string(), "--disable-hot-restart"])
            // A listener that is taken away goes at once, with all that it has watched.
            .args(["--drain-time-s", "1"])
            .args(["--log-level", "info", "--file-flush-interval-msec", "100"])
            .args(without(start.disabled))
            .envs(start.environment.iter().map(|(name, value)| (name, value)))
            .env("TMPDIR", start.directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log);
        Self(spawn_to_end_with_us(command))
    }

    /// Where the admin interface of such an Envoy is, once it has said so.
    pub(crate) fn admin(directory: &Path) -> Option<SocketAddr> {
        fs::read_to_string(directory.join(ADMIN)).ok()?.trim().parse().ok()
    }

    /// Where clients connect, where the admin interface and where the status page is, once the
    /// command has said so.
    pub(crate) fn addresses(directory: &Path) -> Option<Addresses> {
        let log = fs::read_to_string(directory.join(LOG)).ok()?;
        let after = |text: &str| {
            let line = log.lines().find_map(|line| line.strip_prefix(text));
            line?.trim().trim_end_matches('/').parse().ok()
        };
        let (at, admin) = (after("listening on http://")?, after("admin on http://")?);
        Some((at, admin, Some(after("status on http://")?)))
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

/// What makes Envoy behave as if it had been built without these.
fn without(extensions: &[String]) -> Vec<String> {
    if extensions.is_empty() {
        return Vec::new();
    }
    vec!["--disable-extensions".to_owned(), extensions.join(",")]
}

/// What asks the kernel to be ended with its parent is ended with the thread that has started it. A
/// test's ends when the test does, and a lent gateway does not: so another thread starts it.
fn spawn_to_end_with_us(command: Command) -> Child {
    type Spawned = io::Result<Child>;
    type Order = (Command, Sender<Spawned>);
    static STARTER: LazyLock<Sender<Order>> = LazyLock::new(|| {
        let (orders, ordered) = channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in ordered {
                let _ = answer.send(command.spawn());
            }
        });
        orders
    });
    let (answer, answered) = channel();
    STARTER.send((command, answer)).expect("a thread that starts it");
    answered.recv().expect("an answer").expect("the command starts")
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
            thread::sleep(Duration::from_millis(5));
        }
    }
}

pub(crate) const ACCESS_LOG: &str = "access.log";
pub(crate) const LOG: &str = "gateway.log";

pub(crate) const CONFIG: &str = "spillway.yaml";
const BOOTSTRAP: &str = "envoy.json";
const ADMIN: &str = "admin-address";
const PATIENCE: Duration = Duration::from_millis(500);
const GRACE: Duration = Duration::from_secs(5);
