//! Numbers, `true`, `false` and `null`, as RFC 8259 writes them.

/// What has come of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// Of `true`, `false` or `null`: what is missing of it.
    Literal(&'static [u8]),
    /// A minus.
    Minus,
    /// A zero that nothing but a point or an exponent may follow.
    Zero,
    /// Digits before a point.
    Whole,
    /// A point.
    Point,
    /// Digits after it.
    Fraction,
    /// An `e`.
    Exponent,
    /// The sign after it.
    Sign,
    /// Digits after that.
    Power,
}

impl Word {
    /// A word that begins with this byte.
    pub(super) const fn begin(byte: u8) -> Option<Self> {
        Some(match byte {
            b'-' => Self::Minus,
            b'0' => Self::Zero,
            b'1'..=b'9' => Self::Whole,
            b't' => Self::Literal(b"rue"),
            b'f' => Self::Literal(b"alse"),
            b'n' => Self::Literal(b"ull"),
            _ => return None,
        })
    }

    /// It goes on with these bytes.
    pub(super) fn read(self, bytes: &[u8]) -> Option<Self> {
        if let Self::Literal(missing) = self {
            return missing.strip_prefix(bytes).map(Self::Literal);
        }
        bytes.iter().try_fold(self, |word, byte| word.digit(*byte))
    }

    const fn digit(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus, b'1'..=b'9') | (Self::Whole, b'0'..=b'9') => Self::Whole,
            (Self::Zero | Self::Whole, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::Sign,
            (Self::Exponent | Self::Sign | Self::Power, b'0'..=b'9') => Self::Power,
            _ => return None,
        })
    }

    /// Whether it may end here.
    pub(super) const fn may_end(self) -> bool {
        match self {
            Self::Literal(missing) => missing.is_empty(),
            Self::Zero | Self::Whole | Self::Fraction | Self::Power => true,
            Self::Minus | Self::Point | Self::Exponent | Self::Sign => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn is_word(text: &str) -> bool {
        let (first, rest) = text.as_bytes().split_first().expect("not empty");
        let word = Word::begin(*first).and_then(|word| word.read(rest));
        // Cut anywhere, it is the same.
        for cut in 0..=rest.len() {
            let (one, other) = rest.split_at(cut);
            let begun = Word::begin(*first).and_then(|word| word.read(one));
            assert_eq!(begun.and_then(|word| word.read(other)), word, "{text}");
        }
        word.is_some_and(Word::may_end)
    }

    #[test]
    fn a_word_is_what_a_parser_takes_for_one() {
        let digits = ["", "-", "+", "0", "1", "07", "10", ".", ".5", "e", "E1", "e+", "e-07", "x"];
        for first in digits {
            for second in digits {
                for third in digits {
                    let text = [first, second, third].concat();
                    if !text.is_empty() {
                        let parses = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
                        assert_eq!(is_word(&text), parses, "{text}");
                    }
                }
            }
        }
        for word in ["true", "false", "null"] {
            assert!(is_word(word) && !is_word(&format!("{word}x")) && !is_word(&word[..2]));
        }
        for no in ["NaN", "Infinity", "-Infinity", "True", "nul", "tru e", "fnull"] {
            assert!(!is_word(no), "{no}");
        }
    }
}
