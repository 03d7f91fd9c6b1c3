//! How a change is seen, and what is said of it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use spillway_integration::{Call, Client, Journal, Volume, eventually, find, region_with};
use spillway_simulator::Region;
use tempfile::TempDir;

use crate::started::{Started, folder};

fn file(region: &Region) -> String {
    format!(
        "backends: {{ eastus: {{ url: \"{}\", api_key: \"${{KEY}}\" }} }}\n\
         models: {{ gpt-4o-mini: {{ pool: [eastus] }} }}\n",
        region.url()
    )
}

/// Two regions with the same key, so that only the address tells them apart.
async fn regions() -> [Region; 2] {
    let with_key = |name| region_with(name, |config| config.api_key = Some("the-key".into()));
    [with_key("one").await, with_key("two").await]
}

async fn up(folder: TempDir, arguments: &[&str]) -> (Started, SocketAddr) {
    let mut command = Command::new(find::command());
    command.args(["up", "--listen", "127.0.0.1:0", "--workers", "1", "--log-level", "error"]);
    command.args(arguments).arg("--filter").arg(find::filter());
    command.arg("--envoy").arg(find::envoy()).env("KEY", "the-key");
    let mut up = Started::new(folder, &mut command);
    let (at, _) = up.addresses().await;
    (up, at)
}

/// What was said after the three addresses, once it ends so.
async fn said(up: &Started, end: &str) -> String {
    let after = || up.read("stderr").lines().skip(3).map(|line| format!("{line}\n")).collect();
    eventually(end, async || {
        let said: String = after();
        said.ends_with(end).then_some(said)
    })
    .await
}

async fn answered_by(at: SocketAddr) -> String {
    Client::at(at).send(&Call::chat("gpt-4o-mini")).await.ok().header("x-ms-region").to_owned()
}

#[tokio::test]
async fn the_kubelets_swap_of_a_config_map_goes_live() {
    let [one, two] = regions().await;
    let folder = folder();
    let mount = folder.path().join("mount");
    let mut volume = Volume::mount(&mount, &[("spillway.yaml", &file(&one))]);
    let path = volume.file("spillway.yaml").display().to_string();
    let (mut up, at) = up(folder, &["--config", &path]).await;
    assert_eq!(answered_by(at).await, "one");

    volume.publish(&[("spillway.yaml", &file(&two))]);
    eventually("the announcement", async || {
        up.read("stderr").contains("1 backend changed\n").then_some(())
    })
    .await;
    assert_eq!(answered_by(at).await, "two");

    volume.publish(&[("spillway.yaml", "backends: 7\n")]);
    eventually("the refusal", async || {
        up.read("stderr").contains("kept the running configuration;").then_some(())
    })
    .await;
    assert_eq!(answered_by(at).await, "two");
    up.signal(Signal::TERM);
    assert_eq!(up.end().await.code(), Some(0), "{}", up.read("stderr"));
}

#[tokio::test]
async fn an_editor_is_followed_and_told_what_is_wrong() {
    let [one, two] = regions().await;
    let folder = folder();
    let path = folder.path().join("spillway.yaml");
    fs::write(&path, file(&one)).expect("a file");
    let (up, at) = up(folder, &[]).await;

    // In place, as a shell writes.
    fs::write(&path, file(&two)).expect("a file");
    let open = "  hint: name them in `clients`, or let nobody else reach the listener\n";
    let first = said(&up, open).await;
    assert!(first.starts_with("reloaded spillway.yaml: 1 backend changed\n"), "{first}");
    assert!(first.contains("spillway.yaml:1:1: warning: no `clients`"), "{first}");
    assert_eq!(answered_by(at).await, "two");

    // Beside and renamed, as an editor does.
    let wrong = file(&one).replace("pool: [eastus]", "pool: [eastsu], retires: 3");
    let beside = path.with_extension("swp");
    fs::write(&beside, wrong).expect("a file");
    fs::rename(&beside, &path).expect("a rename");
    let second = said(&up, "  hint: did you mean `eastus`?\n").await;
    let second = second.strip_prefix(&first).expect("more was said");
    assert!(
        second.starts_with("kept the running configuration; spillway.yaml has 2 problems:\n"),
        "{second}"
    );
    assert!(second.contains("spillway.yaml:2:"), "with its line: {second}");
    assert_eq!(answered_by(at).await, "two");

    // Taken away, and brought back as it was.
    fs::remove_file(&path).expect("it was there");
    let gone = "error: cannot read `spillway.yaml`: No such file or directory (os error 2)\n\
                kept the running configuration\n";
    said(&up, gone).await;
    fs::write(&path, file(&two)).expect("a file");
    said(&up, "read spillway.yaml again: nothing has changed\n").await;
    assert_eq!(answered_by(at).await, "two");
    assert_eq!(one.count(), 0);
}

#[tokio::test]
async fn without_watching_a_signal_is_waited_for() {
    let [one, two] = regions().await;
    let folder = folder();
    let path = folder.path().join("spillway.yaml");
    fs::write(&path, file(&one)).expect("a file");
    let (up, at) = up(folder, &["--no-watch"]).await;
    fs::write(&path, file(&two)).expect("a file");
    up.signal(Signal::HUP);
    said(&up, "or let nobody else reach the listener\n").await;
    assert_eq!(answered_by(at).await, "two");
    up.signal(Signal::HUP);
    let all = said(&up, "read spillway.yaml again: nothing has changed\n").await;
    assert_eq!(all.lines().filter(|line| line.starts_with("reloaded ")).count(), 1, "{all}");
}

/// A file that is right by all that can be checked, and that Envoy does not take.
#[tokio::test]
async fn what_envoy_refuses_is_taken_back() {
    let [one, two] = regions().await;
    let folder = folder();
    let path = folder.path().join("spillway.yaml");
    fs::write(&path, file(&one)).expect("a file");
    let (mut up, at) = up(folder, &[]).await;
    let ca = up.path("ca.pem");
    fs::write(&ca, "no certificate").expect("a file");
    fs::write(&path, with_ca(&one, &ca)).expect("a file");
    let said_of = "kept the running configuration; Envoy refused the new backends\n";
    eventually("the refusal", async || up.read("stderr").contains(said_of).then_some(())).await;
    assert_eq!(answered_by(at).await, "one");
    fs::write(&path, file(&two)).expect("a file");
    eventually("the change", async || up.read("stderr").contains("reloaded ").then_some(())).await;
    assert_eq!(answered_by(at).await, "two");
    up.signal(Signal::TERM);
    assert_eq!(up.end().await.code(), Some(0), "{}", up.read("stderr"));
}

fn with_ca(region: &Region, ca: &Path) -> String {
    let tls = "westus: { url: \"https://localhost:1\", ca_file:";
    let more = format!("backends: {{ {tls} \"{}\" }}, eastus:", ca.display());
    file(region).replacen("backends: { eastus:", &more, 1).replace("[eastus]", "[eastus, westus]")
}
