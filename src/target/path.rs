//! A path that can be read in one way only.
//!
//! Servers differ in what they make of a path: some resolve `..`, merge slashes, decode `%2F` first
//! or twice, cut a segment at `;`, or take a backslash for a slash. Whatever they differ in is either
//! written here in the one form that all of them read alike (repeated slashes, escapes of characters
//! that need none: RFC 3986 §6.2.2), or refused.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What makes a path ambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ambiguity {
    /// It does not begin with a slash.
    NoSlash,
    /// A segment is `.` or `..`, also by its escapes.
    Dots,
    /// An escaped slash, or a backslash.
    Separator,
    /// `;`, behind which some servers read parameters.
    Semicolon,
    /// `#` or an escaped `?` or `#`.
    Mark,
    /// A control character.
    Control,
    /// An escaped percent sign, or a percent sign that begins no escape.
    Percent,
    /// A character that must be escaped and is not, or escapes that are no UTF-8.
    Unescaped,
    /// More than one segment names a model.
    Models,
    /// The query names models that differ.
    QueryModels,
}

impl Ambiguity {
    /// What is wrong and what to write instead: it completes a sentence that begins with "the path".
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoSlash => "does not begin with `/`; write it from `/` on",
            Self::Dots => "has a segment `.` or `..`; write the path that it leads to",
            Self::Separator => {
                "has a backslash or an escaped slash; separate segments with `/`, and name a model \
                 whose name has a slash in the body"
            }
            Self::Semicolon => "has a semicolon; leave it and what it introduces out",
            Self::Mark => {
                "has `#`, `%23` or `%3F`; write it without a fragment, and `?` before the query"
            }
            Self::Control => "has a control character; leave it out",
            Self::Percent => "has `%25`, or a `%` that begins no escape; escape the path once",
            Self::Unescaped => {
                "has a character that must be escaped, or escapes that are not UTF-8; escape it as \
                 UTF-8 (RFC 3986)"
            }
            Self::Models => "names more than one model; name one",
            Self::QueryModels => "names more than one model in its query; name one",
        }
    }
}

/// The segments of a path without its query, decoded. A slash at the end, and one after another, make
/// no segment.
///
/// # Errors
/// Why it can be read in several ways.
pub fn segments(path: &[u8]) -> Result<Vec<Cow<'_, str>>, Ambiguity> {
    let rest = path.strip_prefix(b"/").ok_or(Ambiguity::NoSlash)?;
    let parts = rest.split(|byte| *byte == b'/').filter(|part| !part.is_empty());
    let mut segments = Vec::with_capacity(MOST_SEGMENTS);
    for part in parts {
        segments.push(segment(part)?);
    }
    Ok(segments)
}

fn segment(part: &[u8]) -> Result<Cow<'_, str>, Ambiguity> {
    if part.iter().all(|byte| is_plain(*byte)) {
        let text = std::str::from_utf8(part).map_err(|_| Ambiguity::Unescaped)?;
        return if is_dots(text) { Err(Ambiguity::Dots) } else { Ok(Cow::Borrowed(text)) };
    }
    let mut decoded = Vec::with_capacity(part.len());
    let mut rest = part;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let byte = if *first == b'%' {
            let (digits, after) = rest.split_at_checked(2).ok_or(Ambiguity::Percent)?;
            rest = after;
            escaped(digits)?
        } else {
            raw(*first)?
        };
        decoded.push(byte);
    }
    let text = String::from_utf8(decoded).map_err(|_| Ambiguity::Unescaped)?;
    // C1 control characters are controls too, and only text shows them.
    if text.contains(char::is_control) {
        return Err(Ambiguity::Control);
    }
    if is_dots(&text) { Err(Ambiguity::Dots) } else { Ok(Cow::Owned(text)) }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':')
}

fn is_dots(text: &str) -> bool {
    matches!(text, "." | "..")
}

/// A byte that is written as it is: `pchar` of RFC 3986 but for the semicolon.
fn raw(byte: u8) -> Result<u8, Ambiguity> {
    match byte {
        b';' => Err(Ambiguity::Semicolon),
        b'\\' => Err(Ambiguity::Separator),
        b'#' | b'?' => Err(Ambiguity::Mark),
        0..=0x1f | 0x7f => Err(Ambiguity::Control),
        byte if is_plain(byte) || b"!$&'()*+,=@".contains(&byte) => Ok(byte),
        _ => Err(Ambiguity::Unescaped),
    }
}

