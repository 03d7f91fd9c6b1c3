//! The command: what `up` says and does besides serving, and what `render` prints.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;
use spillway_integration::{Call, Client, Journal, eventually, find, region};
use spillway_simulator::{Fault, Region};
use tokio::net::TcpStream;

use crate::started::{Started, folder};

const USUAL: [&str; 4] = ["--listen", "127.0.0.1:0", "--workers", "1"];

fn config(region: &Region) -> String {
    format!(
        "backends: {{ eastus: {{ url: \"{}\", api_key: \"${{KEY}}\" }} }}\n\
         models: {{ gpt-4o-mini: {{ pool: [eastus] }} }}\n",
        region.url()
    )
}

fn started(region: &Region, arguments: &[&str]) -> Started {
    let folder = folder();
    fs::write(folder.path().join("spillway.yaml"), config(region)).expect("a configuration");
    let mut command = Command::new(find::command());
    command.args(["up", "--filter"]).arg(find::filter());
    command.env("KEY", "key-of-eastus");
    command.arg("--envoy").arg(find::envoy()).args(arguments);
    Started::new(folder, &mut command)
}

/// The gateway as most tests here want it.
async fn serving(region: &Region) -> (Started, SocketAddr, SocketAddr) {
    let mut up = started(region, &USUAL);
    let (at, admin) = up.addresses().await;
    (up, at, admin)
}

#[tokio::test]
async fn keys_in_envoys_own_log_are_announced() {
    let eastus = region("eastus").await;
    for (level, logs) in [("info", false), ("debug", true), ("trace", true)] {
        let mut up = started(&eastus, &[&USUAL[..], &["--log-level", level]].concat());
        let (at, _) = up.addresses().await;
        let call = Call::chat("gpt-4o-mini").header("api-key", "marked-client-key");
        assert_eq!(Client::at(at).send(&call).await.status, 200);
        up.signal(Signal::TERM);
        up.end().await;
        let log = up.read("stderr");
        let note = "note: at this log level, Envoy writes the headers of requests into its log";
        assert_eq!(log.contains(note), logs, "{level}");
        assert_eq!(log.contains("marked-client-key"), logs, "{level}");
    }
}

#[tokio::test]
async fn sigterm_ends_it_once_running_requests_are_answered() {
    ends_once_running_requests_are_answered(|up| up.signal(Signal::TERM)).await;
}

#[tokio::test]
async fn ctrl_c_ends_it_once_running_requests_are_answered() {
    ends_once_running_requests_are_answered(Started::ctrl_c).await;
}

async fn ends_once_running_requests_are_answered(ask: impl FnOnce(&Started)) {
    let eastus = region("eastus").await;
    let (mut up, at, _) = serving(&eastus).await;
    eastus.script(Fault { delay_ms: Some(1000), ..Fault::default() });
    let slow = tokio::spawn(async move { Client::at(at).send(&Call::chat("gpt-4o-mini")).await });
    eventually("the request", async || (eastus.count() == 1).then_some(())).await;

    ask(&up);
    eventually("a closed listener", async || TcpStream::connect(at).await.err()).await;
    assert!(!slow.is_finished(), "the listener closes before the request is answered");
    assert_eq!(slow.await.expect("an answer").status, 200);
    assert_eq!(up.end().await.code(), Some(0), "{}", up.read("stderr"));
    assert!(!up.read("stderr").contains("error"), "{}", up.read("stderr"));
}

#[tokio::test]
async fn a_second_signal_ends_the_waiting() {
    let eastus = region("eastus").await;
    let (mut up, at, _) = serving(&eastus).await;
    eastus.script(Fault { delay_ms: Some(60_000), ..Fault::default() });
    let slow = tokio::spawn(async move {
        Client::at(at).try_send(&Call::chat("gpt-4o-mini")).await.map(|answer| answer.status)
    });
    eventually("the request", async || (eastus.count() == 1).then_some(())).await;
    up.signal(Signal::TERM);
    eventually("a closed listener", async || TcpStream::connect(at).await.err()).await;
    up.signal(Signal::TERM);
    assert_eq!(up.end().await.code(), Some(0), "{}", up.read("stderr"));
    assert!(slow.await.expect("no panic").is_err(), "it was cut");
}

#[tokio::test]
async fn an_envoy_that_is_killed_is_reported_with_its_signal() {
    let eastus = region("eastus").await;
    let (mut up, _, _) = serving(&eastus).await;
    kill_process(up.envoy(), Signal::KILL).expect("Envoy runs");
    assert_eq!(up.end().await.code(), Some(137));
    let stderr = up.read("stderr");
    let after: Vec<&str> = stderr.lines().skip(3).collect();
    assert_eq!(after, ["error: Envoy ended by itself: signal: 9 (SIGKILL)"]);
}

