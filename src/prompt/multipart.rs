//! The part named `model` of a `multipart/form-data` body (RFC 7578).
//!
//! Only its place is wanted. The other parts, audio and images of many megabytes, are stepped over
//! by searching for the boundary and never copied.

use std::ops::Range;

use memchr::memmem;

use super::{Form, NamedModel};

/// The model that the body names, if it is written as its content type says.
pub(super) fn model(body: &[u8], content_type: &[u8]) -> Option<NamedModel> {
    let delimiter = [b"--", boundary(content_type)?.as_slice()].concat();
    let finder = memmem::Finder::new(&delimiter);
    let mut part = finder.find(body)?;
    loop {
        let start = part + delimiter.len();
        let length = finder.find(body.get(start..)?)?;
        if let Some(place) = value(body, start, start + length) {
            let name = std::str::from_utf8(body.get(place.clone())?).ok()?.to_owned();
            return Some(NamedModel { name, place, form: Form::Multipart });
        }
        part = start + length;
    }
}

/// Where the value of the part between two delimiters stands, if the part is named `model`.
fn value(body: &[u8], start: usize, end: usize) -> Option<Range<usize>> {
    let part = body.get(start..end)?;
    let head = memmem::find(part, b"\r\n\r\n")?;
    let named = part.get(..head)?.split(|b| *b == b'\n').any(|line| {
        let line = line.trim_ascii().to_ascii_lowercase();
        line.starts_with(b"content-disposition:")
            && line
                .split(|b| *b == b';')
                .any(|p| matches!(p.trim_ascii(), b"name=\"model\"" | b"name=model"))
    });
    let value_start = start + head + 4;
    let value_end = end.checked_sub(2).filter(|at| *at >= value_start)?;
    named.then_some(value_start..value_end)
}

fn boundary(content_type: &[u8]) -> Option<Vec<u8>> {
    content_type.split(|b| *b == b';').find_map(|parameter| {
        let parameter = parameter.trim_ascii();
        let (name, value) = parameter.split_at_checked(BOUNDARY.len())?;
        let value = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
        (name.eq_ignore_ascii_case(BOUNDARY) && !value.is_empty()).then(|| value.to_vec())
    })
}

const BOUNDARY: &[u8] = b"boundary=";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    const TYPE: &[u8] = b"multipart/form-data; boundary=\"--x\"";

    fn body(parts: &[(&str, &str)]) -> Vec<u8> {
        let mut body = String::new();
        for (name, value) in parts {
            body += &format!(
                "----x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        (body + "----x--\r\n").into_bytes()
    }

    #[test]
    fn the_model_is_found_among_the_parts() {
        let body =
            body(&[("file", "RIFF\r\n\r\nname=\"model\""), ("model", "whisper"), ("n", "1")]);
        let named = model(&body, TYPE).expect("named");
        assert_eq!(named.name, "whisper");
        assert_eq!(&body[named.place], b"whisper");
    }

    #[test]
    fn what_is_not_multipart_names_none() {
        assert_eq!(model(&body(&[("n", "1")]), TYPE), None);
        assert_eq!(model(&body(&[("model", "a")]), b"multipart/form-data"), None);
        assert_eq!(model(b"", TYPE), None);
        assert_eq!(model(b"----x", TYPE), None);
        assert_eq!(model(b"----x----x", TYPE), None);
        assert_eq!(model(b"----x\r\n\r\n----x", TYPE), None);
    }
}
