//! A gateway's process: started on its own processor, ended with all that it has started.
//!
//! It has a process group of its own, which is killed when this is dropped. Should the benchmark be
//! killed first, the kernel sends the gateway SIGTERM: `setpriv` asks for that, as std cannot without
//! unsafe code.

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};

/// A process that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it on these processors, in a process group of its own, with its output in a file.
    pub(crate) fn start(command: &Command, on: &str, log: &Path) -> anyhow::Result<Self> {
        let mut pinned = Command::new("setpriv");
        pinned
            .args(["--pdeathsig", "TERM", "taskset", "-c", on])
            .arg(command.get_program())
            .args(command.get_args());
        pinned.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = command.get_current_dir() {
            pinned.current_dir(folder);
        }
        let output = File::create(log)?;
        pinned.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
        let child = pinned.spawn().with_context(|| format!("{:?}", command.get_program()))?;
        Ok(Self { child, log: log.to_owned() })
    }

    /// The root of its process tree.
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or_default()
    }

    /// Waits until it accepts connections there, and says how long that took.
    pub(crate) fn listens(
        &mut self,
        at: SocketAddr,
        patience: Duration,
    ) -> anyhow::Result<Duration> {
        let start = Instant::now();
        while TcpStream::connect_timeout(&at, Duration::from_secs(1)).is_err() {
            crate::interrupt::check()?;
            if let Some(status) = self.child.try_wait()? {
                bail!("ended at its start with {status}: {}", self.last_words());
            }
            if start.elapsed() > patience {
                bail!("does not listen after {patience:?}: {}", self.last_words());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(start.elapsed())
    }

    /// Waits until it has written its URL there.
    pub(crate) fn tells(&mut self, file: &Path, patience: Duration) -> anyhow::Result<SocketAddr> {
        let start = Instant::now();
        loop {
            if let Ok(url) = std::fs::read_to_string(file) {
                let address = url.trim_start_matches("http://").split('/').next();
                let address = address.unwrap_or_default().replace("0.0.0.0", "127.0.0.1");
                return address.parse().with_context(|| url);
            }
            crate::interrupt::check()?;
            if let Some(status) = self.child.try_wait()? {
                bail!("ended at its start with {status}: {}", self.last_words());
            }
            ensure!(start.elapsed() < patience, "says nothing: {}", self.last_words());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The end of what it has printed.
    pub(crate) fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(self.pid()) {
            _ = kill_process_group(group, Signal::KILL);
        }
        _ = self.child.wait();
    }
}

/// An address that was free a moment ago.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a process has ended; it may still wait for its parent to notice.
    fn ended(pid: i32) -> bool {
        let stat = procfs::process::Process::new(pid).and_then(|process| process.stat());
        stat.map_or(true, |stat| stat.state == 'Z')
    }

    fn wait_until(what: &str, is: impl Fn() -> bool) {
        let start = Instant::now();
        while !is() {
            assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn shell(script: &str, folder: &Path) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(folder);
        Process::start(&command, "0", &folder.join("log")).unwrap()
    }

    #[test]
    fn what_it_has_started_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let process = shell("sleep 600 & echo $! > new; mv new child; wait", folder.path());
        let child = folder.path().join("child");
        wait_until("the child's number", || child.exists());
        let child: i32 = std::fs::read_to_string(child).unwrap().trim().parse().unwrap();
        assert!(!ended(child));
        drop(process);
        wait_until("the child has ended", || ended(child));
    }

    #[test]
    fn it_ends_when_whoever_started_it_does_so_without_a_word() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        // The kernel looks at the thread.
        let starter = std::thread::spawn(move || {
            let process = shell("touch there; exec sleep 600", &path);
            wait_until("it runs", || path.join("there").exists());
            let pid = process.pid();
            std::mem::forget(process);
            pid
        });
        let pid = starter.join().unwrap();
        wait_until("it has ended", || ended(pid));
    }
}
