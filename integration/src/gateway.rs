//! A gateway of a test's own.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use spillway_simulator::Region;
use tempfile::TempDir;

use crate::call::{Answer, Call, Client};
use crate::process::{ACCESS_LOG, Addresses, CONFIG, LOG, Process, Start};
use crate::prometheus::Metrics;
use crate::regions::key_of;
use crate::turn::turn;
use crate::{admin, find, wait};

/// A gateway, before it is started.
#[derive(Debug)]
pub struct Setup {
    config: String,
    workers: u32,
    environment: Vec<(String, String)>,
    may_trap: bool,
    otlp: Option<SocketAddr>,
    bootstrap: Option<fn(&str, &Path) -> Value>,
}

/// A running gateway. It ends when it is dropped, and then fails the test if the filter trapped.
#[derive(Debug)]
pub struct Gateway {
    /// Where clients connect.
    pub at: SocketAddr,
    /// Where the status page is, if it is anywhere.
    status: Option<SocketAddr>,
    /// Where Envoy's admin interface is.
    pub admin: SocketAddr,
    client: Client,
    asked_to_end: bool,
    // Ended before the folder is removed: fields are dropped in this order.
    process: Process,
    directory: TempDir,
    may_trap: bool,
}

impl Gateway {
    /// A gateway in front of these regions. `config` is the file's text without `backends`: every
    /// region becomes one under its own name, with its own key from the environment.
    pub async fn start<const N: usize>(config: &str, regions: [&Region; N]) -> Self {
        Self::setup(config, regions).start().await
    }

    /// The same, to be changed before it is started.
    pub fn setup<const N: usize>(config: &str, regions: [&Region; N]) -> Setup {
        let mut all = String::from("backends:\n");
        let mut environment = Vec::new();
        for region in regions {
            let (name, url) = (region.name(), region.url());
            let variable = format!("KEY_{}", name.to_uppercase());
            let _ = writeln!(all, "  {name}: {{ url: \"{url}\", api_key: \"${{{variable}}}\" }}");
            environment.push((variable, key_of(name)));
        }
        let config =
            if config.contains("backends:") { config.to_owned() } else { format!("{all}{config}") };
        Self::of(config, environment)
    }

    /// A gateway with exactly this configuration and environment.
    pub fn of(config: String, environment: Vec<(String, String)>) -> Setup {
        Setup { config, workers: 2, environment, may_trap: false, otlp: None, bootstrap: None }
    }

    /// The address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    /// Another client, with a connection of its own.
    pub fn client(&self) -> Client {
        Client::at(self.at)
    }

    /// Sends a request on the usual connection.
    pub async fn send(&self, call: &Call) -> Answer {
        self.client.send(call).await
    }

