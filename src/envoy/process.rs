//! Envoy as a child process: started, watched, told to stop, and never left behind.
//!
//! Envoy stops at once on a signal and cuts the streams that run. So its signals come through us:
//! on the first one the listener closes, requests that run get time to finish, and only then is
//! Envoy told to end. A second signal ends the waiting. Envoy runs in a process group of its own,
//! or the terminal would send Ctrl-C to it as well. SIGUSR1, with which whoever rotates the access
//! log has Envoy open it anew, is passed on.
//!
//! Should we be killed without a chance to do so, the kernel tells Envoy to end: between us and
//! Envoy runs this same command for a moment ([`become_envoy`]), which asks the kernel for that
//! and then becomes Envoy. That is Linux's; elsewhere a killed `up` leaves Envoy running.

use std::ffi::{OsStr, OsString};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use super::admin::Admin;
use super::log::Log;
use super::start_up;
use crate::config::Problem;

/// How long Envoy may take to be ready: compiling the filter takes a second, DNS some more.
const START: Duration = Duration::from_secs(60);

/// How long running requests may take to finish; a little less than Kubernetes' 30 s.
pub(crate) const DRAIN: Duration = Duration::from_secs(25);

/// How often we look while we wait for something that sends no signal.
const PAUSE: Duration = Duration::from_millis(20);

/// How Envoy is to be run.
#[derive(Debug)]
pub struct Launch<'a> {
    /// Envoy's binary.
    pub envoy: &'a Path,
    /// The bootstrap file.
    pub bootstrap: &'a Path,
    /// A directory of ours, where Envoy writes its admin interface's address.
    pub directory: &'a Path,
    /// Envoy's worker threads. `None`: one for each processor.
    pub workers: Option<u32>,
    /// The least level of Envoy's own log that is shown.
    pub log_level: &'a str,
}

/// Where a running Envoy is reached.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    /// Where clients connect.
    pub listener: SocketAddr,
    /// Where the status page is, if it is anywhere.
    pub status: Option<SocketAddr>,
    /// The admin interface.
    pub admin: SocketAddr,
    /// Where metrics are scraped, if anywhere.
    pub metrics: Option<SocketAddr>,
}

/// How an Envoy that was ready has ended.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// What it ended with.
    pub status: ExitStatus,
    /// Whether we told it to.
    pub asked: bool,
}

impl End {
    /// The code for our own process, as a shell has it: 128 and the signal where one ended Envoy.
    pub fn code(&self) -> u8 {
        let signal = || self.status.signal().map(|signal| 128 + signal);
        let code = self.status.code().or_else(signal);
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
    }
}

/// The hidden argument of `up` after which this command becomes Envoy.
pub const BECOME_ENVOY: &str = "--become-envoy";

/// Runs Envoy until it ends or we are told to end it; `on_ready` is called once requests are taken.
pub fn run(launch: &Launch<'_>, on_ready: impl FnOnce(Ready)) -> Result<End, Problem> {
    let failed =
        |error: io::Error| Problem::new("", format!("Envoy could not be run: {error}"), "");
    // Before Envoy starts, so that no signal is missed.
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD]).map_err(failed)?;
    let mut child = spawn(launch).map_err(failed)?;
    let log = Log::follow(child.stderr.take());

    let admin_file = launch.directory.join(ADMIN_FILE);
    let deadline = Instant::now() + START;
    let (admin, ready) = loop {
        if child.try_wait().map_err(failed)?.is_some() {
            return Err(with_log(start_up::problem(&log.all()), &log));
        }
        if signals.pending().any(asks_to_end) {
            return end(&mut child).map_err(failed);
        }
        if let Some(found) = ready(&admin_file) {
            break found;
        }
        if Instant::now() > deadline {
            end(&mut child).map_err(failed)?;
            let message = format!("Envoy was not ready after {} s", START.as_secs());
            return Err(with_log(Problem::new("", message, ""), &log));
        }
        sleep(PAUSE);
    };
    if is_quiet(launch.log_level) {
        admin.set_log_level(launch.log_level).map_err(failed)?;
        log.forget();
    }
    log.show();
    on_ready(ready);

    // It may have ended since we last looked, and its signal with it.
    if let Some(end) = ended(&mut child).map_err(failed)? {
        return Ok(end);
    }
    for signal in signals.forever() {
        if asks_to_end(signal) {
            break;
        }
        if let Some(end) = ended(&mut child).map_err(failed)? {
            return Ok(end);
        }
        if signal == SIGUSR1 {
            kill_process(Pid::from_child(&child), Signal::USR1).map_err(|e| failed(e.into()))?;
        }
    }
    drain(&admin, &mut signals);
    end(&mut child).map_err(failed)
}

