//! Processes that a test starts itself: the command with arguments of its own, or Envoy.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use spillway_integration::eventually;
use tempfile::TempDir;

/// A process in a folder of its own. It is ended when it is dropped.
pub(crate) struct Started {
    child: std::process::Child,
    pub(crate) folder: TempDir,
}

/// A folder for a process.
pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().prefix("spillway-test-").tempdir().expect("a folder")
}

impl Started {
    pub(crate) fn new(folder: TempDir, command: &mut Command) -> Self {
        let file = |name: &str| File::create(folder.path().join(name)).expect("a file");
        let child = command
            .current_dir(folder.path())
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            // As a shell starts it; the terminal's Ctrl-C then goes to all of the group.
            .process_group(0)
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .expect("it starts");
        Self { child, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Where clients connect, and the admin interface, once the command has said both.
    pub(crate) async fn addresses(&mut self) -> (SocketAddr, SocketAddr) {
        eventually("the addresses", async || {
            let stderr = self.read("stderr");
            assert!(matches!(self.child.try_wait(), Ok(None)), "it ended: {stderr}");
            let after =
                |text: &str| stderr.lines().find_map(|line| line.strip_prefix(text)?.parse().ok());
            Some((after("listening on http://")?, after("admin on http://")?))
        })
        .await
    }

    /// Where the status page is, once the command has said so.
    pub(crate) fn status(&self) -> Option<SocketAddr> {
        let line =
            |line: &str| line.strip_prefix("status on http://")?.strip_suffix('/')?.parse().ok();
        self.read("stderr").lines().find_map(line)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// What Ctrl-C in a terminal does: SIGINT for the process and all that share its group.
    pub(crate) fn ctrl_c(&self) {
        kill_process_group(Pid::from_child(&self.child), Signal::INT).expect("it runs");
    }

    pub(crate) async fn end(&mut self) -> ExitStatus {
        eventually("its end", async || self.child.try_wait().expect("a child")).await
    }

    /// The process that it has started: Envoy.
    pub(crate) fn envoy(&self) -> Pid {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let children = children.expect("Linux");
        let envoy = children.trim().parse().expect("one child");
        Pid::from_raw(envoy).expect("a process")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // Envoy ends with the command, however that ends.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
