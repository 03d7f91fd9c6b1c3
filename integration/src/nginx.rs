//! nginx as a backend that nobody here wrote.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tokio::net::TcpStream;

use crate::{eventually, find};

/// A running nginx. It ends when it is dropped.
#[derive(Debug)]
pub struct Nginx {
    /// Where it listens.
    pub at: SocketAddr,
    process: Child,
    log: PathBuf,
}

impl Nginx {
    /// Starts one with this in its `http` block, and waits until it takes connections. `LISTEN` in it
    /// becomes its address, and `FOLDER` a folder of its own inside `folder`.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub async fn start(folder: &Path, http: &str) -> Self {
        let folder = folder.join("nginx");
        fs::create_dir(&folder).expect("a folder");
        for _ in 0..TRIES {
            // It cannot say which port it took: one that is free now is asked for, and another one
            // where somebody else was faster.
            let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
            let mut started = Self::at(free.expect("a free port"), &folder, http);
            let listens = eventually("nginx", async || {
                if started.process.try_wait().expect("a child").is_some() {
                    return Some(false);
                }
                TcpStream::connect(started.at).await.ok().map(|_| true)
            });
            if listens.await && started.process.try_wait().expect("a child").is_none() {
                return started;
            }
            assert!(started.log().contains("Address already in use"), "{}", started.log());
        }
        panic!("no port stayed free {TRIES} times");
    }

    fn at(at: SocketAddr, folder: &Path, http: &str) -> Self {
        let log = folder.join("log");
        let config = PROCESS
            .replace("HTTP", http)
            .replace("LISTEN", &at.to_string())
            .replace("FOLDER", folder.to_str().expect("text"));
        fs::write(folder.join("nginx.conf"), config).expect("a configuration");
        let process = Command::new(find::nginx())
            .arg("-p")
            .arg(folder)
            .arg("-c")
            .arg(folder.join("nginx.conf"))
            .args(["-e", "stderr"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("a log"))
            .spawn()
            .expect("nginx starts");
        Self { at, process, log }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const TRIES: usize = 5;

/// One process, so that it ends when it is told to.
const PROCESS: &str = "
daemon off;
master_process off;
pid FOLDER/pid;
error_log stderr error;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path FOLDER/client;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    HTTP
}
";