/// Becomes Envoy: returns only if that fails. `parent` is the process that must not be outlived.
pub fn become_envoy(parent: u32, envoy: &OsStr, arguments: &[OsString]) -> io::Error {
    #[cfg(target_os = "linux")]
    {
        if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::TERM)) {
            return error.into();
        }
        // It may have ended before the kernel was asked.
        if std::os::unix::process::parent_id() != parent {
            return io::Error::other("the parent has ended");
        }
    }
    Command::new(envoy).args(arguments).exec()
}

/// The file in [`Launch::directory`] with the admin interface's address.
const ADMIN_FILE: &str = "admin-address";

fn spawn(launch: &Launch<'_>) -> io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["up", BECOME_ENVOY])
        .arg(std::process::id().to_string())
        .arg(launch.envoy)
        .arg("--config-path")
        .arg(launch.bootstrap)
        .arg("--admin-address-path")
        .arg(launch.directory.join(ADMIN_FILE))
        .args([
            "--log-level",
            if is_quiet(launch.log_level) { "warning" } else { launch.log_level },
        ])
        // Restarts without a gap are the orchestrator's; without this, two gateways on a machine
        // would meet in the same shared memory.
        .arg("--disable-hot-restart")
        // The access log comes within a second, not within ten.
        .args(["--file-flush-interval-msec", "1000"]);
    if let Some(workers) = launch.workers {
        command.arg("--concurrency").arg(workers.to_string());
    }
    command.stdin(Stdio::null()).stderr(Stdio::piped()).process_group(0).spawn()
}

/// Whether this level would hide why Envoy does not start; it is set once Envoy has started.
fn is_quiet(log_level: &str) -> bool {
    matches!(log_level, "error" | "critical" | "off")
}

fn ready(admin_file: &Path) -> Option<(Admin, Ready)> {
    let address: SocketAddr = std::fs::read_to_string(admin_file).ok()?.trim().parse().ok()?;
    let admin = Admin::at(address);
    if !admin.is_live() {
        return None;
    }
    let listener = admin.listener(super::listener::NAME)?;
    TcpStream::connect(Admin::at(listener).address()).ok()?;
    let metrics = admin.listener(super::metrics_listener::NAME);
    let status = admin.listener(super::status::NAME);
    Some((admin, Ready { listener, status, admin: address, metrics }))
}

fn drain(admin: &Admin, signals: &mut Signals) {
    let deadline = Instant::now() + DRAIN;
    if admin.stop_listening().is_err() {
        return;
    }
    while Instant::now() < deadline
        && admin.running_requests().is_some_and(|running| running > 0)
        && !signals.pending().any(asks_to_end)
    {
        sleep(PAUSE);
    }
}

fn asks_to_end(signal: i32) -> bool {
    matches!(signal, SIGINT | SIGTERM | SIGHUP)
}

/// The end of an Envoy that nobody told to end.
fn ended(child: &mut Child) -> io::Result<Option<End>> {
    Ok(child.try_wait()?.map(|status| End { status, asked: false }))
}

fn end(child: &mut Child) -> io::Result<End> {
    if let Some(end) = ended(child)? {
        return Ok(end);
    }
    kill_process(Pid::from_child(child), Signal::TERM)?;
    Ok(End { status: child.wait()?, asked: true })
}

fn with_log(mut problem: Problem, log: &Log) -> Problem {
    if problem.hint.is_empty()
        && let Ok(path) = log.keep()
    {
        problem.hint = format!("Envoy's log is in {}", path.display());
    }
    problem
}
