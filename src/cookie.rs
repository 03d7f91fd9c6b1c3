//! The cookies of a request (RFC 6265 §4.2), read once however many models look for theirs.
//!
//! The affinity cookie is the gateway's own and must not reach a backend; every other cookie goes
//! on as it came. A header is bytes: browsers send cookies that are not UTF-8. HTTP/2 and some
//! HTTP/1.1 clients send several `cookie` lines, which are one header (RFC 9113 §8.2.3).

#![warn(clippy::arithmetic_side_effects)]

use std::ops::Range;

/// A request's cookies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cookies {
    header: Vec<u8>,
    cookies: Vec<Cookie>,
}

/// Where one stands in the header.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cookie {
    all: Range<usize>,
    name: Range<usize>,
    value: Range<usize>,
}

impl Cookies {
    /// Reads a whole `cookie` header; several lines are joined with `; `.
    pub fn read(header: Vec<u8>) -> Self {
        let mut cookies = Vec::new();
        let mut at = 0_usize;
        for part in header.split(|byte| *byte == b';') {
            let all = trimmed(part, at);
            at = at.saturating_add(part.len()).saturating_add(1);
            if !all.is_empty() {
                let pair = header.get(all.clone()).unwrap_or_default();
                let (name, value) = split(pair, all.start);
                cookies.push(Cookie { all, name, value });
            }
        }
        Self { header, cookies }
    }

    /// The value of the first cookie of this name; a value may stand in quotes.
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.pairs().find(|(own, _)| *own == name.as_bytes()).map(|(_, value)| value)
    }

    /// The names and values.
    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.cookies.iter().map(|cookie| (self.text(&cookie.name), self.text(&cookie.value)))
    }

    /// The header without the cookies that are not for a backend, by name and value. `None`: they are
    /// all for it, so that the header may stay as it is.
    pub fn without(&self, is_taken: impl Fn(&[u8], &[u8]) -> bool) -> Option<Vec<u8>> {
        let stays = |cookie: &&Cookie| !is_taken(self.text(&cookie.name), self.text(&cookie.value));
        let kept: Vec<&[u8]> =
            self.cookies.iter().filter(stays).map(|cookie| self.text(&cookie.all)).collect();
        (kept.len() != self.cookies.len()).then(|| kept.join(&b"; "[..]))
    }

    fn text(&self, place: &Range<usize>) -> &[u8] {
        self.header.get(place.clone()).unwrap_or_default()
    }
}

/// Where a part stands without the space around it.
fn trimmed(part: &[u8], at: usize) -> Range<usize> {
    let space = part.len().saturating_sub(part.trim_ascii_start().len());
    let start = at.saturating_add(space);
    start..start.saturating_add(part.trim_ascii().len())
}

/// Where name and value stand.
fn split(pair: &[u8], at: usize) -> (Range<usize>, Range<usize>) {
    let equals = memchr::memchr(b'=', pair).unwrap_or(pair.len());
    let (name, value) = pair.split_at_checked(equals).unwrap_or((pair, &[]));
    let begins = equals.saturating_add(1).min(pair.len());
    let mut place = trimmed(value.get(1..).unwrap_or_default(), at.saturating_add(begins));
    let text = value.get(1..).unwrap_or_default().trim_ascii();
    if text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).is_some() {
        place = place.start.saturating_add(1)..place.end.saturating_sub(1);
    }
    (trimmed(name, at), place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[track_caller]
    fn is(header: &[u8], name: &str, value: Option<&[u8]>) {
        assert_eq!(Cookies::read(header.to_vec()).value(name), value);
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        is(b"a=1; Pin=x.y ;b=2", "Pin", Some(b"x.y"));
        is(b"Pin=\"x\"", "Pin", Some(b"x"));
        is(b"Pin=\"", "Pin", Some(b"\""));
        is(b"Pin=", "Pin", Some(b""));
        is(b" ; Pin = x ", "Pin", Some(b"x"));
        is(b"pin=x; Pinned=y", "Pin", None);
        is(b"", "Pin", None);
    }

    #[test]
    fn only_our_cookie_is_taken_out() {
        let left = |header: &[u8]| Cookies::read(header.to_vec()).without(|name, _| name == b"Pin");
        assert_eq!(left(b"a=1; Pin=x; b=caf\xe9"), Some(b"a=1; b=caf\xe9".to_vec()));
        assert_eq!(left(b"Pin=x; Pin=y"), Some(Vec::new()));
        assert_eq!(left(b"Pin"), Some(Vec::new()));
        assert_eq!(left(b"a=1;b"), None);
        let secret = Cookies::read(b"a=1; b=secret".to_vec());
        assert_eq!(secret.without(|_, value| value == b"secret"), Some(b"a=1".to_vec()));
    }
}
