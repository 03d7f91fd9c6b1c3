//! Envoy as a child process: started, watched, told to stop, and never left behind.
//!
//! Envoy stops at once on a signal and cuts the streams that run. So its signals come through us:
//! on the first one the listener closes, requests that run get time to finish, and only then is
//! Envoy told to end. A second signal ends the waiting. Envoy runs in a process group of its own,
//! or the terminal would send Ctrl-C to it as well.
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

use super::admin::Admin;
use super::log::Log;
use super::start_up;
use super::xds_state::Update;
use super::xds_writer::{self, Failure};
use spillway::config::Problem;
use spillway::time::Millis;

/// How long Envoy may take to be ready: compiling the filter takes a second, DNS some more.
const START: Duration = Duration::from_secs(60);

/// How often we look while we wait for something that sends no signal.
const PAUSE: Duration = Duration::from_millis(20);

/// How Envoy is to be run.
#[derive(Debug)]
pub struct Launch<'a> {
    /// Envoy's binary.
    pub envoy: &'a Path,
    /// The bootstrap file.
    pub bootstrap: &'a Path,
    /// A directory of ours, where Envoy writes its admin interface's address and finds what it is
    /// told.
    pub directory: &'a Path,
    /// What it is told first.
    pub update: &'a Update,
    /// Envoy's worker threads. `None`: one for each processor.
    pub workers: Option<u32>,
    /// The least level of Envoy's own log that is shown.
    pub log_level: &'a str,
    /// What its environment has besides ours.
    pub environment: &'a [(String, String)],
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

/// An Envoy that takes requests.
#[derive(Debug)]
pub struct Envoy {
    child: Child,
    log: Log,
    admin: Admin,
    ready: Ready,
}

/// How a start ended well.
#[derive(Debug)]
pub enum Started {
    /// Requests are taken.
    Ready(Box<Envoy>),
    /// We were told to end it before they were.
    Ended(End),
}

/// Starts Envoy. `stop` tells whether we are asked to end it.
pub fn start(launch: &Launch<'_>, stop: &mut dyn FnMut() -> bool) -> Result<Started, Problem> {
    xds_writer::lay_out(launch.directory, launch.update)
        .map_err(|failure| Problem::new("", failure.to_string(), ""))?;
    let mut child = spawn(launch).map_err(failed)?;
    let log = Log::follow(child.stderr.take());
    let admin_file = launch.directory.join(ADMIN_FILE);
    let deadline = Instant::now() + START;
    let (admin, ready) = loop {
        if child.try_wait().map_err(failed)?.is_some() {
            return Err(with_log(start_up::problem(&log.all()), &log));
        }
        if stop() {
            return end(&mut child).map(Started::Ended).map_err(failed);
        }
        match admin(&admin_file).map(|(address, admin)| (address, admin, taken(&admin, launch))) {
            Some((address, admin, Some(true))) => {
                if let Some(ready) = listens(address, &admin) {
                    break (admin, ready);
                }
            }
            Some((_, _, Some(false))) => {
                end(&mut child).map_err(failed)?;
                return Err(with_log(start_up::problem(&log.all()), &log));
            }
            _ => {}
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
    Ok(Started::Ready(Box::new(Envoy { child, log, admin, ready })))
}

impl Envoy {
    /// Where it is reached.
    pub fn ready(&self) -> Ready {
        self.ready
    }

    /// How many requests of clients are running. `None`: it cannot be told.
    pub fn running_requests(&self) -> Option<u64> {
        self.admin.running_requests()
    }

    /// Tells it something new.
    ///
    /// # Errors
    /// Why not, and in a few words of Envoy's log; it goes on with what it has.
    pub fn tell(
        &self,
        directory: &Path,
        update: &Update,
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<(), (Failure, String)> {
        self.log.listen();
        let told = xds_writer::deliver(directory, &self.admin, update, stop);
        if matches!(told, Err(Failure::Refused(_))) {
            // What it says about that is on its way.
            sleep(PAUSE);
        }
        let heard = self.log.heard_since();
        told.map_err(|failure| (failure, start_up::reason(&heard).unwrap_or_default().to_owned()))
    }

    /// How it has ended by itself, if it has.
    pub fn ended(&mut self) -> Result<Option<End>, Problem> {
        ended(&mut self.child).map_err(failed)
    }

    /// Has it open its access log anew.
    pub fn reopen_logs(&self) -> Result<(), Problem> {
        kill_process(Pid::from_child(&self.child), Signal::USR1).map_err(|e| failed(e.into()))
    }

    /// Closes its listeners, and waits until the running requests are answered. Returns `false` if
    /// `time` is over first. Returns `true` as well if `stop` does, or if Envoy cannot be asked.
    pub fn drain(&self, time: Millis, stop: &mut dyn FnMut() -> bool) -> bool {
        if self.admin.stop_listening().is_err() {
            return true;
        }
        self.await_running(Duration::from_millis(time.0), stop)
    }

    /// Waits until the clients that were told that it ends have read it.
    pub fn await_last_words(&self, stop: &mut dyn FnMut() -> bool) {
        self.await_running(LAST_WORDS, stop);
    }

    /// Ends it.
    pub fn end(mut self) -> Result<End, Problem> {
        end(&mut self.child).map_err(failed)
    }

    fn await_running(&self, time: Duration, stop: &mut dyn FnMut() -> bool) -> bool {
        let began = Instant::now();
        loop {
            if self.admin.running_requests().is_none_or(|running| running == 0) || stop() {
                return true;
            }
            if began.elapsed() >= time {
                return false;
            }
            sleep(PAUSE);
        }
    }
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

/// So long Envoy waits for clients that take their last words slowly.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The file in [`Launch::directory`] with the admin interface's address.
const ADMIN_FILE: &str = "admin-address";

fn spawn(launch: &Launch<'_>) -> io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .envs(launch.environment.iter().map(|(name, value)| (name, value)))
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

fn admin(admin_file: &Path) -> Option<(SocketAddr, Admin)> {
    let address: SocketAddr = std::fs::read_to_string(admin_file).ok()?.trim().parse().ok()?;
    Some((address, Admin::at(address)))
}

/// Whether it has taken what it was told first; `None`: not yet.
fn taken(admin: &Admin, launch: &Launch<'_>) -> Option<bool> {
    let services: Vec<_> = launch.update.services.iter().map(|(service, _)| *service).collect();
    let taken = |version: &u64| *version == launch.update.version;
    if admin.versions(&services)?.iter().all(taken) {
        return (!admin.is_warming()? && admin.is_live()).then_some(true);
    }
    admin.refusals(&services)?.iter().any(|often| *often > 0).then_some(false)
}

fn listens(address: SocketAddr, admin: &Admin) -> Option<Ready> {
    let listener = admin.listener(super::listener::NAME)?;
    TcpStream::connect(Admin::at(listener).address()).ok()?;
    let status = admin.listener(super::status::NAME);
    let metrics = admin.listener(super::metrics_listener::NAME);
    Some(Ready { listener, status, admin: address, metrics })
}

fn failed(error: io::Error) -> Problem {
    Problem::new("", format!("Envoy could not be run: {error}"), "")
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
