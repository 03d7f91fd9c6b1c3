//! The head of a part.

use super::super::media_type::is_utf_8;
use super::super::parameters::{parameters, token, trim};
use super::decoy;
use super::disposition::{self, Disposition};

/// What the head of a part says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head<'a> {
    /// Its field.
    pub(super) field: Disposition<'a>,
    /// Whether its value is text as it is: not a file, in UTF-8, and not encoded.
    pub(super) is_text: bool,
}

/// Reads the lines of a head. Each ends with CRLF, and is a line of its own.
pub(super) fn read(head: &[u8]) -> Result<Head<'_>, &'static str> {
    let mut names: Vec<String> = Vec::new();
    let (mut field, mut is_text) = (None, true);
    for line in lines(head) {
        // A line that begins with a space would continue the one before.
        let (name, rest) = token(line).ok_or(NOT_PLAIN)?;
        let value = trim(rest.strip_prefix(b":").ok_or(NOT_PLAIN)?);
        if decoy::breaks_lines(value) || decoy::says(value, "content-disposition") {
            return Err(NOT_PLAIN);
        }
        let name = name.to_ascii_lowercase();
        if names.len() >= MOST_HEADERS {
            return Err("the head of a part has too many headers");
        }
        if names.contains(&name) {
            return Err("the head of a part has a header twice");
        }
        if name == "content-disposition" {
            field = Some(disposition::read(value)?);
        } else if decoy::says(value, "name=") || decoy::says(value, "name*") {
            return Err("a part could have two names");
        }
        is_text &= match name.as_str() {
            "content-transfer-encoding" => {
                let plain = ["7bit", "8bit", "binary"];
                plain.iter().any(|plain| value.eq_ignore_ascii_case(plain.as_bytes()))
            }
            "content-type" => {
                if decoy::says(value, "multipart") {
                    return Err("a part has parts");
                }
                is_in_utf_8(value)
            }
            _ => true,
        };
        names.push(name);
    }
    let field = field.ok_or("a part has no `content-disposition`")?;
    Ok(Head { field, is_text: is_text && !field.is_file })
}

/// What is between the line ends.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(head);
    std::iter::from_fn(move || {
        let text = rest?;
        let (line, after) = match memchr::memmem::find(text, b"\r\n") {
            Some(end) => (text.get(..end)?, text.get(end.checked_add(2)?..)),
            None => (text, None),
        };
        rest = after;
        Some(line)
    })
}

/// Clients write three at most. Many of them, in many parts, would take long to compare.
const MOST_HEADERS: usize = 16;

/// Whether a content type names no other character set.
fn is_in_utf_8(value: &[u8]) -> bool {
    let folded = value.to_ascii_lowercase();
    let count = memchr::memmem::find_iter(&folded, b"charset").count();
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    let all = parameters(value.get(end..).unwrap_or_default()).unwrap_or_default();
    let mut named = all.iter().filter(|one| one.name.eq_ignore_ascii_case("charset"));
    match (count, named.next()) {
        (0, _) => true,
        (1, Some(charset)) => is_utf_8(charset.value),
        _ => false,
    }
}

const NOT_PLAIN: &str =
    "a line in the head of a part is not a name, a colon and a value, or does not end with CRLF";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn a_head_of_many_lines_is_not_compared_line_by_line() {
        let lines: String = (0..100).map(|number| format!("x-{number}: 1\r\n")).collect();
        let head = format!("{lines}content-disposition: form-data; name=\"a\"");
        assert_eq!(read(head.as_bytes()), Err("the head of a part has too many headers"));
    }

    const FIELD: &str = "Content-Disposition: form-data; name=\"a\"";

    fn is_text(more: &str) -> Result<bool, &'static str> {
        let head = format!("{FIELD}{more}");
        read(head.as_bytes()).map(|head| {
            assert_eq!(head.field.name, "a");
            head.is_text
        })
    }

    #[test]
    fn a_head_says_whether_its_value_is_text() {
        for (more, text) in [
            ("", true),
            ("\r\nContent-Type: text/plain", true),
            ("\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: 5", true),
            ("\r\ncontent-type:text/plain;charset=\"us-ascii\"", true),
            ("\r\nContent-Transfer-Encoding: 8bit", true),
            ("\r\nX-Empty:", true),
            ("; filename=\"b.wav\"\r\nContent-Type: audio/wav", false),
            ("; filename*=utf-8''b", false),
            ("\r\nContent-Type: text/plain; charset=utf-16", false),
            ("\r\nContent-Type: text/plain; charset=utf-8; charset=utf-7", false),
            ("\r\nContent-Type: text/plain; charset*=utf-7", false),
            ("\r\nContent-Transfer-Encoding: base64", false),
            ("\r\nContent-Transfer-Encoding: quoted-printable", false),
        ] {
            assert_eq!(is_text(more), Ok(text), "{more}");
        }
        assert!(read(format!("Content-Type: a/b\r\n{FIELD}").as_bytes()).is_ok());
    }

    #[test]
    fn a_head_of_two_readings_is_refused() {
        for more in [
            "\r\nContent-Disposition: form-data; name=\"model\"",
            "\r\ncontent-disposition: x",
            "\r\n ; filename=\"b\"",
            "\r\n\tx: y",
            "\nContent-Type: a/b",
            "\rContent-Type: a/b",
            "\r\nContent-Type : a/b",
            "\r\n: a",
            "\r\nno colon",
            "\r\nX: a\0",
            "\r\nX: a\x0bContent-Type: b",
            "\r\nX: a\u{2028}b",
            "\r\nX: a\r",
            "\r\nX: Content-Disposition: form-data; name=model",
            "\r\nX: name=\"model\"",
            "\r\nContent-Type: a/b; name*=utf-8''model",
            "\r\nContent-Type: multipart/mixed; boundary=x",
            "\r\nContent-Type: a/b\r\ncontent-type: c/d",
            "\r\n\r\nX: y",
            "\r\n",
        ] {
            assert!(is_text(more).is_err(), "{more:?}");
        }
        for head in ["", "Content-Type: a/b", "X\u{e9}: a"] {
            assert!(read(head.as_bytes()).is_err(), "{head:?}");
        }
    }
}
