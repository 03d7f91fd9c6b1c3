//! Where a text ends: at the first quote that has no backslash before it.
//!
//! Most of what passes is text, so it is not looked at byte by byte.

/// How far inside of an escape a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escape {
    /// Not in one.
    No,
    /// After its backslash.
    Begun,
    /// So many of the four digits are missing.
    Digits(u8),
}

/// What was found of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found<'p> {
    /// Its end: this follows its quote.
    End(&'p [u8]),
    /// It goes on after these bytes, from inside of this escape.
    More(Escape),
    /// What must not stand in a text.
    Fault,
}

/// Looks for the end of a text that goes on with these bytes.
#[inline(always)]
pub(super) fn end<const STRICT: bool>(bytes: &[u8], mut escape: Escape) -> Found<'_> {
    let mut rest = bytes;
    loop {
        match escape {
            Escape::No => {
                let Some((byte, after)) = stop::<STRICT>(rest) else {
                    return Found::More(Escape::No);
                };
                rest = after;
                match byte {
                    b'"' => return Found::End(rest),
                    b'\\' => escape = Escape::Begun,
                    _ => return Found::Fault,
                }
            }
            Escape::Begun => {
                let Some((&byte, after)) = rest.split_first() else {
                    return Found::More(escape);
                };
                rest = after;
                escape = match byte {
                    b'u' => Escape::Digits(4),
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Escape::No,
                    _ if STRICT => return Found::Fault,
                    _ => Escape::No,
                };
            }
            Escape::Digits(missing) => {
                let Some((byte, after)) = rest.split_first() else {
                    return Found::More(escape);
                };
                if byte.is_ascii_hexdigit() {
                    rest = after;
                    escape = match missing {
                        0 | 1 => Escape::No,
                        _ => Escape::Digits(missing.saturating_sub(1)),
                    };
                } else if STRICT {
                    return Found::Fault;
                } else {
                    escape = Escape::No;
                }
            }
        }
    }
}

/// The first quote or backslash, and what follows it; in strict reading also the first control
/// character.
#[inline(always)]
fn stop<const STRICT: bool>(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&stop, after) = if STRICT {
        let mut rest = text;
        loop {
            let Some((eight, after)) = rest.split_first_chunk::<8>() else {
                let at = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
                break rest.get(at..)?;
            };
            let stops = stops(u64::from_le_bytes(*eight));
            if stops != 0 {
                break rest.get(stops.trailing_zeros() as usize / 8..)?;
            }
            rest = after;
        }
    } else {
        text.get(memchr::memchr2(b'"', b'\\', text)?..)?
    }
    .split_first()?;
    Some((stop, after))
}

/// Eight bytes at once: the lowest byte in which a bit is set is the first that stops. Higher ones may
/// be wrong, because a subtraction borrows from them.
const fn stops(eight: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const QUOTES: u64 = u64::from_ne_bytes([b'"'; 8]);
    const BACKSLASHES: u64 = u64::from_ne_bytes([b'\\'; 8]);
    const SPACES: u64 = u64::from_ne_bytes([b' '; 8]);
    const HIGHEST: u64 = u64::from_ne_bytes([0x80; 8]);
    // A byte that is equal becomes 0, and only 0 borrows.
    let (quote, backslash) = (eight ^ QUOTES, eight ^ BACKSLASHES);
    let control = eight.wrapping_sub(SPACES) & !eight;
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    (control | quote | backslash) & HIGHEST
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn every_byte_stops_a_text_or_does_not_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for at in 0..20 {
                let mut text = [b'x'; 20];
                text[at] = byte;
                let quoted = matches!(byte, b'"' | b'\\');
                let found = |stop: Option<(u8, &[u8])>| stop.map(|(_, after)| 19 - after.len());
                assert_eq!(found(stop::<false>(&text)), quoted.then_some(at), "{byte} at {at}");
                let stops = quoted || byte < 0x20;
                assert_eq!(found(stop::<true>(&text)), stops.then_some(at), "{byte} at {at}");
            }
        }
    }

    #[test]
    fn an_escaped_quote_is_no_end() {
        for (text, found) in [
            (&br#"ab","#[..], Found::End(b",")),
            (br#"a\"b"c"#, Found::End(b"c")),
            (br#"a\\"""#, Found::End(b"\"")),
            (br"a\u00e9", Found::More(Escape::No)),
            (br"a\u00e", Found::More(Escape::Digits(1))),
            (br"a\", Found::More(Escape::Begun)),
            (b"", Found::More(Escape::No)),
        ] {
            assert_eq!(end::<true>(text, Escape::No), found, "{text:?}");
            assert_eq!(end::<false>(text, Escape::No), found, "{text:?}");
        }
        for text in [&b"a\nb\""[..], br#"\x""#, br#"\u00g0""#, br#"\u""#] {
            assert_eq!(end::<true>(text, Escape::No), Found::Fault, "{text:?}");
            assert_eq!(end::<false>(text, Escape::No), Found::End(b""), "{text:?}");
        }
    }
}