#[tokio::test]
async fn an_envoy_that_ends_by_itself_is_reported_with_its_status() {
    let eastus = region("eastus").await;
    let (mut up, _, admin) = serving(&eastus).await;
    Client::at(admin).send(&Call::get("/quitquitquit").by("POST")).await;
    assert_eq!(up.end().await.code(), Some(0));
    assert!(up.read("stderr").ends_with("error: Envoy ended by itself: exit status: 0\n"));
}

#[tokio::test]
async fn no_envoy_outlives_a_command_that_is_killed() {
    let eastus = region("eastus").await;
    let (mut up, at, _) = serving(&eastus).await;
    let envoy = up.envoy();
    up.signal(Signal::KILL);
    up.end().await;
    eventually("Envoy's end", async || has_ended(envoy).then_some(())).await;
    // Not at once: another test may have been given that address by now, for a while.
    eventually("a closed listener", async || TcpStream::connect(at).await.err()).await;
}

/// A level that hides why Envoy does not start is only set once it has.
#[tokio::test]
async fn a_quiet_envoy_still_says_why_it_does_not_start() {
    let eastus = region("eastus").await;
    let mut up = started(&eastus, &[&USUAL[..], &["--log-level", "off"]].concat());
    let (at, _) = up.addresses().await;
    assert_eq!(Client::at(at).send(&Call::chat("gpt-4o-mini")).await.status, 200);
    up.signal(Signal::TERM);
    assert_eq!(up.end().await.code(), Some(0));
    assert_eq!(up.read("stderr").lines().count(), 3, "nothing of Envoy's: {}", up.read("stderr"));

    let folder = folder();
    fs::write(folder.path().join("spillway.yaml"), config(&eastus)).expect("a configuration");
    fs::write(folder.path().join("none.wasm"), "not a module").expect("a file");
    let mut command = Command::new(find::command());
    command.args(["up", "--filter", "none.wasm", "--log-level", "off", "--envoy"]);
    command.arg(find::envoy()).args(USUAL).env("KEY", "key-of-eastus");
    let mut up = Started::new(folder, &mut command);
    assert_eq!(up.end().await.code(), Some(2));
    let stderr = up.read("stderr");
    assert!(stderr.starts_with("error: Envoy did not start: Wasm VM failed "), "{stderr}");
    assert_eq!(stderr.lines().count(), 2, "what, and where Envoy's log is: {stderr}");
}

/// Whether it is gone, or waits for somebody to ask for its status.
fn has_ended(process: Pid) -> bool {
    let id = process.as_raw_nonzero();
    let zombie = fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|s| s.contains(") Z "));
    zombie || test_kill_process(process).is_err()
}

#[tokio::test]
async fn it_says_the_real_port_and_takes_what_it_is_told() {
    let eastus = region("eastus").await;
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("a port");
    let arguments = ["--listen", "127.0.0.1:0", "--workers", "2", "--access-log", "access.log"];
    let mut up = started(&eastus, &[&arguments[..], &["--admin", &free.to_string()]].concat());
    let (at, admin) = up.addresses().await;
    assert_ne!(at.port(), 0);
    assert_eq!(admin, free);
    let client = Client::at(at);
    assert_eq!(client.send(&Call::chat("gpt-4o-mini")).await.status, 200);

    let info = Client::at(admin).send(&Call::get("/server_info")).await.json();
    assert_eq!(info["command_line_options"]["concurrency"], 2);
    let workers = Client::at(admin).send(&Call::get("/stats?filter=worker_[0-9].*_active$")).await;
    assert!(workers.text().contains("worker_1") && !workers.text().contains("worker_2"));

    let line = eventually("the line", async || one_line(&up.read("access.log"))).await;
    assert_eq!((&line["status"], &line["backend"]), (&200.into(), &"eastus".into()));
    // Rotated as `logrotate` does it: SIGUSR1 has Envoy open the file anew.
    fs::rename(up.path("access.log"), up.path("access.log.1")).expect("a rename");
    up.signal(Signal::USR1);
    eventually("the new file", async || up.path("access.log").exists().then_some(())).await;
    assert_eq!(client.send(&Call::chat("gpt-4o-mini")).await.status, 200);
    eventually("its line", async || one_line(&up.read("access.log"))).await;
    assert!(one_line(&up.read("access.log.1")).is_some(), "one line there, one here");
    assert_eq!(up.read("stdout"), "");
    up.signal(Signal::TERM);
    assert_eq!(up.end().await.code(), Some(0));
}