fn escaped(digits: &[u8]) -> Result<u8, Ambiguity> {
    let digits = std::str::from_utf8(digits).map_err(|_| Ambiguity::Percent)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex);
    match byte.ok_or(Ambiguity::Percent)? {
        b'/' | b'\\' => Err(Ambiguity::Separator),
        b';' => Err(Ambiguity::Semicolon),
        b'#' | b'?' => Err(Ambiguity::Mark),
        b'%' => Err(Ambiguity::Percent),
        0..=0x1f | 0x7f => Err(Ambiguity::Control),
        byte => Ok(byte),
    }
}

/// Adds a segment to a path as all servers read it.
pub fn push(path: &mut Vec<u8>, segment: &str) {
    path.push(b'/');
    path.extend(utf8_percent_encode(segment, SEGMENT).flat_map(str::bytes));
}

/// What is escaped in a segment: all but the unreserved characters of RFC 3986 §2.3 and the colon,
/// which fine-tuned models have in their names. A plus sign is one for those too who take it for a
/// space.
const SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// So many segments most paths have at most.
const MOST_SEGMENTS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn canonical(path: &str) -> Result<String, Ambiguity> {
        let mut all = Vec::new();
        for segment in segments(path.as_bytes())? {
            push(&mut all, &segment);
        }
        Ok(String::from_utf8(all).expect("text"))
    }

    #[test]
    fn what_all_servers_read_alike_has_one_form() {
        for (path, form) in [
            ("/a/b", "/a/b"),
            ("//a///b/", "/a/b"),
            ("/%61%2D%5f/%7e", "/a-_/~"),
            ("/caf%c3%a9/a%20b", "/caf%C3%A9/a%20b"),
            ("/ft:gpt-4o:org/a+b@c", "/ft:gpt-4o:org/a%2Bb%40c"),
            ("/", ""),
            ("/...", "/..."),
        ] {
            assert_eq!(canonical(path).as_deref(), Ok(form), "{path}");
            assert_eq!(canonical(&format!("/{form}")).as_deref(), Ok(form), "again");
        }
    }

    #[test]
    fn what_servers_read_in_several_ways_is_refused() {
        for (path, why) in [
            ("a/b", Ambiguity::NoSlash),
            ("", Ambiguity::NoSlash),
            ("*", Ambiguity::NoSlash),
            ("http://h/a", Ambiguity::NoSlash),
            ("/a/../b", Ambiguity::Dots),
            ("/a/.", Ambiguity::Dots),
            ("/./a", Ambiguity::Dots),
            ("/a/%2e%2E/b", Ambiguity::Dots),
            ("/a/.%2e/b", Ambiguity::Dots),
            ("/a%2fb", Ambiguity::Separator),
            ("/a%2Fb", Ambiguity::Separator),
            ("/a/..%2fb", Ambiguity::Separator),
            ("/a%5cb", Ambiguity::Separator),
            ("/a\\b", Ambiguity::Separator),
            ("/a;b=c/d", Ambiguity::Semicolon),
            ("/a%3bb", Ambiguity::Semicolon),
            ("/a#b", Ambiguity::Mark),
            ("/a%3fb", Ambiguity::Mark),
            ("/a%23", Ambiguity::Mark),
            ("/a%00", Ambiguity::Control),
            ("/a%0d%0a", Ambiguity::Control),
            ("/a\tb", Ambiguity::Control),
            ("/a%c2%85", Ambiguity::Control),
            ("/a%7f", Ambiguity::Control),
            ("/%252e%252e/b", Ambiguity::Percent),
            ("/a%", Ambiguity::Percent),
            ("/a%2", Ambiguity::Percent),
            ("/a%zz", Ambiguity::Percent),
            ("/a%+1", Ambiguity::Percent),
            ("/a%u002e", Ambiguity::Percent),
            ("/a b", Ambiguity::Unescaped),
            ("/caf\u{e9}", Ambiguity::Unescaped),
            ("/%ff", Ambiguity::Unescaped),
            ("/%c0%ae%c0%ae/b", Ambiguity::Unescaped),
            ("/a\"", Ambiguity::Unescaped),
        ] {
            assert_eq!(canonical(path), Err(why), "{path:?}");
        }
        assert_eq!(segments(b"/caf\xe9"), Err(Ambiguity::Unescaped));
    }
}
