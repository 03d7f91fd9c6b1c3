//! The few questions that are put to Envoy's admin interface.
//!
//! It is on the same machine and answers in a few lines, so a plain connection does.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::discovery::Service;

/// Longer than a busy Envoy takes, shorter than a person's patience.
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
        self.ask("GET", "/ready").is_ok_and(|body| body.contains("LIVE"))
    }

    /// The address that this listener really has, which differs from the wish where that was port 0.
    pub fn listener(&self, name: &str) -> Option<SocketAddr> {
        let body = self.ask("GET", "/listeners?format=json").ok()?;
        let answer: Value = serde_json::from_str(&body).ok()?;
        let listeners = answer.get("listener_statuses")?.as_array()?;
        let listener = listeners.iter().find(|listener| listener["name"] == name)?;
        let address = listener.pointer("/local_address/socket_address")?;
        let ip: IpAddr = address.get("address")?.as_str()?.parse().ok()?;
        let port = u16::try_from(address.get("port_value")?.as_u64()?).ok()?;
        Some(SocketAddr::new(ip, port))
    }

    /// Closes the listener; requests that run already go on.
    pub fn stop_listening(&self) -> io::Result<()> {
        // Tells clients on open connections to leave, by `connection: close` and GOAWAY.
        self.ask("POST", "/healthcheck/fail")?;
        self.ask("POST", "/drain_listeners").map(drop)
    }

    /// The least level that Envoy logs from now on.
    pub fn set_log_level(&self, level: &str) -> io::Result<()> {
        self.ask("POST", &format!("/logging?level={level}")).map(drop)
    }

    /// How many requests of clients are running. `None`: it cannot be told.
    pub fn running_requests(&self) -> Option<u64> {
        let body = self.ask("GET", "/stats?filter=^http.spillway.downstream_rq_active$").ok()?;
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
        let body = self.ask("GET", &format!("/stats?type={kind}&filter={filter}")).ok()?;
        let lines = body.lines().filter_map(|line| line.split_once(": "));
        Some(lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// What is said at this path, whatever its status; the status listener speaks as plainly.
    pub fn ask(&self, method: &str, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        Ok(if chunked { joined(body) } else { body.to_owned() })
    }
}

/// A chunked body without its chunks' sizes.
fn joined(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        let Some((chunk, rest)) = rest.split_at_checked(size).filter(|_| size > 0) else { break };
        whole.push_str(chunk);
        body = rest.strip_prefix("\r\n").unwrap_or(rest);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined() {
        assert_eq!(joined("4\r\nLIVE\r\n1\r\n\n\r\n0\r\n\r\n"), "LIVE\n");
        assert_eq!(joined("ff\r\nshort"), "");
        assert_eq!(joined(""), "");
    }
}
