//! The server behind everything: `integration/python/openai_server.py`.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use spillway_integration::{eventually, find};

/// A running server. It ends when it is dropped, or with this process, whose pipe it reads.
pub(crate) struct Server {
    pub(crate) at: SocketAddr,
    process: Child,
    log: PathBuf,
}

impl Server {
    /// Starts it, and waits until it takes requests.
    pub(crate) async fn start(folder: &Path, journal: &Path) -> Self {
        File::create(journal).expect("a journal");
        let log = folder.join("server.log");
        let output = File::create(&log).expect("a log");
        let mut process = Command::new(find::server_python())
            .arg(find::workspace().join("integration/python/openai_server.py"))
            .arg(journal)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(output.try_clone().expect("a log"))
            .stderr(output)
            .spawn()
            .expect("python starts");
        let at = eventually("the server", async || {
            let said = fs::read_to_string(&log).expect("a log");
            let ended = process.try_wait().expect("a child");
            assert!(ended.is_none(), "the server ended by itself\n{said}");
            said.lines().find_map(|line| line.strip_prefix("listening on ")?.parse().ok())
        });
        Self { at: at.await, process, log }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
