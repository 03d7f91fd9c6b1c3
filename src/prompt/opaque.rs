//! A body of which nothing is known: whether some reader may take it for JSON.
//!
//! Python's `json` finds out by itself whether bytes are UTF-8, UTF-16 or UTF-32, so the brace that
//! opens an object may have zeros around it, and a byte order mark before it.

/// Whether this may be a JSON object for some reader.
pub fn may_be_json(body: &[u8]) -> bool {
    let mark = |byte: &u8| matches!(byte, 0 | 0xef | 0xbb | 0xbf | 0xfe | 0xff);
    let first = body.iter().find(|byte| !mark(byte) && !byte.is_ascii_whitespace());
    first == Some(&b'{')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn what_may_open_an_object_is_seen() {
        for body in [&b"{"[..], b" \n{}", b"\xef\xbb\xbf{", b"\xff\xfe{\0", b"\0\0\0{", b"\0{\0}"] {
            assert!(may_be_json(body), "{body:?}");
        }
        for body in [&b""[..], b"\x00\x01", b"[{}]", b"model=o1", b"\x89PNG{"] {
            assert!(!may_be_json(body), "{body:?}");
        }
    }
}
