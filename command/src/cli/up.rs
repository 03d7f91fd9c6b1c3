//! `spillway up`: the gateway, from a file to a listening Envoy, in one command, and from each
//! change of the file to the next.
//!
//! Standard output belongs to the access log; everything else goes to standard error.

mod change;
mod events;
mod key_files;
mod reloader;
mod watch;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;

use self::events::{Event, Events};
use self::key_files::KeyFiles;
use self::reloader::Reloader;
use self::watch::Watch;
use super::file;
use super::keys;
use super::status::{self, StatusAddress};
use super::{Exit, Output};
use crate::envoy::process::{self, End, Envoy, Launch, Started};
use crate::envoy::{
    AccessLog, Options, find, following, metrics_listener, start_up, transport, version,
};
use crate::otlp::Found;
use spillway::config::{Problem, name};

/// What `up` says about `--log-level debug` and `trace`.
const HEADERS_IN_LOG: &str = "at this log level, Envoy writes the headers of requests into its log, \
                              and clients' keys with them";

/// Run the gateway
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration, YAML or JSON
    #[arg(short, long, value_name = "FILE", default_value = "spillway.yaml")]
    config: PathBuf,
    /// Where clients connect; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:10000")]
    listen: SocketAddr,
    /// Where Envoy's admin interface listens; it can stop the gateway, so keep it private
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    admin: SocketAddr,
    /// Where Prometheus finds Envoy's metrics, and nothing else of the admin interface; port 0 takes
    /// a free one [default: nowhere]
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// Where the status page listens, `off` for nowhere; it has no key [default: on this machine
    /// alone, the port after --listen's, or a free one]
    #[arg(long, value_name = "ADDRESS", value_parser = status::parse_address)]
    status: Option<StatusAddress>,
    /// Envoy's binary [default: on PATH, then the project's own]
    #[arg(long, value_name = "PATH")]
    envoy: Option<PathBuf>,
    /// The filter [default: SPILLWAY_FILTER, then beside this command]
    #[arg(long, value_name = "PATH")]
    filter: Option<PathBuf>,
    /// Envoy's worker threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    workers: Option<u32>,
    /// Where the line for each request goes: a file, `-` for standard output, or `off`
    #[arg(long, value_name = "PATH", default_value = "-")]
    access_log: AccessLog,
    #[command(flatten)]
    otlp: crate::otlp::Flags,
    /// The least level of Envoy's own log that is shown; at debug and trace, Envoy writes the headers
    /// of requests into it, and clients' keys with them
    #[arg(long, value_name = "LEVEL", default_value = "warning",
          value_parser = ["trace", "debug", "info", "warning", "error", "critical", "off"])]
    log_level: String,
    /// Read the configuration anew on SIGHUP only, not whenever it has changed
    #[arg(long)]
    no_watch: bool,
    /// How `up` starts Envoy; see `envoy::process`
    #[arg(long, hide = true, num_args = 1.., allow_hyphen_values = true, value_name = "…")]
    become_envoy: Vec<OsString>,
}

/// Runs until Envoy ends; the exit code is Envoy's.
pub fn run(args: &Args, output: &mut Output<'_>) -> io::Result<Exit> {
    if let [parent, envoy, arguments @ ..] = args.become_envoy.as_slice() {
        let parent = parent.to_str().and_then(|pid| pid.parse().ok()).unwrap_or(0);
        return Err(process::become_envoy(parent, envoy, arguments));
    }
    let content = file::read_bytes(&args.config).map_err(file::Failure::Unreadable);
    let loaded = content.and_then(|content| {
        let loaded = file::understand(&content)?.with_secrets()?;
        Ok((content, loaded))
    });
    match loaded {
        Err(failure) => failure.report(&args.config, output),
        Ok((content, loaded)) => match args.spans() {
            Err(problems) => {
                for problem in problems {
                    writeln!(output.talk, "error: {problem}")?;
                }
                Ok(Exit::Failed)
            }
            Ok(spans) => args.run_with(content, loaded, spans, output),
        },
    }
}

