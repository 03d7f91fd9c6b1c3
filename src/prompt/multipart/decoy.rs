//! Text that a careless reader takes for something else.
//!
//! Some readers look for `name=` with a search and not with a parser, or split at every semicolon,
//! quoted or not. What they could find must not be there.

/// Whether this holds a parameter `name` for a reader that splits at every semicolon.
pub(super) fn has_a_name(value: &[u8]) -> bool {
    let text = squeezed(value);
    [&b";name="[..], b";name*"].iter().any(|decoy| memchr::memmem::find(&text, decoy).is_some())
}

/// Whether this says the word, in any case and with spaces anywhere.
pub(super) fn says(value: &[u8], word: &str) -> bool {
    memchr::memmem::find(&squeezed(value), word.as_bytes()).is_some()
}

/// Whether a line ends here for a reader that knows all the line ends of Unicode, or a byte stands
/// here that no client writes.
pub(super) fn breaks_lines(value: &[u8]) -> bool {
    let ends = ["\u{85}", "\u{2028}", "\u{2029}"];
    value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t')
        || ends.iter().any(|end| memchr::memmem::find(value, end.as_bytes()).is_some())
}

fn squeezed(value: &[u8]) -> Vec<u8> {
    let letters = value.iter().filter(|byte| !byte.is_ascii_whitespace());
    letters.map(u8::to_ascii_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn a_decoy_is_seen_through_case_and_spaces() {
        for decoy in ["a; name=model", "a;NAME = model", "a ;\tname*=utf-8''model", ";name*0=m"] {
            assert!(has_a_name(decoy.as_bytes()), "{decoy}");
        }
        for plain in ["a b;c.wav", "name=model", "a; filename=b", "a;b name=c", "a;names=b"] {
            assert!(!has_a_name(plain.as_bytes()), "{plain}");
        }
        assert!(says(b"x Content-Dispo sition:", "content-disposition"));
        assert!(!says(b"content", "content-disposition"));
    }

    #[test]
    fn every_line_end_is_one() {
        for text in ["a\rb", "a\nb", "a\0b", "a\x0bb", "a\u{85}b", "a\u{2028}b", "\x7f", "\x1e"] {
            assert!(breaks_lines(text.as_bytes()), "{text:?}");
        }
        for text in ["", "a\tb c", "\u{e9}\u{1f30a}", "\u{c5}"] {
            assert!(!breaks_lines(text.as_bytes()), "{text:?}");
        }
    }
}
