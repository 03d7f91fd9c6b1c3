//! What a name or a text says.

use std::borrow::Cow;

use super::Piece;

/// A text that may come in pieces. One that comes whole is not copied.
#[derive(Debug, Default)]
pub(crate) struct Spelling {
    kept: Vec<u8>,
}

impl Spelling {
    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        Self { kept: Vec::new() }
    }

    /// The text as it is written, once its last piece is there. Of one that comes in several pieces,
    /// no more than so many bytes are kept.
    pub(crate) fn whole<'a>(&'a mut self, piece: Piece<'a>, most: usize) -> Option<&'a [u8]> {
        if piece.first && piece.last {
            return Some(piece.written);
        }
        if piece.first {
            self.kept.clear();
        }
        let room = most.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(piece.written.get(..room).unwrap_or(piece.written));
        piece.last.then_some(&self.kept)
    }
}

/// A text without its escapes. `None`: it is no text, for it has half a surrogate pair or bytes that
/// are not UTF-8.
pub(crate) fn decoded(written: &[u8]) -> Option<Cow<'_, str>> {
    if !written.contains(&b'\\') {
        return std::str::from_utf8(written).ok().map(Cow::Borrowed);
    }
    let quoted = [b"\"", written, b"\""].concat();
    serde_json::from_slice(&quoted).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn a_text_that_comes_in_pieces_is_put_together() {
        let piece = |written, first, last| Piece { written, at: 0, first, last };
        let mut spelling = Spelling::new();
        for _ in 0..2 {
            assert_eq!(spelling.whole(piece(b"abc", true, true), 2), Some(&b"abc"[..]));
            assert_eq!(spelling.whole(piece(b"ab", true, false), 4), None);
            assert_eq!(spelling.whole(piece(b"", false, false), 4), None);
            assert_eq!(spelling.whole(piece(b"cde", false, true), 4), Some(&b"abcd"[..]));
        }
    }

    #[test]
    fn escapes_are_read_and_half_characters_are_none() {
        for (written, said) in [
            (&b"model"[..], Some("model")),
            (br"mod\u0065l\n", Some("model\n")),
            (br"\ud83d\ude00", Some("\u{1f600}")),
            (br"\ud83d", None),
            (b"\xc3\xa9", Some("\u{e9}")),
            (b"\xc3", None),
            (b"\\n\xc3", None),
        ] {
            assert_eq!(decoded(written).as_deref(), said);
        }
    }
}
