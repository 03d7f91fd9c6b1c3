//! A gateway of a test's own, or one that is [`Lent`] to it.

mod lent;
mod setup;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use spillway_simulator::Region;
use tempfile::TempDir;

use crate::call::{Answer, Call, Client};
use crate::process::{ACCESS_LOG, CONFIG, LOG, Process};
use crate::prometheus::Metrics;
use crate::regions::key_of;
use crate::{admin, wait};

pub use lent::Lent;
pub use setup::Setup;

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
    setup: Setup,
    /// Where the access log is.
    folder: PathBuf,
    /// Where the logs begin that belong to whoever has it now, in bytes.
    log_from: usize,
    access_log_from: usize,
    /// How often it has gone on to another configuration.
    turns: usize,
    /// The ports of all backends that it has had.
    ports: BTreeSet<u16>,
}

impl Gateway {
    /// A gateway in front of these regions, lent: other tests have used it. `config` is the file's
    /// text without `backends`: every region becomes one under its own name, with its own key from
    /// the environment.
    pub async fn start<const N: usize>(config: &str, regions: [&Region; N]) -> Lent {
        Self::setup(config, regions).lend().await
    }

    /// The same, to be changed before it is started or lent.
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
        Setup::new(config, environment)
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
        self.send_all(std::iter::repeat_n(call.clone(), times)).await
    }

    /// Sends so many different requests like this one, one after the other.
    pub async fn send_different(&self, times: usize, call: &Call) -> Vec<Answer> {
        self.send_all((0..times).map(|_| call.another())).await
    }

    /// Sends these requests, one after the other.
    async fn send_all(&self, calls: impl Iterator<Item = Call>) -> Vec<Answer> {
        let mut answers = Vec::new();
        for call in calls {
            answers.push(self.send(&call).await);
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
        read(&self.folder.join(ACCESS_LOG), self.access_log_from)
    }

    /// What the command and Envoy have logged.
    pub fn log(&self) -> String {
        read(&self.directory.path().join(LOG), self.log_from)
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

    /// Asks it to end, and fails the test unless it does so in good order. Returns its access log.
    pub async fn end(mut self) -> String {
        self.asked_to_end = true;
        self.process.ask_to_end();
        let status = wait::eventually("its end", async || self.process.status()).await;
        assert!(status.success(), "{status}\n{}", self.tail());
        self.access_log()
    }

    /// How much memory Envoy's process has, in bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.envoy()));
        let status = status.expect("a running process");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = resident.and_then(|text| text.trim().strip_suffix(" kB"));
        kilobytes.and_then(|text| text.trim().parse::<u64>().ok()).expect("a number of kB") * 1024
    }

    /// Fails the test if the filter trapped, or the gateway has ended by itself.
    fn assert_sound(&mut self) {
        let died = !self.asked_to_end && self.process.has_ended();
        let log = self.log();
        let trap = !self.setup.may_trap && TRAPS.iter().any(|word| log.contains(word));
        assert!(!trap, "the filter trapped\n{}", self.tail());
        assert!(!died, "the gateway ended by itself\n{}", self.tail());
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
        self.assert_sound();
    }
}

/// Where the access log of a gateway is that runs in this folder.
pub fn access_log_in(directory: &Path) -> PathBuf {
    directory.join(ACCESS_LOG)
}

#[allow(clippy::print_stderr, reason = "shown by the test harness, for failed tests only")]
fn complain(text: &str) {
    eprintln!("{text}");
}

/// What a file holds from here on.
fn read(file: &Path, from: usize) -> String {
    let bytes = std::fs::read(file).unwrap_or_default();
    String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).into_owned()
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
