//! What stands between the parts of a form.

use super::super::parameters::parameters;

/// What stands between the parts of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boundary {
    /// `--` and the boundary.
    delimiter: Vec<u8>,
    /// The beginning of it that every reader takes for a part of it. Some end a boundary where a
    /// word ends. An underline is of the word: Java's clients write it anywhere.
    shortest: usize,
    /// Whether it is written in quotes. Some readers leave them on.
    quoted: bool,
}

impl Boundary {
    /// Reads the parameters of the content type.
    pub(in super::super) fn read(rest: &[u8]) -> Result<Self, &'static str> {
        const PLAIN: &str = "the content type of a multipart body must have one `boundary`, of 1 to \
                             70 letters, digits and dashes";
        let all = parameters(rest).ok_or(PLAIN)?;
        let is_it = |name: &str| name.to_ascii_lowercase().starts_with("boundary");
        let mut named = all.iter().filter(|one| is_it(one.name));
        let (Some(one), None) = (named.next(), named.next()) else { return Err(PLAIN) };
        // A decoy stands in another parameter, or in the boundary itself.
        let says =
            |text: &[u8]| memchr::memmem::find(&text.to_ascii_lowercase(), b"boundary").is_some();
        let others = all.iter().filter(|other| !is_it(other.name));
        let decoy =
            others.into_iter().any(|other| says(other.value) || says(other.name.as_bytes()))
                || (says(one.value) && one.value.contains(&b'='));
        let long = one.value.is_empty() || one.value.len() > 70 || one.value.ends_with(b" ");
        let plain = one.name.eq_ignore_ascii_case("boundary")
            && one.value.iter().all(|byte| is_of_boundary(*byte));
        if decoy || long || !plain {
            return Err(PLAIN);
        }
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let shortest = one.value.iter().position(|byte| !word(byte)).filter(|end| *end > 0);
        Ok(Self {
            delimiter: [b"--", one.value].concat(),
            shortest: shortest.unwrap_or(one.value.len()).saturating_add(2),
            quoted: one.quoted,
        })
    }

    /// What stands before each part and at the end.
    pub(super) fn delimiter(&self) -> &[u8] {
        &self.delimiter
    }

    /// What each delimiter begins with for every reader.
    pub(super) fn beginning(&self) -> &[u8] {
        self.delimiter.get(..self.shortest).unwrap_or(&self.delimiter)
    }

    /// What a delimiter begins with for a reader that leaves the quotes on.
    pub(super) fn in_quotes(&self) -> Option<Vec<u8>> {
        let beginning = self.beginning().get(2..)?;
        self.quoted.then(|| [b"--\"", beginning].concat())
    }
}

/// RFC 2046, section 5.1.1.
fn is_of_boundary(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn read(rest: &str) -> Option<(String, String)> {
        let boundary = Boundary::read(rest.as_bytes()).ok()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some((text(boundary.delimiter()), text(boundary.beginning())))
    }

    #[test]
    fn boundaries_of_real_clients_are_read() {
        for (rest, delimiter, beginning) in [
            ("; boundary=b", "--b", "--b"),
            (
                "; boundary=----WebKitFormBoundaryePkpFF7tjBAqx29L",
                "------WebKitFormBoundaryePkpFF7tjBAqx29L",
                "------WebKitFormBoundaryePkpFF7tjBAqx29L",
            ),
            ("; charset=utf-8; BOUNDARY=\"x\"", "--x", "--x"),
            ("; boundary=\"a b\"", "--a b", "--a"),
            ("; boundary=\"----=_Part_1.2\"", "------=_Part_1.2", "------"),
            ("; boundary=\"===1==\"", "--===1==", "--===1=="),
            (
                "; boundary=----formdata-undici-0123_4",
                "------formdata-undici-0123_4",
                "------formdata-undici-0123_4",
            ),
        ] {
            let wanted = (delimiter.to_owned(), beginning.to_owned());
            assert_eq!(read(rest), Some(wanted), "{rest}");
        }
        let long = format!("; boundary={}", "b".repeat(70));
        assert!(read(&long).is_some());
    }

    #[test]
    fn a_boundary_of_two_readings_is_none() {
        for rest in [
            "",
            ";",
            "; boundary",
            "; boundary=",
            "; boundary=\"\"",
            "; boundary=\"a \"",
            "; boundary=a; boundary=b",
            "; boundary=a; Boundary=a",
            "; boundary*=utf-8''a",
            "; boundary*0=a; boundary*1=b",
            "; boundary=a; boundary*=utf-8''b",
            "; boundary=a;",
            "; boundary=a b",
            "; boundary=\"a\\\"b\"",
            "; boundary=a%62",
            "; boundary=\"a;b\"",
            "; boundary=\"a@b\"",
            "; x=\"; boundary=b\"; boundary=a",
            "; boundary=\"boundary=b\"",
            "; xboundary=b; boundary=a",
            "; boundary =a",
            "; boundary='a\"",
        ] {
            assert_eq!(read(rest), None, "{rest}");
        }
        assert_eq!(read(&format!("; boundary={}", "b".repeat(71))), None);
    }
}