impl Args {
    fn run_with(
        &self,
        content: Vec<u8>,
        loaded: file::Loaded,
        spans: Found,
        output: &mut Output<'_>,
    ) -> io::Result<Exit> {
        match self.serve(content, loaded, spans, output) {
            Ok(end) => {
                if !end.asked {
                    writeln!(output.talk, "error: Envoy ended by itself: {}", end.status)?;
                }
                Ok(Exit::Envoy(end.code()))
            }
            Err(problem) => {
                writeln!(output.talk, "error: {problem}")?;
                Ok(Exit::Failed)
            }
        }
    }

    /// Where spans go, by the command line and the environment.
    fn spans(&self) -> Result<Found, Vec<Problem>> {
        let variable = |name: &str| std::env::var(name).ok();
        let found = self.otlp.read(&variable)?;
        let problems = found.missing(&variable);
        if problems.is_empty() { Ok(found) } else { Err(problems) }
    }

    fn serve(
        &self,
        content: Vec<u8>,
        loaded: file::Loaded,
        spans: Found,
        output: &mut Output<'_>,
    ) -> Result<End, Problem> {
        let envoy = find::envoy(self.envoy.as_deref())?;
        let version = version::ask(&envoy)?;
        if let Some(problem) = keys::unstripped(&loaded.config, version.abilities()).pop() {
            return Err(problem);
        }
        let filter = find::filter(self.filter.as_deref())?;
        free(self.listen)?;
        let free_admin = free(self.admin)?;
        if let Some(metrics) = self.metrics {
            free(metrics)?;
        }
        let status = self.status_address()?;

        let directory = private_directory().map_err(|e| problem("a temporary directory", &e))?;
        // A copy: another filter under the same name would be another VM, and the filters of one
        // request must share theirs (ADR 1).
        let copy = directory.path().join("filter.wasm");
        fs::copy(&filter, &copy).map_err(|e| problem(&filter.to_string_lossy(), &e))?;
        let options = Options {
            listen: self.listen,
            // Whoever passes requests on to it must know its port before Envoy starts.
            admin: if self.metrics.is_some() { free_admin } else { self.admin },
            metrics: self.metrics,
            status,
            filter: copy.to_string_lossy().into_owned(),
            access_log: self.access_log.clone(),
            state_dir: directory.path().to_string_lossy().into_owned(),
            ca_bundle: transport::system_ca().to_owned(),
            envoy: version.abilities(),
            otlp: spans.exporter,
        };
        for note in options.envoy.notes() {
            drop(writeln!(output.talk, "note: {note}"));
        }
        if let Some(note) = status::note(status) {
            drop(writeln!(output.talk, "note: {note}"));
        }
        if matches!(self.log_level.as_str(), "debug" | "trace") {
            drop(writeln!(output.talk, "note: {HEADERS_IN_LOG}"));
        }
        let bootstrap_file = directory.path().join("envoy.json");
        let variables = variables();
        write(&bootstrap_file, &following(&loaded.config, &variables, &options))?;

        let signals = |error| problem("signals", &error);
        let mut events = Events::new().map_err(signals)?;
        let watch = Watch::new(&self.config, content, !self.no_watch, events.sender());
        let (reloader, first) =
            Reloader::new(&self.config, directory.path(), &options, &variables, loaded);
        let launch = Launch {
            envoy: &envoy,
            bootstrap: &bootstrap_file,
            directory: directory.path(),
            update: &first,
            workers: self.workers,
            log_level: &self.log_level,
            environment: &spans.environment,
        };
        match process::start(&launch, &mut || events.asked_to_end())? {
            Started::Ended(end) => Ok(end),
            Started::Ready(envoy) => {
                let ready = envoy.ready();
                // Without a reader there is nobody to be told, and Envoy serves all the same.
                drop(writeln!(output.talk, "listening on http://{}", ready.listener));
                drop(writeln!(output.talk, "admin on http://{}", ready.admin));
                if let Some(metrics) = ready.metrics {
                    let path = metrics_listener::PATH;
                    drop(writeln!(output.talk, "metrics on http://{metrics}{path}"));
                }
                if let Some(status) = ready.status {
                    drop(writeln!(output.talk, "status on http://{status}/"));
                }
                attend(*envoy, reloader, watch, &mut events, output)
            }
        }
    }

