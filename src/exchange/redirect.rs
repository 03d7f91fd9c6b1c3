//! Failover by internal redirect, for an Envoy whose retries stay at one backend.
//!
//! The router follows an answer with one status, [`FOLLOWED`], if it has a `location`. So that
//! status is ours alone on the way from the upstream filter to the router:
//!
//! - an answer that another backend should replace is given it, with the request's own address as
//!   the `location`. The router drops the answer and runs the request through the whole chain
//!   again, its body included; the downstream filter of that second run finds this exchange
//!   ([`Exchange::on_return`]) and goes on where the upstream filter left off;
//! - a backend's own redirect is the client's to follow. It passes the router as [`UNFOLLOWED`].
//!
//! Whatever passes the router under a [`StatusOverride`] and reaches the downstream filter all the same
//! gets its own status back there, so that no status of ours reaches a client.
//!
//! The router redirects only what it has received whole. A request that may be sent again is
//! therefore held until its last byte is there ([`super::flow::RequestFlow::AwaitEnd`]).

use super::effect::LogField;
use super::flow::Retry;
use super::head::Head;
use super::repetition::most_retries;
use super::{Context, Effect, Exchange};
use crate::target::Target;

/// The answer's real status, and the one that it has on its way through the router.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatusOverride {
    real: u16,
    shown: u16,
}

impl Exchange {
    /// Whether Envoy was asked to bring the request back, and has not yet.
    pub fn comes_back(&self) -> bool {
        self.status_override.is_some_and(|status| status.shown == FOLLOWED)
    }

    /// The retries that Envoy may make by itself: none, where they would stay at one backend.
    pub(super) fn retries(&self, allowed: usize) -> usize {
        if self.gateway.failover.redirects() { 0 } else { most_retries(allowed) }
    }

    /// A request that may have to be sent again is held until it is complete. So is one whose attempts
    /// have a time as a whole: that is the backend's, and a slow client's upload would be part of it.
    pub(super) fn awaits_end(&self) -> bool {
        if self.refused.is_none() && self.limits_attempts() {
            return true;
        }
        let again = self.sending.as_ref().is_some_and(|sending| sending.allowed > 1);
        again && self.refused.is_none() && self.gateway.failover.redirects()
    }

    /// Has Envoy drop this answer and send the request to the backend that is named next.
    pub(super) fn retry(&mut self) -> Retry {
        if !self.gateway.failover.redirects() {
            return Retry::Mark;
        }
        let real = self.attempts.status().unwrap_or_default();
        self.status_override = Some(StatusOverride { real, shown: FOLLOWED });
        let to = self.info.as_ref().map(|info| info.url.clone()).unwrap_or_default();
        Retry::Redirect { to }
    }

    /// Keeps Envoy from following a backend's own redirect.
    pub(super) fn pass_unfollowed(&mut self, status: u16) -> Option<Effect> {
        if !self.gateway.failover.redirects() || status != FOLLOWED {
            return None;
        }
        self.status_override = Some(StatusOverride { real: status, shown: UNFOLLOWED });
        Some(Effect::SetAnswerHeader(STATUS, UNFOLLOWED.to_string()))
    }

    /// The request comes back as the last attempt left it, but for the address: that is the
    /// `location`'s, and its whole body follows once more.
    pub fn on_return(&mut self, cx: &mut Context<'_>) {
        self.telemetry.own.start(cx.moment());
        self.status_override = None;
        let (Some(info), Some(sending)) = (&mut self.info, &mut self.sending) else { return };
        info.passed = 0;
        cx.push(Effect::Log(LogField::Operation, info.target.operation.word().to_owned()));
        sending.left.path = None;
        let next = sending.next;
        let Some(route) = self.route() else { return };
        let backend = next.and_then(|member| route.model.pool.get(member)).map(|m| m.backend);
        self.limit_times(&route, cx);
        cx.extend(backend.map(|backend| Effect::SendTo { backend, retries: 0 }));
    }

