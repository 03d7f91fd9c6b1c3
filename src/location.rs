//! Addresses in an answer's headers: on a backend's host they become the gateway's own.
//!
//! A client cannot use a backend's address, for it has no key there, and the address may hold
//! ours: Azure has answered with `302` and `location: https://…?api-key=KEY`. So an address on the
//! host of a backend becomes a path at the gateway, which the client asks with its own key. An
//! address elsewhere is the client's to follow, and stays, without credentials. What two readers
//! could understand in two ways (a backslash, a second `@`, a dot segment at a backend) is no
//! address here.
//!
//! The grammar is RFC 3986 §4; bytes above 127 are left in paths and queries, as servers write them.

#![warn(clippy::arithmetic_side_effects)]

use std::net::Ipv6Addr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use crate::config::{Backend, BackendUrl};
use crate::credential;

/// Whose addresses are rewritten, and to what.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// Every backend of the configuration.
    pub backends: &'a [Backend],
    /// The backend that gave the answer.
    pub answering: &'a Backend,
    /// What the gateway's own paths begin with; may be empty.
    pub prefix: &'a str,
    /// What the answering backend calls the model.
    pub deployment: &'a str,
    /// What clients call it.
    pub model: &'a str,
}

impl Places<'_> {
    /// The address as the client gets it; `None`: it is no address that can be read in one way.
    pub fn rewrite(&self, address: &[u8]) -> Option<Vec<u8>> {
        if address.iter().any(|byte| *byte <= b' ' || *byte == 0x7f || *byte == b'\\') {
            return None;
        }
        let (scheme, rest) = scheme(address);
        let usual = match scheme {
            Some(scheme) if is_web(scheme) && !rest.starts_with(b"//") => return None,
            Some(scheme) => usual_port(scheme),
            None => None,
        };
        let Some(rest) = rest.strip_prefix(b"//") else {
            if scheme.is_none() && rest.starts_with(b"/") {
                return self.own(rest, self.answering);
            }
            let (path, after) = split(rest, b"?#");
            return Some([before(address, rest), path, &clean(after)].concat());
        };
        let (authority, rest) = split(rest, b"/?#");
        let (host, port) = host_and_port(authority)?;
        let is_at = |backend: &&Backend| is_same(&backend.url, host, port.or(usual));
        let bare = |backend: &&Backend| below(rest, &backend.url.base_path).is_some();
        let mut there = [self.answering].into_iter().chain(self.backends).filter(is_at);
        if let Some(first) = there.next() {
            let best = [first].into_iter().chain(there).find(bare).unwrap_or(first);
            return self.own(rest, best);
        }
        let (path, after) = split(rest, b"?#");
        let scheme = scheme.map(|scheme| [scheme, b":"].concat()).unwrap_or_default();
        let host = after_user(authority)?;
        Some([&scheme, &b"//"[..], host, path, &clean(after)].concat())
    }

    /// A path at this backend, with what follows it, as a path at the gateway.
    fn own(&self, rest: &[u8], backend: &Backend) -> Option<Vec<u8>> {
        let (path, after) = split(rest, b"?#");
        let path = below(path, &backend.url.base_path).unwrap_or(path);
        let mut own = self.prefix.as_bytes().to_vec();
        let segments = path.split(|byte| *byte == b'/').filter(|segment| !segment.is_empty());
        let mut before: [&[u8]; 2] = [b"", b""];
        for segment in segments {
            if is_dots(segment) {
                return None;
            }
            own.push(b'/');
            if before == DEPLOYMENTS
                && backend.name == self.answering.name
                && percent_decode(segment).eq(self.deployment.bytes())
            {
                own.extend(utf8_percent_encode(self.model, SEGMENT).flat_map(str::bytes));
            } else {
                own.extend_from_slice(segment);
            }
            before = [before[1], segment];
        }
        if path.ends_with(b"/") || !own.starts_with(b"/") {
            own.push(b'/');
        }
        own.extend(clean(after));
        Some(own)
    }
}

/// The scheme, without its colon, and what follows it.
fn scheme(address: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let (scheme, rest) = split(address, b":/?#");
    let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    match rest.strip_prefix(b":") {
        Some(rest) if is_scheme => (Some(scheme), rest),
        _ => (None, address),
    }
}

fn is_web(scheme: &[u8]) -> bool {
    usual_port(scheme).is_some()
}

fn usual_port(scheme: &[u8]) -> Option<u16> {
    let is = |known: &&[u8]| scheme.eq_ignore_ascii_case(known);
    match () {
        () if [&b"https"[..], b"wss"].iter().any(is) => Some(443),
        () if [&b"http"[..], b"ws"].iter().any(is) => Some(80),
        () => None,
    }
}

