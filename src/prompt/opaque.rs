//! A body of which nothing is known: whether some reader may take it for JSON.
//!
//! Python's `json` finds out by itself whether bytes are UTF-8, UTF-16 or UTF-32, so the brace that
//! opens an object may have zeros around it, and a byte order mark before it.

/// Whether this may be a JSON object for some reader.
pub fn may_be_json(body: &[u8]) -> bool {
    // Zeros, byte order marks, and the spaces that only some readers skip.
    let skipped = |byte: &u8| {
        matches!(byte, 0 | 0x0b | 0xef | 0xbb | 0xbf | 0xfe | 0xff | 0xc2 | 0xa0)
            || byte.is_ascii_whitespace()
    };
    let first = body.iter().find(|byte| !skipped(byte));
    // A comment may come first.
    matches!(first, Some(b'{' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn what_may_open_an_object_is_seen() {
        for body in [
            &b"{"[..],
            b" \n{}",
            b"\xef\xbb\xbf{",
            b"\xff\xfe{\0",
            b"\0\0\0{",
            b"\0{\0}",
            b"\x0b{",
            b"\xc2\xa0{",
            b"/*x*/{",
        ] {
            assert!(may_be_json(body), "{body:?}");
        }
        for body in [&b""[..], b"\x00\x01", b"[{}]", b"model=o1", b"\x89PNG{"] {
            assert!(!may_be_json(body), "{body:?}");
        }
    }
}