fn one_line(log: &str) -> Option<Value> {
    let line = log.strip_suffix('\n').filter(|line| !line.contains('\n'))?;
    Some(serde_json::from_str(line).expect("JSON"))
}

#[tokio::test]
async fn the_access_log_is_on_stdout() {
    assert_eq!(stdout(&[]).await.lines().count(), 1);
}

#[tokio::test]
async fn the_access_log_can_be_off() {
    assert_eq!(stdout(&["--access-log", "off"]).await, "");
}

/// What is on stdout after one request and the end.
async fn stdout(arguments: &[&str]) -> String {
    let eastus = region("eastus").await;
    let mut up = started(&eastus, &[&USUAL, arguments].concat());
    let (at, _) = up.addresses().await;
    assert_eq!(Client::at(at).send(&Call::chat("gpt-4o-mini")).await.status, 200);
    up.signal(Signal::TERM);
    assert_eq!(up.end().await.code(), Some(0));
    up.read("stdout")
}

#[tokio::test]
async fn envoy_is_found_on_path() {
    envoy_is_found_in("bin/envoy", "bin").await;
}

#[tokio::test]
async fn envoy_is_found_in_the_projects_own_install() {
    envoy_is_found_in(".tools/envoy/bin/envoy", "nothing").await;
}

async fn envoy_is_found_in(place: &str, path: &str) {
    let eastus = region("eastus").await;
    let folder = folder();
    let link = folder.path().join(place);
    fs::create_dir_all(link.parent().expect("a folder")).expect("a folder");
    symlink(find::envoy(), &link).expect("a link");
    fs::write(folder.path().join("spillway.yaml"), config(&eastus)).expect("a file");
    // Away from the repository, whose own install would be found first.
    let spillway = folder.path().join("spillway");
    fs::copy(find::command(), &spillway).expect("a copy");
    let mut command = Command::new(spillway);
    command.args(["up", "--listen", "127.0.0.1:0", "--workers", "1", "--filter"]);
    command.arg(find::filter()).env("KEY", "key-of-eastus");
    command.env("PATH", folder.path().join(path));
    let mut up = Started::new(folder, &mut command);
    let (at, _) = up.addresses().await;
    assert_eq!(Client::at(at).send(&Call::chat("gpt-4o-mini")).await.status, 200);
    let running = fs::read(format!("/proc/{}/cmdline", up.envoy().as_raw_nonzero()));
    let running = String::from_utf8_lossy(&running.expect("Linux")).into_owned();
    assert!(running.contains(&link.display().to_string()), "{running}");
}

#[test]
fn envoy_takes_what_render_prints() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name).display().to_string();
    fs::write(at("key"), "a-key").expect("a key");
    let config = format!(
        "
backends:
  eastus: {{ url: https://eastus.example.com, api_key: \"${{KEY}}\" }}
  westus: {{ url: \"http://127.0.0.1:9\", bearer_token: {{ file: \"{}\" }} }}
models: {{ gpt-4o-mini: {{ pool: [eastus, westus], session_affinity: true }} }}
clients: [{{ name: chat-app, key: \"${{CLIENT}}\" }}]
",
        at("key")
    );
    fs::write(at("spillway.yaml"), config).expect("a configuration");
    let rendered = Command::new(find::command())
        .args(["render", "envoy", &at("spillway.yaml"), "--state-dir", &at(""), "--filter"])
        .arg(find::filter())
        .output()
        .expect("it runs");
    assert!(rendered.status.success() && rendered.stderr.is_empty(), "{rendered:?}");
    fs::write(at("envoy.yaml"), &rendered.stdout).expect("a bootstrap");
    // What must stand beside it is said at its beginning.
    let text = String::from_utf8_lossy(&rendered.stdout);
    let (_, rest) = text.split_once("# Beside it, ").expect("a file beside it");
    let (path, rest) = rest.split_once(" must hold:\n#   ").expect("its content");
    fs::write(path, rest.lines().next().unwrap_or_default()).expect("the file beside it");

    let validate = |keys: &[&str]| {
        let mut envoy = Command::new(find::envoy());
        envoy.args(["--mode", "validate", "--log-level", "warning", "-c", &at("envoy.yaml")]);
        envoy.envs(keys.iter().map(|name| (name, "secret"))).output().expect("Envoy runs")
    };
    let output = validate(&["KEY", "CLIENT"]);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert!(!log.contains("deprecated"), "{log}");
    // The filter was really asked: without its client's key it refuses.
    let output = validate(&["KEY"]);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && log.contains("`CLIENT` is not set"), "{log}");
}
