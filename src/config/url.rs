//! Backends' URLs and clients' path prefixes.
//!
//! A problem here never repeats what was written: a URL may hold a password or a key.

use super::{BackendUrl, Problem};

/// The URL in its parts.
pub fn parse(text: &str) -> Result<BackendUrl, Problem> {
    let (scheme, rest) = text
        .split_once("://")
        .ok_or_else(|| not_a_url("the URL has no scheme", "start it with `https://`"))?;
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        _ => {
            return Err(not_a_url(
                "the URL's scheme is neither `https` nor `http`",
                "start it with `https://`",
            ));
        }
    };
    if rest.contains('#') {
        return Err(not_a_url("the URL holds a fragment", "remove the `#` and what follows it"));
    }
    if rest.contains('?') {
        return Err(not_a_url(
            "the URL holds a query",
            "remove the `?` and what follows it; clients send their own `api-version`",
        ));
    }
    let slash = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(slash).unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err(not_a_url(
            "the URL holds a user or a password",
            "remove it and give the key as `api_key` or `bearer_token`",
        ));
    }
    let (host, port) = host_and_port(authority)?;
    let port = port.unwrap_or(if tls { 443 } else { 80 });
    Ok(BackendUrl { tls, host, port, base_path: path_prefix(path)? })
}

/// A path without its last `/`; empty where there is nothing else.
pub fn path_prefix(text: &str) -> Result<String, Problem> {
    let path = text.trim_end_matches('/');
    if path.is_empty() {
        return Ok(String::new());
    }
    let Some(inner) = path.strip_prefix('/') else {
        return Err(not_a_url("the path does not start with `/`", "put a `/` in front of it"));
    };
    if !path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&b)) {
        return Err(not_a_url(
            "the path holds a character that it must not hold",
            "use letters, digits and `-._~!$&'()*+,;=:@`, parted by `/`",
        ));
    }
    if inner.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(not_a_url("the path holds an empty part, `.` or `..`", "write it out in full"));
    }
    Ok(path.to_owned())
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), Problem> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest
                .split_once(']')
                .ok_or_else(|| not_a_url("the URL's `[` is never closed", ""))?;
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(not_a_url("the URL's host in `[ ]` is not an IPv6 address", ""));
            }
            let port = if after.is_empty() { None } else { Some(after.strip_prefix(':')) };
            (host.to_ascii_lowercase(), port.map(|port| port.unwrap_or("?")))
        }
        None => {
            let (host, port) = match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            };
            (dns_name(host)?, port)
        }
    };
    let port = match port {
        None => None,
        Some(text) => match text.parse::<u16>() {
            Ok(number) if number > 0 && text.bytes().all(|b| b.is_ascii_digit()) => Some(number),
            _ => {
                return Err(not_a_url(
                    "the URL's port is not a number from 1 to 65535",
                    "an IPv6 address goes in brackets: `http://[::1]:8080`",
                ));
            }
        },
    };
    Ok((host, port))
}

fn dns_name(host: &str) -> Result<String, Problem> {
    if host.is_empty() {
        return Err(not_a_url("the URL has no host", ""));
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.len() > 253 || !host.split('.').all(label) {
        return Err(not_a_url(
            "the URL's host is neither a DNS name nor an IP address",
            "use letters, digits, `-` and `.`",
        ));
    }
    let numeric = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if numeric && host.parse::<std::net::Ipv4Addr>().is_err() {
        return Err(not_a_url("the URL's host is not an IPv4 address", "write all four numbers"));
    }
    Ok(host.to_ascii_lowercase())
}

fn not_a_url(message: &str, hint: &str) -> Problem {
    Problem::new("", message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn parts(text: &str) -> (bool, String, u16, String) {
        let url = parse(text).unwrap();
        (url.tls, url.host, url.port, url.base_path)
    }

    #[test]
    fn urls_come_apart() {
        let expect = |tls, host: &str, port, path: &str| (tls, host.into(), port, path.into());
        assert_eq!(parts("https://A.example.com"), expect(true, "a.example.com", 443, ""));
        assert_eq!(parts("http://10.0.0.1:8080/"), expect(false, "10.0.0.1", 8080, ""));
        assert_eq!(parts("https://x/v1/base/"), expect(true, "x", 443, "/v1/base"));
        assert_eq!(parts("http://[::1]:8080/a"), expect(false, "::1", 8080, "/a"));
        assert_eq!(parts("http://[::1]"), expect(false, "::1", 80, ""));
        assert_eq!(parts("http://api_server:1"), expect(false, "api_server", 1, ""));
    }

    #[test]
    fn what_is_no_url_is_refused_without_repeating_it() {
        for text in [
            "",
            "x",
            "x.example.com",
            "ftp://x",
            "https://",
            "https://:443",
            "https://x:0",
            "https://x:65536",
            "https://x:+1",
            "https://x:",
            "https://me:hunter2@x",
            "https://x?key=hunter2",
            "https://x#hunter2",
            "https://x/a b",
            "https://x/a/../b",
            "https://x//a",
            "https://-x",
            "https://x..y",
            "https://é",
            "https://[::1",
            "https://[x]",
            "https://[::1]x",
            "https://::1",
            "https://1.2.3",
            "https://x\\y",
            "https://x/%zz",
        ] {
            let problem = parse(text).unwrap_err();
            assert!(!problem.to_string().contains("hunter2"), "{problem}");
            assert!(!problem.message.is_empty());
        }
    }

    #[test]
    fn a_prefix_is_a_path_without_its_last_slash() {
        assert_eq!(path_prefix("/inference/"), Ok("/inference".into()));
        assert_eq!(path_prefix("/"), Ok(String::new()));
        for text in ["inference", "/a?b", "/a//b", "/..", "/a%2f"] {
            assert!(path_prefix(text).is_err(), "{text}");
        }
    }
}
