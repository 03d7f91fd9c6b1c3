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

/// Where Envoy stands with a discovery service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discovered {
    /// The last version that it took; 0: none.
    pub version: u64,
    /// How often it has refused one.
    pub refused: u64,
    /// Some of it is taken and not ready yet.
    pub warming: bool,
}

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

    /// The address that the listener really has, which differs from the wish where that was port 0.
    pub fn listener(&self) -> Option<SocketAddr> {
        let body = self.ask("GET", "/listeners?format=json").ok()?;
        let answer: Value = serde_json::from_str(&body).ok()?;
        let address = answer.pointer("/listener_statuses/0/local_address/socket_address")?;
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

    /// Where Envoy stands with these services, in their order. `None`: it cannot be told.
    pub fn discovered(&self, services: &[Service]) -> Option<Vec<Discovered>> {
        let path = "/stats?filter=(cds|rds|extension_config_discovery|cluster_manager.warming)";
        let body = self.ask("GET", path).ok()?;
        let stats: HashMap<&str, &str> =
            body.lines().filter_map(|line| line.split_once(": ")).collect();
        let number = |name: &str| stats.get(name).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        let warming = number("cluster_manager.warming_clusters") > 0;
        let one = |service: &Service| {
            let prefix = service.statistics();
            let number = |name: &str| number(&format!("{prefix}{name}"));
            let version = stats.get(format!("{prefix}version_text").as_str());
            Discovered {
                version: version.and_then(|text| text.trim_matches('"').parse().ok()).unwrap_or(0),
                refused: number("update_rejected") + number("update_failure"),
                warming: warming && *service == Service::Clusters,
            }
        };
        Some(services.iter().map(one).collect())
    }

    fn ask(&self, method: &str, path: &str) -> io::Result<String> {
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