    /// The answer's own status, and what brings it back.
    pub(super) fn own_status(&mut self, status: u16, cx: &mut Context<'_>) -> u16 {
        let Some(StatusOverride { real, shown }) = self.status_override.take() else {
            return status;
        };
        if shown != status {
            // Another answer than the one that was meant: Envoy's own.
            return status;
        }
        cx.push(Effect::SetAnswerHeader(STATUS, real.to_string()));
        if shown == FOLLOWED {
            cx.push(Effect::RemoveAnswerHeader("location"));
        }
        real
    }
}

/// The request's own address, for filters and routes that look at it when it comes back.
///
/// Envoy parses it, and does not redirect to what it cannot parse. What is odd is written so that
/// it can; each attempt's own path is derived from the original anyway.
pub(super) fn url(head: &Head, target: &Target, prefix: &str) -> Vec<u8> {
    let is_https = head.scheme.as_deref() == Some(b"https");
    let host = head.authority.as_deref().filter(|host| is_host(host)).unwrap_or(b"spillway");
    let mut url = if is_https { b"https://".to_vec() } else { b"http://".to_vec() };
    url.extend_from_slice(host);
    let mut path = prefix.as_bytes().to_vec();
    path.extend(target.path_and_query());
    if !path.starts_with(b"/") {
        url.push(b'/');
    }
    for byte in path {
        if byte.is_ascii_alphanumeric() || PLAIN.contains(&byte) {
            url.push(byte);
        } else {
            url.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    url
}

/// A name or an address, perhaps with a port.
fn is_host(host: &[u8]) -> bool {
    let (name, port) = match memchr::memrchr(b':', host) {
        Some(colon) if !host.ends_with(b"]") => host.split_at(colon),
        _ => (host, &b":1"[..]),
    };
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    let is_name = !name.is_empty() && name.iter().all(plain);
    let inside = name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]"));
    let is_v6 = inside.is_some_and(|inside| {
        std::str::from_utf8(inside).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok())
    });
    let number = port.get(1..).and_then(|port| std::str::from_utf8(port).ok());
    let is_port = number.is_some_and(|port| port.parse::<u16>().is_ok());
    (is_name || is_v6) && is_port
}

/// The one status that the route has Envoy follow (`redirect_response_codes`): with it, Envoy
/// keeps method and body.
pub const FOLLOWED: u16 = 307;

/// The status under which a backend's own 307 passes the router.
const UNFOLLOWED: u16 = 308;

const STATUS: &str = ":status";

/// What may stand in a URL as it is, besides letters and digits.
const PLAIN: &[u8] = b"-._~:/?[]@!$&'()*+,;=%";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn url_of(scheme: &str, authority: &[u8], path: &[u8]) -> String {
        let head = Head {
            scheme: Some(scheme.into()),
            authority: Some(authority.to_vec()),
            ..Head::default()
        };
        let target = Target::read(b"POST", path, "/below", &[]).expect("below the prefix");
        String::from_utf8(url(&head, &target, "/below")).expect("text")
    }

    #[test]
    fn a_requests_address_is_its_own_without_the_clients_key() {
        let url =
            url_of("https", b"ai.contoso.com:8443", b"/below/v1/embeddings?a=%20&api-key=k&b=c");
        assert_eq!(url, "https://ai.contoso.com:8443/below/v1/embeddings?a=%20&b=c");
        let other = url_of("ftp", b"[::1]:80", b"//below/V1/embeddings?x");
        assert_eq!(other, "http://[::1]:80/below/v1/embeddings?x");
    }

    #[test]
    fn what_envoy_could_not_parse_is_written_otherwise() {
        let url = url_of("http", b"a b", b"/below/v1/embeddings?caf\xe9=\"{x}");
        assert_eq!(url, "http://spillway/below/v1/embeddings?caf%E9=%22%7Bx%7D");
        for odd in [&b""[..], b":80", b"a:", b"a:b", b"a:99999", b"[::1", b"u@h", b"a/b", b"\xe9"] {
            assert!(!is_host(odd), "{}", String::from_utf8_lossy(odd));
        }
    }
}
