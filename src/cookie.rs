//! One cookie in a `Cookie` header (RFC 6265 §4.2): reading it, and taking it out.
//!
//! The affinity cookie is the gateway's own and must not reach a backend; every other cookie goes
//! on as it came. A header is bytes: browsers send cookies that are not UTF-8.

/// The value of the first cookie of this name.
pub fn value<'a>(header: &'a [u8], name: &str) -> Option<&'a [u8]> {
    pairs(header).find(|(own, _)| *own == name.as_bytes()).map(|(_, value)| value)
}

/// The header without the cookies of these names; `None` where nothing is left.
pub fn without(header: &[u8], names: &[&str]) -> Option<Vec<u8>> {
    let is_ours = |pair: &&[u8]| {
        let (name, _) = split(pair);
        names.iter().any(|ours| ours.as_bytes() == name)
    };
    let kept: Vec<&[u8]> = header
        .split(|b| *b == b';')
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty() && !is_ours(pair))
        .collect();
    (!kept.is_empty()).then(|| kept.join(&b"; "[..]))
}

fn pairs(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    header.split(|b| *b == b';').map(|pair| split(pair.trim_ascii()))
}

/// Name and value; a value may stand in quotes.
fn split(pair: &[u8]) -> (&[u8], &[u8]) {
    let at = memchr::memchr(b'=', pair).unwrap_or(pair.len());
    let (name, value) = pair.split_at(at);
    let value = value.strip_prefix(b"=").unwrap_or(value).trim_ascii();
    let bare = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\""));
    (name.trim_ascii(), bare.unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn a_cookie_is_found_among_others() {
        assert_eq!(value(b"a=1; Pin=x.y ;b=2", "Pin"), Some(&b"x.y"[..]));
        assert_eq!(value(b"Pin=\"x\"", "Pin"), Some(&b"x"[..]));
        assert_eq!(value(b"Pin=", "Pin"), Some(&b""[..]));
        assert_eq!(value(b"pin=x; Pinned=y", "Pin"), None);
        assert_eq!(value(b"", "Pin"), None);
    }

    #[test]
    fn only_our_cookie_is_taken_out() {
        assert_eq!(without(b"a=1; Pin=x; b=caf\xe9", &["Pin"]), Some(b"a=1; b=caf\xe9".to_vec()));
        assert_eq!(without(b"Pin=x; Pin=y", &["Pin"]), None);
        assert_eq!(without(b"Pin", &["Pin"]), None);
    }
}
