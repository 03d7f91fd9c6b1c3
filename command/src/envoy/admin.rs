//! The few questions that are put to Envoy's admin interface.
//!
//! It is on the same machine and answers in a few lines: each question has a connection of its own.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body, Error};

use super::discovery::Service;

/// For each step: to connect, to begin its answer, to end it. Longer than a busy Envoy takes, shorter
/// than a person's patience.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Envoy's admin interface.
#[derive(Debug, Clone, Copy)]
pub struct Admin {
    address: SocketAddr,
}

impl Admin {
    /// The interface at this address; one that means every interface is asked on loopback.
    pub fn at(mut address: SocketAddr) -> Self {
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        Self { address }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether Envoy has loaded everything and its workers take requests.
    pub fn is_live(&self) -> bool {
        self.get("/ready").is_ok_and(|body| body.contains("LIVE"))
    }

    /// The address that this listener really has, which differs from the wish where that was port 0.
    pub fn listener(&self, name: &str) -> Option<SocketAddr> {
        let body = self.get("/listeners?format=json").ok()?;
        let answer: Value = serde_json::from_str(&body).ok()?;
        let listeners = answer.get("listener_statuses")?.as_array()?;
        let listener = listeners.iter().find(|listener| listener["name"] == name)?;
        let address = listener.pointer("/local_address/socket_address")?;
        let ip: IpAddr = address.get("address")?.as_str()?.parse().ok()?;
        let port = u16::try_from(address.get("port_value")?.as_u64()?).ok()?;
        Some(SocketAddr::new(ip, port))
    }

    /// Closes the clients' listener; requests that run already go on. Those for metrics and status stay
    /// open: what ends is worth seeing.
    pub fn stop_listening(&self) -> io::Result<()> {
        // Tells clients on open connections to leave, by `connection: close` and GOAWAY.
        self.post("/healthcheck/fail")?;
        self.post("/drain_listeners?inboundonly").map(drop)
    }

    /// The least level that Envoy logs from now on.
    pub fn set_log_level(&self, level: &str) -> io::Result<()> {
        self.post(&format!("/logging?level={level}")).map(drop)
    }

    /// How many requests of clients are running. `None`: it cannot be told.
    pub fn running_requests(&self) -> Option<u64> {
        let body = self.get("/stats?filter=^http.spillway.downstream_rq_active$").ok()?;
        body.trim().rsplit(' ').next()?.parse().ok()
    }

    /// The version of each of these services that Envoy took last; 0: none. `None`: it cannot be
    /// told.
    ///
    /// Statistics are asked for by type: with 500 backends there are 100,000 counters, and few
    /// texts.
    pub fn versions(&self, services: &[Service]) -> Option<Vec<u64>> {
        let texts = self.statistics("TextReadouts", "version_text")?;
        let version = |service: &Service| {
            let text = texts.get(&format!("{}version_text", service.statistics()))?;
            text.trim_matches('"').parse().ok()
        };
        Some(services.iter().map(|service| version(service).unwrap_or(0)).collect())
    }

    /// How often Envoy has refused something of each of these services.
    pub fn refusals(&self, services: &[Service]) -> Option<Vec<u64>> {
        let counters = self.statistics("Counters", "update_(rejected|failure)$")?;
        let count = |name: String| counters.get(&name).and_then(|count| count.parse::<u64>().ok());
        let both = |service: &Service| {
            let names = ["update_rejected", "update_failure"];
            names.into_iter().filter_map(|it| count(format!("{}{it}", service.statistics()))).sum()
        };
        Some(services.iter().map(both).collect())
    }

    /// Whether clusters that it has taken are not ready yet.
    pub fn is_warming(&self) -> Option<bool> {
        let gauges = self.statistics("Gauges", "^cluster_manager.warming_clusters$")?;
        Some(gauges.values().any(|warming| warming != "0"))
    }

    fn statistics(&self, kind: &str, filter: &str) -> Option<HashMap<String, String>> {
        let body = self.get(&format!("/stats?type={kind}&filter={filter}")).ok()?;
        let lines = body.lines().filter_map(|line| line.split_once(": "));
        Some(lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// What is said at this path, whatever its status; the status listener speaks as plainly.
    ///
    /// # Errors
    /// If it cannot be reached, takes too long ([`io::ErrorKind::TimedOut`]) or does not speak HTTP.
    pub fn get(&self, path: &str) -> io::Result<String> {
        read(agent().get(self.url(path)).call())
    }

    fn post(&self, path: &str) -> io::Result<String> {
        read(agent().post(self.url(path)).send_empty())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// A client for one request: no connection outlives it, and Envoy need not close one when it ends.
fn agent() -> Agent {
    let config = Agent::config_builder()
        .proxy(None) // Whatever `HTTP_PROXY` says: it is asked directly.
        .http_status_as_error(false)
        .max_redirects(0)
        // Not one for the whole request: with that, ureq starts a thread to resolve the name.
        .timeout_connect(Some(TIMEOUT))
        .timeout_recv_response(Some(TIMEOUT))
        .timeout_recv_body(Some(TIMEOUT));
    config.build().into()
}

fn read(answer: Result<Response<Body>, Error>) -> io::Result<String> {
    let body = answer
        .and_then(|mut answer| answer.body_mut().with_config().lossy_utf8(true).read_to_string());
    body.map_err(|error| match error {
        Error::Timeout(_) => io::ErrorKind::TimedOut.into(),
        Error::Protocol(_) | Error::Http(_) => {
            io::Error::new(io::ErrorKind::InvalidData, "it does not speak HTTP")
        }
        other => other.into_io(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread::{JoinHandle, spawn};

    use super::*;

    /// An interface that answers once, and what it was asked.
    fn answers(answer: &'static str) -> (Admin, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut asked = Vec::new();
            let mut byte = [0];
            while !asked.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte).expect("a head");
                asked.extend(byte);
            }
            stream.write_all(answer.as_bytes()).expect("it is read");
            String::from_utf8(asked).expect("text")
        });
        (Admin::at(address), asked)
    }

    #[test]
    fn a_body_is_read_whatever_its_form_and_its_status() {
        for (answer, body) in [
            ("200 OK\r\ncontent-length: 5\r\n\r\nLIVE\n", "LIVE\n"),
            (
                "503 No\r\ntransfer-encoding: chunked\r\n\r\n4\r\nINIT\r\n1\r\n\n\r\n0\r\n\r\n",
                "INIT\n",
            ),
            ("404 No\r\nconnection: close\r\n\r\nto its end", "to its end"),
            // No server is at the location.
            ("302 No\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 4\r\n\r\nhere", "here"),
        ] {
            let (admin, _) = answers(format!("HTTP/1.1 {answer}").leak());
            assert_eq!(admin.get("/ready").expect("an answer"), body);
        }
    }

    #[test]
    fn expressions_are_asked_for_as_they_are() {
        let (admin, asked) = answers("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        let path = "/stats?type=Counters&filter=update_(rejected|failure)$";
        assert_eq!(admin.get(path).expect("an answer"), "");
        let asked = asked.join().expect("a request");
        assert!(asked.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{asked}");

        let (admin, asked) = answers("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        admin.set_log_level("info").expect("an answer");
        let asked = asked.join().expect("a request");
        assert!(asked.starts_with("POST /logging?level=info HTTP/1.1\r\n"), "{asked}");
        assert!(asked.to_lowercase().contains("\r\ncontent-length: 0\r\n"), "{asked}");
    }

    #[test]
    fn why_there_is_no_answer_is_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let silent = Admin::at(listener.local_addr().expect("an address"));
        assert_eq!(silent.get("/").map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
        drop(listener);
        let gone = silent.get("/").map_err(|error| error.kind());
        assert_eq!(gone, Err(io::ErrorKind::ConnectionRefused));
        let (other, _) = answers("SSH-2.0-OpenSSH_9.2\r\n\r\n");
        assert_eq!(other.get("/").map_err(|error| error.kind()), Err(io::ErrorKind::InvalidData));
    }
}
