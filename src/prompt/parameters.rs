//! The parameters of a header's value: `; boundary=x; charset="utf-8"`.
//!
//! RFC 2045 and RFC 9110 agree on what is read here: a token, `=` without spaces around it, and a
//! token or a quoted string. Quoted pairs are refused: readers differ in what a backslash before a
//! quote means.

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parameter<'a> {
    /// Its name, as it is written.
    pub(super) name: &'a str,
    /// Its value, without quotes.
    pub(super) value: &'a [u8],
    /// Whether the value has quotes.
    pub(super) quoted: bool,
}

/// All of them. `None`: it is not plain where one ends.
pub(super) fn parameters(mut rest: &[u8]) -> Option<Vec<Parameter<'_>>> {
    let mut all = Vec::new();
    loop {
        rest = trim(rest);
        if rest.is_empty() {
            return Some(all);
        }
        if all.len() >= MOST {
            return None;
        }
        let (name, after) = token(trim(rest.strip_prefix(b";")?))?;
        let after = after.strip_prefix(b"=")?;
        let (value, quoted) = match after.strip_prefix(b"\"") {
            Some(text) => (text.get(..memchr::memchr(b'"', text)?)?, true),
            None => (token(after)?.0.as_bytes(), false),
        };
        let plain = value.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\t');
        if !plain || (quoted && value.ends_with(b"\\")) {
            return None;
        }
        let quotes = if quoted { 2 } else { 0 };
        rest = after.get(value.len().checked_add(quotes)?..)?;
        all.push(Parameter { name, value, quoted });
    }
}

/// Clients write three at most, and each is compared with all others.
const MOST: usize = 16;

/// A token, and what follows it.
pub(super) fn token(text: &[u8]) -> Option<(&str, &[u8])> {
    let end = text.iter().position(|byte| !is_of_token(*byte)).unwrap_or(text.len());
    let (token, rest) = text.split_at_checked(end)?;
    let token = std::str::from_utf8(token).ok()?;
    (!token.is_empty()).then_some((token, rest))
}

/// Without spaces and tabs at both ends.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = text.iter().position(|byte| !blank(byte)).unwrap_or(text.len());
    let end =
        text.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last.saturating_add(1));
    text.get(start..end).unwrap_or_default()
}

/// RFC 9110, section 5.6.2.
const fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn read(text: &str) -> Option<Vec<(&str, String)>> {
        let all = parameters(text.as_bytes())?;
        let text = |value| String::from_utf8_lossy(value).into_owned();
        Some(all.into_iter().map(|one| (one.name, text(one.value))).collect())
    }

    #[test]
    fn tokens_and_quoted_strings_are_read() {
        let wanted = [("a", "1".to_owned()), ("B", "x; y=\\z".to_owned()), ("c*", "".to_owned())];
        assert_eq!(read(" ;a=1;\t B=\"x; y=\\z\" ;c*=\"\" "), Some(wanted.to_vec()));
        assert_eq!(read(""), Some(Vec::new()));
    }

    #[test]
    fn whatever_is_not_plain_is_left() {
        for text in [
            "a=1",
            ";",
            ";a",
            ";a=",
            ";a =1",
            ";a= 1",
            ";a=1;",
            ";a=\"1",
            ";a=\"\\\"\"",
            ";=1",
            ";a=\"1\\\"",
            ";a=\"1\"2",
            ";a=1 2",
            ";a=\"\0\"",
            ";a=\u{e9}",
            ";a=1,;b=2",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
