//! A Prometheus of a test's own, that scrapes gateways every second.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::call::{Call, Client};
use crate::{find, wait};

/// A running Prometheus. It ends when it is dropped.
#[derive(Debug)]
pub struct Prometheus {
    at: SocketAddr,
    process: Child,
    directory: TempDir,
}

impl Prometheus {
    /// Starts one with these rules, that knows these gateways as job `spillway`, and waits until it
    /// has scraped them.
    pub async fn watching(gateways: &[SocketAddr], rules: &Path) -> Self {
        let directory = tempfile::Builder::new().prefix("spillway-test-").tempdir().expect("tmp");
        let file = |name: &str| directory.path().join(name);
        let targets: Vec<String> = gateways.iter().map(SocketAddr::to_string).collect();
        let config = serde_json::json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": [rules],
            "scrape_configs": [{
                "job_name": "spillway",
                "metrics_path": "/stats/prometheus",
                "static_configs": [{ "targets": targets }],
            }],
        });
        fs::write(file("prometheus.yml"), config.to_string()).expect("a configuration");
        // It cannot say which port it took: one that is free now is asked for.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let at = free.expect("a free port");
        let log = File::create(file("log")).expect("a log");
        let process = Command::new(find::prometheus("prometheus"))
            .arg(format!("--config.file={}", file("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", file("data").display()))
            .arg(format!("--web.listen-address={at}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("Prometheus starts");
        let started = Self { at, process, directory };
        let scraped = async || {
            let up = started.query("up{job=\"spillway\"} == 1").await;
            (up.len() == gateways.len()).then_some(())
        };
        wait::eventually("a first scrape", scraped).await;
        started
    }

    /// What this expression yields now: each series as Prometheus says it.
    pub async fn query(&self, expression: &str) -> Vec<Value> {
        let query: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let call = Call::get(&format!("/api/v1/query?query={query}"));
        let Ok(answer) = Client::at(self.at).try_send(&call).await else { return Vec::new() };
        if answer.status == 503 {
            return Vec::new();
        }
        let answer = answer.json();
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        answer["data"]["result"].as_array().cloned().unwrap_or_default()
    }

    /// The sum over all that this expression yields now.
    pub async fn sum(&self, expression: &str) -> f64 {
        let value =
            |series: &Value| series["value"][1].as_str().and_then(|text| text.parse::<f64>().ok());
        self.query(expression).await.iter().filter_map(value).sum()
    }

    /// The names of the alerts that its rules make it look out for.
    pub async fn alerts(&self) -> Vec<String> {
        let answer = Client::at(self.at).send(&Call::get("/api/v1/rules")).await.json();
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().into_iter().flatten());
        let healthy = rules.inspect(|rule| assert_ne!(rule["health"], "err", "{rule}"));
        let alerts = healthy.filter(|rule| rule["type"] == "alerting");
        alerts.filter_map(|rule| Some(rule["name"].as_str()?.to_owned())).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let from = lines.len().saturating_sub(20);
            complain(&format!("--- Prometheus' log\n{}", lines[from..].join("\n")));
        }
    }
}

#[allow(clippy::print_stderr, reason = "shown by the test harness, for failed tests only")]
fn complain(text: &str) {
    eprintln!("{text}");
}
