//! nginx as a backend: it merges slashes, resolves dot segments, decodes the path, and hands on what
//! came of that.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use spillway_integration::{eventually, find};
use tokio::net::TcpStream;

/// A running nginx. It ends when it is dropped.
pub(crate) struct Nginx {
    pub(crate) at: SocketAddr,
    process: Child,
    log: PathBuf,
}

impl Nginx {
    /// Starts one before this server, and waits until it takes connections.
    pub(crate) async fn start(folder: &Path, server: SocketAddr) -> Self {
        let folder = folder.join("nginx");
        fs::create_dir(&folder).expect("a folder");
        for _ in 0..TRIES {
            // It cannot say which port it took: one that is free now is asked for, and another one
            // where somebody else was faster.
            let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
            let mut started = Self::at(free.expect("a free port"), &folder, server);
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

    fn at(at: SocketAddr, folder: &Path, server: SocketAddr) -> Self {
        let log = folder.join("log");
        let config = CONFIG
            .replace("LISTEN", &at.to_string())
            .replace("SERVER", &server.to_string())
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

    pub(crate) fn log(&self) -> String {
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

/// One process, so that it ends when it is told to. `$uri` is the path after all of nginx's reading.
const CONFIG: &str = "
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
    merge_slashes on;
    ignore_invalid_headers off;
    underscores_in_headers on;
    keepalive_timeout 1h;
    keepalive_requests 1000000;
    server {
        listen LISTEN;
        location / {
            proxy_http_version 1.1;
            proxy_pass http://SERVER$uri$is_args$args;
        }
    }
}
";