/// An authority without user and password; `None` where it has two readings.
fn after_user(authority: &[u8]) -> Option<&[u8]> {
    let mut parts = authority.rsplitn(3, |byte| *byte == b'@');
    let host = parts.next()?;
    parts.next();
    parts.next().is_none().then_some(host)
}

/// The host, without the dot that may end it, and the port where there is one.
fn host_and_port(authority: &[u8]) -> Option<(&str, Option<u16>)> {
    let host = std::str::from_utf8(after_user(authority)?).ok()?;
    let end = match host.strip_prefix('[') {
        Some(_) => host.find(']')?.saturating_add(1),
        None => host.find(':').unwrap_or(host.len()),
    };
    let (host, port) = host.split_at_checked(end)?;
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some("") => None,
        digits => {
            let digits =
                digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
            Some(digits.parse().ok()?)
        }
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    (!host.is_empty() && host.bytes().all(plain)).then_some((host, port))
}

/// Whether a backend answers there. A server behind one that ends TLS takes itself for `http`, and
/// one that is named without a scheme may be either: the usual ports are one.
fn is_same(url: &BackendUrl, host: &str, port: Option<u16>) -> bool {
    let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match inside {
        Some(address) => {
            let address = address.parse::<Ipv6Addr>();
            address.is_ok() && address.ok() == url.host.parse().ok()
        }
        None => url.host.eq_ignore_ascii_case(host),
    };
    let usual = |port: u16| matches!(port, 80 | 443);
    is_host
        && port.map_or(usual(url.port), |port| port == url.port || usual(port) && usual(url.port))
}

/// What follows the base path; `None`: it does not begin so.
fn below<'a>(path: &'a [u8], base: &str) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(base.as_bytes())?;
    matches!(rest.first(), None | Some(b'/' | b'?' | b'#')).then_some(rest)
}

/// Whether a segment is `.` or `..`, in whatever spelling.
fn is_dots(segment: &[u8]) -> bool {
    let mut decoded = percent_decode(segment);
    let (first, second, third) = (decoded.next(), decoded.next(), decoded.next());
    first == Some(b'.') && matches!(second, None | Some(b'.')) && third.is_none()
}

/// A query and a fragment, each with the character that begins it, without the parameters that
/// carry credentials.
fn clean(after: &[u8]) -> Vec<u8> {
    let (query, fragment) = split(after, b"#");
    [without_credentials(query), without_credentials(fragment)].concat()
}

/// Parameters are parted by `&`, and for some readers by `;` or a second `?`.
fn without_credentials(part: &[u8]) -> Vec<u8> {
    let Some((begins, parameters)) = part.split_first() else { return Vec::new() };
    let mut kept = Vec::with_capacity(part.len());
    let mut separator = *begins;
    let mut removed = false;
    for parameter in parameters.split_inclusive(|byte| b"&;?".contains(byte)) {
        let next = parameter.last().copied().filter(|byte| b"&;?".contains(byte));
        let pair = parameter.get(..parameter.len().saturating_sub(usize::from(next.is_some())));
        let pair = pair.unwrap_or_default();
        if is_credential(pair) {
            removed = true;
        } else {
            kept.push(separator);
            kept.extend_from_slice(pair);
            separator = next.unwrap_or(b'&');
        }
    }
    if removed { kept } else { part.to_vec() }
}

fn is_credential(pair: &[u8]) -> bool {
    let (name, _) = split(pair, b"=");
    let spaced: Vec<u8> =
        name.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let decoded: Vec<u8> = percent_decode(&spaced).collect();
    // Frameworks write brackets behind names, and some readers end a name at a zero.
    let end = decoded.iter().position(|byte| matches!(byte, b'[' | 0)).unwrap_or(decoded.len());
    credential::is_parameter(decoded.get(..end).unwrap_or_default().trim_ascii())
}

/// What is before the first of these bytes, and what begins with it.
fn split<'a>(bytes: &'a [u8], at: &[u8]) -> (&'a [u8], &'a [u8]) {
    let place = bytes.iter().position(|byte| at.contains(byte)).unwrap_or(bytes.len());
    bytes.split_at(place)
}

/// What stands before the end of `all` that `rest` is.
fn before<'a>(all: &'a [u8], rest: &[u8]) -> &'a [u8] {
    all.get(..all.len().saturating_sub(rest.len())).unwrap_or_default()
}

const DEPLOYMENTS: [&[u8]; 2] = [b"openai", b"deployments"];

/// What must be encoded in one segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests;
