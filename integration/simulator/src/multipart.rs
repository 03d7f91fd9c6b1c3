//! Form fields of an upload.
//!
//! Audio comes as `multipart/form-data` with a text field `model`. Only such short
//! text fields are wanted, so this looks for them by name and does not take the rest
//! of the form apart.

/// The value of the text field `name`.
pub(crate) fn field(body: &[u8], name: &str) -> Option<String> {
    let label = format!("name=\"{name}\"");
    let after_label = after(body, label.as_bytes())?;
    let value = after(after_label, b"\r\n\r\n")?;
    let end = find(value, b"\r\n")?;
    let value = value.get(..end)?;
    String::from_utf8(value.to_vec()).ok()
}

fn after<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    bytes.get(find(bytes, mark)? + mark.len()..)
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &[u8] = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\
        \r\n\r\n\xff\xfe\r\n--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n\
        whisper-1\r\n--b--\r\n";

    #[test]
    fn a_text_field_is_found_after_a_file() {
        assert_eq!(field(FORM, "model").as_deref(), Some("whisper-1"));
    }

    #[test]
    fn a_missing_field_is_none() {
        assert_eq!(field(FORM, "language"), None);
        assert_eq!(field(b"", "model"), None);
    }
}
