//! How a request's body is written: what its headers say.
//!
//! Servers believe a content type or do not. So everything is read as JSON, whatever its type says,
//! and only `multipart/form-data` is read as a form. A type that one server could take for JSON and
//! another for a form is refused, and so is everything by which a body's text could depend on it:
//! compression, and character sets other than UTF-8.

use super::Refusal;
use super::multipart::Boundary;
use super::parameters::{parameters, trim};

/// How a body is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaType {
    /// JSON.
    Json,
    /// JSON that is labelled as an HTML form, as `curl -d` does. It must not be readable as one that
    /// names a model.
    MislabelledJson,
    /// `multipart/form-data`, as for audio and image edits.
    FormData(Boundary),
}

impl MediaType {
    /// Reads the headers `content-type` and `content-encoding`; several lines of one are joined with
    /// commas, as RFC 9110, section 5.2, says.
    ///
    /// # Errors
    /// The body is written in a way that is not read, or servers could read the headers in two ways.
    pub fn of(
        content_type: Option<&[u8]>,
        content_encoding: Option<&[u8]>,
    ) -> Result<Self, Refusal> {
        encoding(content_encoding.unwrap_or_default())?;
        let text = trim(content_type.unwrap_or_default());
        if text.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err(Refusal::invalid("the content type of the request has control characters"));
        }
        if is_several(text) {
            return Err(Refusal::invalid(
                "the content type of the request must be one type, without a comma",
            ));
        }
        let end = memchr::memchr(b';', text).unwrap_or(text.len());
        let (essence, rest) = text.split_at_checked(end).unwrap_or((text, b""));
        let folded = text.to_ascii_lowercase();
        charset(&folded, rest)?;
        if trim(essence).eq_ignore_ascii_case(b"multipart/form-data") {
            return Boundary::read(rest).map(Self::FormData).map_err(Refusal::invalid);
        }
        let says = |word: &str| memchr::memmem::find(&folded, word.as_bytes()).is_some();
        if says("multipart") {
            return Err(Refusal::unsupported(
                "the request body must be JSON or multipart/form-data; its content type is neither",
            ));
        }
        Ok(if says("form") { Self::MislabelledJson } else { Self::Json })
    }
}

fn encoding(header: &[u8]) -> Result<(), Refusal> {
    let mut codings = header.split(|byte| *byte == b',').map(trim);
    let is_none = |coding: &&[u8]| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity");
    let Some(coding) = codings.find(|coding| !is_none(coding)) else { return Ok(()) };
    let name = coding.iter().map(|byte| char::from(*byte));
    let name: String = name
        .filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'))
        .take(20)
        .collect();
    Err(Refusal::Unsupported(format!(
        "the request body is encoded as `{name}`, which is not read; send it without \
         content-encoding"
    )))
}

/// Whether a comma stands outside of quotes, or quotes do not end.
fn is_several(text: &[u8]) -> bool {
    let mut quoted = false;
    let mut several = false;
    for byte in text {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => several = true,
            _ => {}
        }
    }
    several || quoted
}

/// Refuses every character set but UTF-8 and its part ASCII, however it is written.
fn charset(folded: &[u8], rest: &[u8]) -> Result<(), Refusal> {
    let count = memchr::memmem::find_iter(folded, b"charset").count();
    if count == 0 {
        return Ok(());
    }
    let all = parameters(rest).unwrap_or_default();
    let mut named = all.iter().filter(|one| one.name.eq_ignore_ascii_case("charset"));
    match named.next() {
        Some(charset) if count == 1 => {
            if is_utf_8(charset.value) {
                return Ok(());
            }
            Err(Refusal::unsupported("the request body must be written in UTF-8"))
        }
        _ => Err(Refusal::invalid(
            "the content type of the request must name its character set once, as \
             `charset=utf-8`, or not at all",
        )),
    }
}

/// Whether a character set is UTF-8, or the part of it that is ASCII.
pub(super) fn is_utf_8(charset: &[u8]) -> bool {
    let names = ["utf-8", "utf8", "us-ascii", "ascii"];
    names.iter().any(|name| charset.eq_ignore_ascii_case(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn of(content_type: &str) -> Result<MediaType, Refusal> {
        MediaType::of(Some(content_type.as_bytes()), None)
    }

    fn is_invalid(content_type: &str) -> bool {
        matches!(of(content_type), Err(Refusal::Invalid(_)))
    }

    fn is_unsupported(content_type: &str) -> bool {
        matches!(of(content_type), Err(Refusal::Unsupported(_)))
    }

    #[test]
    fn everything_is_json_unless_it_is_a_form() {
        assert_eq!(MediaType::of(None, None), Ok(MediaType::Json));
        for content_type in [
            "",
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;",
            "application/json; charset=\"utf8\"",
            "text/plain",
            "text/json",
            "json",
            "*/*",
            "application/octet-stream",
            "application/vnd.x+json; v=\"a,b\"",
            "application/json; x",
        ] {
            assert_eq!(of(content_type), Ok(MediaType::Json), "{content_type}");
        }
        let form = of("application/x-www-form-urlencoded");
        assert_eq!(form, Ok(MediaType::MislabelledJson));
        for content_type in [
            "multipart/form-data; boundary=x",
            "Multipart/Form-Data ;charset=utf-8;Boundary=\"x y\"",
        ] {
            assert!(matches!(of(content_type), Ok(MediaType::FormData(_))), "{content_type}");
        }
    }

    #[test]
    fn a_type_of_two_readings_is_refused() {
        for content_type in [
            "application/json, multipart/form-data; boundary=x",
            "application/json, text/plain",
            "multipart/form-data; boundary=x, application/json",
            "application/json; a=\"",
            "application/json\0",
            "application/json; charset=utf-8; charset=utf-16",
            "application/json; charset*=utf-8''utf-16",
            "application/json; x=\"; charset=utf-16\"",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=a; boundary=b",
        ] {
            assert!(is_invalid(content_type), "{content_type}: {:?}", of(content_type));
        }
        for content_type in [
            "application/json; charset=utf-16",
            "text/plain;charset=utf-7",
            "multipart/mixed",
            "multipart/related; boundary=x",
            "multipart/form-data/x; boundary=x",
            "application/json; multipart/form-data; boundary=x",
            "xmultipart/form-data; boundary=x",
            "multipart/form-data; boundary=x; charset=latin1",
        ] {
            assert!(is_unsupported(content_type), "{content_type}: {:?}", of(content_type));
        }
    }

    #[test]
    fn what_is_encoded_is_refused_by_its_name() {
        let of = |encoding: &str| MediaType::of(None, Some(encoding.as_bytes()));
        for encoding in ["", "identity", " Identity ", "identity,identity"] {
            assert_eq!(of(encoding), Ok(MediaType::Json), "{encoding}");
        }
        for (encoding, name) in [
            ("gzip", "`gzip`"),
            ("identity, br", "`br`"),
            ("zstd", "`zstd`"),
            ("x\"\r\ny", "`xy`"),
            ("deflate", "`deflate`"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "`aaaaaaaaaaaaaaaaaaaa`"),
        ] {
            let Err(Refusal::Unsupported(why)) = of(encoding) else { panic!("{encoding}") };
            assert!(why.contains(name), "{why}");
        }
    }
}