    /// Where the status page listens. Nobody who has said nothing about it is refused for it.
    fn status_address(&self) -> Result<Option<SocketAddr>, Problem> {
        match self.status {
            Some(StatusAddress::Off) => Ok(None),
            Some(StatusAddress::At(address)) => free(address).map(|_| Some(address)),
            None => {
                let usual = status::beside(self.listen);
                let any = SocketAddr::new(usual.ip(), 0);
                Ok(Some(if free(usual).is_ok() { usual } else { any }))
            }
        }
    }
}

/// Until Envoy ends by itself or we are asked to end it.
fn attend(
    mut envoy: Envoy,
    mut reloader: Reloader<'_>,
    mut watch: Watch,
    events: &mut Events,
    output: &mut Output<'_>,
) -> Result<End, Problem> {
    // It may have ended since we last looked, and its signal with it.
    let mut event = Some(Event::Child);
    let mut key_files = KeyFiles::new(reloader.envoy(), Instant::now());
    loop {
        let mut content = None;
        match event {
            Some(Event::End) => {
                let mut stop = || events.asked_to_end();
                if !envoy.drain(reloader.config().timeouts.drain, &mut stop) {
                    reloader.shut_down(&envoy, &mut stop);
                    envoy.await_last_words(&mut stop);
                }
                return envoy.end();
            }
            Some(Event::Child) => {
                if let Some(end) = envoy.ended()? {
                    return Ok(end);
                }
            }
            Some(Event::ReopenLogs) => envoy.reopen_logs()?,
            Some(Event::Reread) => content = Some(watch.read_again()),
            Some(Event::Touched) => watch.touch(Instant::now()),
            None => {}
        }
        if let Some(content) = content.or_else(|| watch.look(Instant::now())) {
            // Who reads our errors may have gone.
            drop(reloader.take(content, &envoy, &mut || events.asked_to_stop(), output));
        }
        if reloader.was_interrupted() {
            events.add(Event::Reread);
        }
        reloader.forget(&envoy, &mut || events.asked_to_stop());
        for line in key_files.look(reloader.config(), Instant::now()) {
            drop(writeln!(output.talk, "{line}"));
        }
        event = events.next(watch.limit(Instant::now()));
    }
}

/// The variables that a file may refer to. Nobody can add one while we run.
fn variables() -> BTreeSet<String> {
    let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    let names = set.filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| name::variable(&format!("${{{name}}}")).is_some()).collect()
}

/// Envoy shares its listening sockets with others of the same user (`SO_REUSEPORT`): a second
/// gateway on the port would start, and take half of the connections. The address is returned with
/// the port that is free where any would do.
fn free(address: SocketAddr) -> Result<SocketAddr, Problem> {
    match TcpListener::bind(address).and_then(|listener| listener.local_addr()) {
        Ok(address) => Ok(address),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Err(start_up::in_use(&address.to_string()))
        }
        Err(error) => Err(problem(&address.to_string(), &error)),
    }
}

/// Nobody else may look into it: the bootstrap names every backend and where their keys are.
fn private_directory() -> io::Result<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt;
    let owner_only = fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().prefix("spillway-").permissions(owner_only).tempdir()
}

fn write(path: &Path, content: &Value) -> Result<(), Problem> {
    fs::write(path, content.to_string()).map_err(|e| problem(&path.to_string_lossy(), &e))
}

fn problem(what: &str, error: &io::Error) -> Problem {
    Problem::new("", format!("{what}: {error}"), "")
}
