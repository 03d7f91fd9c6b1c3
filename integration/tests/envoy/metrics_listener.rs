//! Metrics for Prometheus, on a listener that leads to nothing else.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use rustix::process::Signal;
use spillway_integration::prometheus::Metrics;
use spillway_integration::{Answer, Call, Client, Journal, eventually, find, region};
use spillway_simulator::{Fault, Region};
use tokio::net::TcpStream;

use crate::started::{Started, folder};

/// A gateway whose metrics are on a free port, and where that is. The admin interface's port is
/// free too: it must be known nevertheless.
async fn serving(region: &Region) -> (Started, SocketAddr, SocketAddr, SocketAddr) {
    let folder = folder();
    let config = format!(
        "backends: {{ eastus: {{ url: \"{}\", api_key: \"${{KEY}}\" }} }}\n\
         models: {{ gpt-4o-mini: {{ pool: [eastus] }} }}\n",
        region.url()
    );
    fs::write(folder.path().join("spillway.yaml"), config).expect("a configuration");
    let mut command = Command::new(find::command());
    command.args(["up", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--workers", "1"]);
    command.env("KEY", "key-of-eastus");
    command.arg("--filter").arg(find::filter()).arg("--envoy").arg(find::envoy());
    let mut up = Started::new(folder, &mut command);
    let (at, admin) = up.addresses().await;
    let metrics = eventually("where metrics are", async || {
        let stderr = up.read("stderr");
        let line = stderr.lines().find_map(|line| line.strip_prefix("metrics on http://"))?;
        line.strip_suffix("/stats/prometheus")?.parse().ok()
    });
    let metrics = metrics.await;
    (up, at, admin, metrics)
}

async fn ask(at: SocketAddr, method: &str, path: &str) -> Answer {
    Client::at(at).send(&Call::get(path).by(method)).await
}

#[tokio::test]
async fn prometheus_finds_what_envoy_counts() {
    let eastus = region("eastus").await;
    let (_up, at, _, metrics) = serving(&eastus).await;
    assert_eq!(Client::at(at).send(&Call::chat("gpt-4o-mini")).await.status, 200);
    let counted = eventually("the request", async || {
        let answer = ask(metrics, "GET", "/stats/prometheus").await;
        assert_eq!(answer.status, 200);
        let text = answer.text();
        text.contains("envoy_cluster_upstream_rq_total{envoy_cluster_name=\"eastus\"} 1")
            .then_some(text)
    });
    let counted = counted.await;
    assert!(counted.contains("# TYPE envoy_cluster_upstream_rq_total counter"));
    // What a scraper may add to its path is still the same page.
    let few = ask(metrics, "GET", "/stats/prometheus?usedonly").await;
    assert_eq!(few.status, 200);
    assert!(few.body.len() < counted.len());
}

/// Everything else that the admin interface has, by every spelling that might lead to it.
#[tokio::test]
async fn nothing_else_of_the_admin_interface_is_there() {
    let eastus = region("eastus").await;
    let (mut up, at, admin, metrics) = serving(&eastus).await;
    let help = ask(admin, "GET", "/help").await.text();
    let commands: Vec<&str> = help
        .lines()
        .filter_map(|line| line.strip_prefix("  /")?.split([' ', ':', '?']).next())
        .filter(|command| *command != "stats/prometheus")
        .collect();
    assert!(commands.len() > 20 && commands.contains(&"quitquitquit"), "{commands:?}");
    for command in commands {
        for method in ["GET", "POST"] {
            for path in [
                format!("/{command}"),
                format!("//{command}"),
                format!("/stats/prometheus/../../{command}"),
                format!("/stats/prometheus/..%2f..%2f{command}"),
                format!("/stats/prometheus/%2e%2e/%2e%2e/{command}"),
                format!("/stats/prometheus;/../../{command}"),
            ] {
                let status = ask(metrics, method, &path).await.status;
                assert!(matches!(status, 400 | 404), "{method} {path}: {status}");
            }
        }
    }
    for method in ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"] {
        assert_eq!(ask(metrics, method, "/stats/prometheus").await.status, 404, "{method}");
    }
    assert_eq!(Client::at(at).send(&Call::chat("gpt-4o-mini")).await.status, 200, "it still runs");
    up.signal(Signal::TERM);
    assert_eq!(up.end().await.code(), Some(0), "{}", up.read("stderr"));
}

/// The container's health check, which knows the admin interface alone.
#[tokio::test]
async fn health_follows_the_gateway() {
    let eastus = region("eastus").await;
    let (mut up, _, admin, _) = serving(&eastus).await;
    let health = || {
        let mut command = Command::new(find::command());
        command.args(["health", "--admin", &admin.to_string()]).output().expect("it runs")
    };
    let output = health();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), b"ready\n".as_slice()));
    // While it drains it takes no new requests.
    assert_eq!(ask(admin, "POST", "/healthcheck/fail").await.status, 200);
    assert_eq!(health().status.code(), Some(1));
    up.signal(Signal::TERM);
    up.end().await;
    let output = health();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), format!("not ready: asked {admin}\n"));
}

/// What ends is worth seeing: while the last requests run, only the clients' listener is closed.
#[tokio::test]
async fn metrics_and_readiness_go_on_until_the_last_request_is_over() {
    let eastus = region("eastus").await;
    eastus.script(Fault { delay_ms: Some(120_000), ..Fault::default() });
    let (mut up, at, _, metrics) = serving(&eastus).await;
    assert_eq!(ask(metrics, "GET", "/healthz").await.status, 200);
    let client = Client::at(at);
    let waiting = tokio::spawn(async move { client.try_send(&Call::chat("gpt-4o-mini")).await });
    eventually("the request", async || (eastus.count() == 1).then_some(())).await;

    up.signal(Signal::TERM);
    let closed = async || TcpStream::connect(at).await.is_err().then_some(());
    eventually("no more clients", closed).await;
    assert_eq!(ask(metrics, "GET", "/healthz").await.status, 503);
    let answer = ask(metrics, "GET", "/stats/prometheus").await;
    let scraped = Metrics::parse(&answer.text());
    assert_eq!(scraped.sum("spillway_attempts_in_flight", &[("backend", "eastus")]), 1.0);
    assert!(up.status().is_some_and(|at| std::net::TcpStream::connect(at).is_ok()), "the status");

    // Its client leaves, and so nothing is left to wait for.
    waiting.abort();
    assert_eq!(up.end().await.code(), Some(0), "{}", up.read("stderr"));
}
