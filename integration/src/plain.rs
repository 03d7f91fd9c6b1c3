//! An Envoy without `spillway up` around it, as one that was there before.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{admin, find};

/// A running Envoy. It ends when it is dropped, and shows its log where the test failed.
#[derive(Debug)]
pub struct Plain {
    /// Where its first listener is.
    pub at: SocketAddr,
    process: Child,
    log: PathBuf,
}

impl Plain {
    /// Starts it in a folder that holds `bootstrap`, and waits until it takes requests. Its address
    /// is asked for, so the bootstrap may say port 0.
    pub async fn start(
        folder: &Path,
        bootstrap: &str,
        arguments: &[&str],
        environment: &[(String, String)],
    ) -> Self {
        let name = format!("{bootstrap}{}", arguments.concat().replace(['/', '-'], ""));
        let (log, told) =
            (folder.join(format!("{name}.log")), folder.join(format!("{name}.admin")));
        let file = File::create(&log).expect("a log");
        let mut process = Command::new(find::envoy())
            .current_dir(folder)
            .args(["-c", bootstrap, "--concurrency", "1", "--log-level", "warning"])
            .arg("--admin-address-path")
            .arg(&told)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a log"))
            .stderr(file)
            .spawn()
            .expect("Envoy starts");
        let deadline = Instant::now() + START;
        let at = loop {
            let said = || fs::read_to_string(&log).unwrap_or_default();
            let status = process.try_wait().expect("a child");
            assert!(status.is_none(), "Envoy ended by itself\n{}", said());
            if let Some(at) = ready(&told).await {
                break at;
            }
            assert!(Instant::now() < deadline, "not ready after {START:?}\n{}", said());
            tokio::time::sleep(PAUSE).await;
        };
        Self { at, process, log }
    }
}

/// Where it listens, once it takes requests.
async fn ready(told: &Path) -> Option<SocketAddr> {
    let admin: SocketAddr = fs::read_to_string(told).ok()?.trim().parse().ok()?;
    let live = admin::ask(admin, "/ready").await?.contains("LIVE");
    let listeners = admin::ask(admin, "/listeners?format=json").await?;
    first(&listeners).filter(|_| live)
}

fn first(listeners: &str) -> Option<SocketAddr> {
    let listeners: Value = serde_json::from_str(listeners).ok()?;
    let address = listeners.pointer("/listener_statuses/0/local_address/socket_address")?;
    let (ip, port) = (address["address"].as_str()?, address["port_value"].as_u64()?);
    format!("{ip}:{port}").parse().ok()
}

impl Drop for Plain {
    #[allow(clippy::print_stderr, reason = "shown by the test harness, for failed tests only")]
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("--- Envoy's log\n{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

const START: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);
