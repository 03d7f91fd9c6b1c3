//! The parts of a form.
//!
//! Wherever the boundary stands in the body, it is a delimiter as clients write it: at the very start
//! or after CRLF; before CRLF, or at the end before `--`. One that only some readers take for a
//! delimiter (after a single LF, with spaces after it, as the beginning of a longer one) is refused, so
//! that all readers see the same parts.

use memchr::memmem::{self, Finder};

use super::Boundary;

/// One part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part<'a> {
    /// The lines of its head, without the empty one.
    pub(super) head: &'a [u8],
    /// Its value.
    pub(super) value: &'a [u8],
}

/// The parts of a form, one after the other.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    /// What follows the last delimiter.
    rest: &'a [u8],
    delimiter: &'a [u8],
    finder: Finder<'a>,
    ended: bool,
}

impl<'a> Parts<'a> {
    pub(super) fn of(body: &'a [u8], boundary: &'a Boundary) -> Result<Self, &'static str> {
        let delimiter = boundary.delimiter();
        let rest = body.strip_prefix(delimiter).ok_or("it does not start with its boundary")?;
        if boundary.in_quotes().is_some_and(|other| memmem::find(body, &other).is_some()) {
            return Err("its boundary stands in quotes in it");
        }
        let finder = Finder::new(boundary.beginning());
        Ok(Self { rest, delimiter, finder, ended: false })
    }

    fn part(&mut self) -> Result<Option<Part<'a>>, &'static str> {
        if matches!(self.rest, b"--" | b"--\r\n") {
            return Ok(None);
        }
        let next = self.finder.find(self.rest).ok_or("it does not end with its boundary")?;
        let (part, after) = self.rest.split_at_checked(next).ok_or(NOT_PLAIN)?;
        self.rest = after.strip_prefix(self.delimiter).ok_or(NOT_PLAIN)?;
        let part = part.strip_prefix(b"\r\n").ok_or(NOT_PLAIN)?;
        let part = part.strip_suffix(b"\r\n").ok_or(NOT_PLAIN)?;
        let near = part.get(..part.len().min(LONGEST_HEAD)).unwrap_or(part);
        let end = memmem::find(near, b"\r\n\r\n").ok_or("a part has no end of its head")?;
        let (head, value) = part.split_at_checked(end).ok_or(NOT_PLAIN)?;
        Ok(Some(Part { head, value: value.get(4..).unwrap_or_default() }))
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>, &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let part = self.part();
        self.ended = !matches!(part, Ok(Some(_)));
        part.transpose()
    }
}

const NOT_PLAIN: &str =
    "its boundary must stand on a line of its own, and the lines must end with CRLF";

/// In bytes. No client writes a longer one.
const LONGEST_HEAD: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn read(boundary: &str, body: &str) -> Result<Vec<(String, String)>, &'static str> {
        let boundary = Boundary::read(format!("; boundary={boundary}").as_bytes())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let parts = Parts::of(body.as_bytes(), &boundary)?;
        parts.map(|part| part.map(|part| (text(part.head), text(part.value)))).collect()
    }

    #[test]
    fn parts_are_what_stands_between_delimiters() {
        let part = |head: &str, value: &str| (head.to_owned(), value.to_owned());
        let two = [part("a: 1\r\nb: 2", "x\r\n\r\ny"), part("c: 3", "")];
        for end in ["", "\r\n"] {
            let body = format!(
                "--b\r\na: 1\r\nb: 2\r\n\r\nx\r\n\r\ny\r\n--b\r\nc: 3\r\n\r\n\r\n--b--{end}"
            );
            assert_eq!(read("b", &body), Ok(two.to_vec()));
        }
        assert_eq!(read("b", "--b--\r\n"), Ok(Vec::new()));
        let body = "--a b\r\nc: 3\r\n\r\n--x\r\n--a b--";
        assert_eq!(read("\"a b\"", body), Ok(vec![part("c: 3", "--x")]));
    }

    #[test]
    fn whatever_only_some_readers_take_for_a_delimiter_is_refused() {
        let good = "--b\r\nc: 3\r\n\r\nv\r\n";
        for body in [
            "",
            "--",
            "--b",
            "--b\r\n",
            "--b\r\n--b--",
            "preamble\r\n--b--",
            "\r\n--b--",
            "--b--\n",
            "--b--\r\n\r\n",
            "--b--epilogue",
            "--b--\r\nepilogue",
            "--b --",
            "--b \r\n--b--",
            "--b-",
            "--b\n--b--",
            "--b\r\nc: 3\r\n--b--",
            "--b\r\nc: 3\r\n\r\n--b--",
            "--b\r\nc: 3\n\nv\r\n--b--",
        ] {
            assert!(read("b", body).is_err(), "{body:?}");
        }
        for after in [
            "",
            "--b",
            "--b-",
            "--b\r\n",
            "--bb--\r\n--b--",
            "--b\nc: 3\r\n\r\nv\r\n--b--",
            "--b \r\nc: 3\r\n\r\nv\r\n--b--",
            "--b\t\r\n\r\nv\r\n--b--",
            "x--b\r\n--b--",
            "\n--b\r\nc: 3\r\n\r\nv\r\n--b--",
            "--b--\r\n--b--",
            "--b--x",
            "--b--\r\n\r\n",
            "--b-- \r\n",
            "--B--",
            "--bx\r\nc: 3\r\n\r\nv\r\n--b--",
        ] {
            assert!(read("b", &format!("{good}{after}")).is_err(), "{after:?}");
        }
        let lf = "--b\nc: 3\n\nv\n--b--\n";
        assert!(read("b", lf).is_err());
    }

    #[test]
    fn a_boundary_that_is_read_shorter_or_in_quotes_is_refused() {
        for (boundary, decoy) in [
            ("\"a b\"", "--a"),
            ("\"a,b\"", "--a"),
            ("\"a=b\"", "--a"),
            ("\"a:b\"", "--a"),
            ("\"ab\"", "--\"ab\""),
            ("\"a b\"", "--\"a b\""),
        ] {
            let plain = boundary.trim_matches('"');
            let body = |inside: &str| {
                format!("--{plain}\r\nc: 3\r\n\r\n\r\n{inside}\r\n\r\nx\r\n--{plain}--\r\n")
            };
            assert!(read(boundary, &body("")).is_ok(), "{boundary}");
            assert!(read(boundary, &body(decoy)).is_err(), "{boundary} {decoy}");
        }
        let body = "--a_b\r\nc: 3\r\n\r\n--a b\r\n--a_b--\r\n";
        assert!(read("a_b", body).is_ok(), "a word has underlines");
    }
}