    /// Sends the same request so often, one after the other.
    pub async fn send_times(&self, times: usize, call: &Call) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(times);
        for _ in 0..times {
            answers.push(self.send(call).await);
        }
        answers
    }

    /// The lines of the access log so far.
    pub fn log_lines(&self) -> Vec<Value> {
        let text = self.access_log();
        // The last line may be half written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The access log's line for the request that was sent with this `x-request-id`.
    pub async fn log_line(&self, request_id: &str) -> Value {
        let found = || self.log_lines().into_iter().find(|line| line["request_id"] == request_id);
        wait::eventually("a line of the access log", async || found()).await
    }

    /// The file that it follows.
    pub fn config(&self) -> PathBuf {
        self.directory.path().join(CONFIG)
    }

    /// Gives its file another content, in one step.
    pub fn rewrite(&self, config: &str) {
        let beside = self.directory.path().join("beside.yaml");
        std::fs::write(&beside, config).expect("a file");
        std::fs::rename(beside, self.config()).expect("a move");
    }

    /// The lines of the command's own that begin so; Envoy's begin with a bracket.
    pub fn told(&self, start: &str) -> Vec<String> {
        let log = self.log();
        log.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect()
    }

    /// Gives its file another content and waits until that is live; says what the command said.
    pub async fn reload(&self, config: &str) -> String {
        self.rewritten(config, "reloaded ").await
    }

    /// Gives its file another content and waits until that is refused; says what the command said.
    pub async fn refuse(&self, config: &str) -> String {
        self.rewritten(config, "kept the running configuration").await
    }

    async fn rewritten(&self, config: &str, wanted: &str) -> String {
        let before = self.told(wanted).len();
        let from = self.log().len();
        self.rewrite(config);
        let deadline = Instant::now() + START;
        while self.told(wanted).len() == before {
            assert!(Instant::now() < deadline, "no `{wanted}`\n{}", self.tail());
            tokio::time::sleep(PAUSE).await;
        }
        self.log()[from..].to_owned()
    }

    /// The access log as text.
    pub fn access_log(&self) -> String {
        self.read(ACCESS_LOG)
    }

    /// What the command and Envoy have logged.
    pub fn log(&self) -> String {
        self.read(LOG)
    }

    /// Where the status page is. Only `up` serves one.
    pub fn status(&self) -> SocketAddr {
        self.status.expect("a status page")
    }

    /// What `/status` says.
    pub async fn report(&self) -> Value {
        let answer = Client::at(self.status()).send(&Call::get("/status")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// What Envoy's admin interface says at this path.
    pub async fn admin(&self, path: &str) -> String {
        admin::ask(self.admin, path).await.expect("an answer of the admin interface")
    }

    /// One of Envoy's counters or gauges; 0 where there is none of this name.
    pub async fn stat(&self, name: &str) -> u64 {
        let stats = self.admin("/stats").await;
        let line = stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.map_or(0, |value| value.parse().expect("a number"))
    }

    /// What Prometheus finds here.
    pub async fn metrics(&self) -> Metrics {
        Metrics::parse(&self.admin("/stats/prometheus").await)
    }

    /// Where Envoy's admin interface listens.
    pub const fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// Envoy's counters and gauges whose names hold this text, as `name: value`.
    pub async fn stats(&self, part: &str) -> String {
        self.admin(&format!("/stats?filter={part}")).await
    }

    /// Asks it to end, and fails the test unless it does so in good order.
    pub async fn end(mut self) {
        self.asked_to_end = true;
        self.process.ask_to_end();
        let status = wait::eventually("its end", async || self.process.status()).await;
        assert!(status.success(), "{status}\n{}", self.tail());
    }

    /// How much memory Envoy's process has, in bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.envoy()));
        let status = status.expect("a running process");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = resident.and_then(|text| text.trim().strip_suffix(" kB"));
        kilobytes.and_then(|text| text.trim().parse::<u64>().ok()).expect("a number of kB") * 1024
    }

    fn read(&self, file: &str) -> String {
        let bytes = std::fs::read(self.directory.path().join(file)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn tail(&self) -> String {
        format!("{}\n{}", tail("log", &self.log()), tail("access log", &self.access_log()))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            complain(&self.tail());
            return;
        }
        let died = !self.asked_to_end && self.process.has_ended();
        let log = self.log();
        let trap = !self.may_trap && TRAPS.iter().any(|word| log.contains(word));
        assert!(!trap, "the filter trapped\n{}", self.tail());
        assert!(!died, "the gateway ended by itself\n{}", self.tail());
    }
}

impl Setup {
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

    /// With its spans sent to this collector.
    #[must_use]
    pub fn otlp(self, collector: SocketAddr) -> Self {
        Self { otlp: Some(collector), ..self }
    }

    /// In an Envoy of somebody else's, without `spillway up`: this function is given the
    /// configuration and a folder, and makes the bootstrap. Its first listener is ours, and the
    /// access log belongs into the folder, as [`access_log_in`] says.
    #[must_use]
    pub fn in_bootstrap(self, bootstrap: fn(&str, &Path) -> Value) -> Self {
        Self { bootstrap: Some(bootstrap), ..self }
    }

    /// Starts it, and waits until it takes requests.
    pub async fn start(self) -> Gateway {
        let directory = tempfile::Builder::new().prefix("spillway-test-").tempdir().expect("tmp");
        let start = Start {
            directory: directory.path(),
            config: &self.config,
            filter: &if self.may_trap { find::filter_that_traps() } else { find::filter() },
            workers: self.workers,
            environment: &self.environment,
            otlp: self.otlp,
        };
        let bootstrap = self.bootstrap.map(|make| make(&self.config, directory.path()));
        let turn = turn().await;
        let mut process = match &bootstrap {
            Some(bootstrap) => Process::start_envoy(&start, bootstrap),
            None => Process::start(&start),
        };
        let deadline = Instant::now() + START;
        let (at, admin, status) = loop {
            let addresses = match &bootstrap {
                Some(_) => addresses_of_envoy(directory.path()).await,
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
        let may_trap = self.may_trap;
        let (client, asked_to_end) = (Client::at(at), false);
        Gateway { at, status, admin, client, asked_to_end, process, directory, may_trap }
    }
}

/// Where the access log of a gateway is that runs in this folder.
pub fn access_log_in(directory: &Path) -> PathBuf {
    directory.join(ACCESS_LOG)
}

/// Where clients connect and where the admin interface is, once Envoy takes requests.
async fn addresses_of_envoy(directory: &Path) -> Option<Addresses> {
    let admin = Process::admin(directory)?;
    admin::ask(admin, "/ready").await?;
    let listeners = admin::ask(admin, "/listeners?format=json").await?;
    let listeners: Value = serde_json::from_str(&listeners).ok()?;
    let first = listeners.pointer("/listener_statuses/0/local_address/socket_address")?;
    let address = format!("{}:{}", first["address"].as_str()?, first["port_value"]);
    Some((address.parse().ok()?, admin, None))
}

#[allow(clippy::print_stderr, reason = "shown by the test harness, for failed tests only")]
fn complain(text: &str) {
    eprintln!("{text}");
}

fn tail(title: &str, text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL);
    format!("--- the gateway's {title}, last {TAIL} lines\n{}", lines[from..].join("\n"))
}

/// What Envoy logs when the filter panics or is torn down by the VM.
const TRAPS: [&str; 4] = ["panicked", "Uncaught", "Proxy-Wasm plugin in-VM backtrace", "wasm trap"];
const TAIL: usize = 40;
const START: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);
