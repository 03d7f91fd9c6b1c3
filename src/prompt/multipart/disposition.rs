//! What the head of a part says about its field: `form-data; name="file"; filename="a.wav"`.

use super::super::parameters::{parameters, token, trim};
use super::decoy;

/// The field of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Disposition<'a> {
    /// Its name: ASCII letters, digits, `_`, `.`, `-`, `[` and `]`.
    pub(super) name: &'a str,
    /// Whether it is a file.
    pub(super) is_file: bool,
}

/// Reads the value of `content-disposition`.
pub(super) fn read(value: &[u8]) -> Result<Disposition<'_>, &'static str> {
    let (kind, rest) = token(trim(value)).ok_or(NOT_PLAIN)?;
    if !kind.eq_ignore_ascii_case("form-data") {
        return Err("a part is not `form-data`");
    }
    let all = parameters(rest).ok_or(NOT_PLAIN)?;
    // Readers that search for `name=` find the end of `filename=` too, where it comes first.
    let Some((first, others)) = all.split_first() else { return Err(NAMELESS) };
    if !first.name.eq_ignore_ascii_case("name") {
        return Err(NAMELESS);
    }
    let name = std::str::from_utf8(first.value).map_err(|_| STRANGE)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-[]".contains(&byte);
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(STRANGE);
    }
    let mut is_file = false;
    let mut seen: Vec<String> = Vec::new();
    for other in others {
        let folded = other.name.to_ascii_lowercase();
        let escapes = memchr::memmem::find(other.value, b"\\\"").is_some();
        if folded.starts_with("name") || escapes || decoy::has_a_name(other.value) {
            return Err("a part could have two names");
        }
        is_file |= folded.starts_with("filename");
        if seen.contains(&folded) {
            return Err("a part has a parameter twice");
        }
        seen.push(folded);
    }
    Ok(Disposition { name, is_file })
}

const NOT_PLAIN: &str = "the `content-disposition` of a part is not plain";
const NAMELESS: &str = "a part does not have its `name` first";
const STRANGE: &str =
    "a part's name has other characters than ASCII letters, digits, `_`, `.`, `-`, `[` and `]`";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn what_real_clients_write_is_read() {
        for (value, name, is_file) in [
            (r#"form-data; name="model""#, "model", false),
            (r#"form-data; name="file"; filename="a b;c.wav""#, "file", true),
            ("form-data; name=model", "model", false),
            ("form-data; name=file; filename=a.wav; filename*=utf-8''a%3B.wav", "file", true),
            (r#" Form-Data;name="image[]";Filename="C:\x\\y.png" "#, "image[]", true),
            (r#"form-data; name="file"; filename="a%22b.wav""#, "file", true),
            (r#"form-data; name="file"; filename="=?utf-8?B?w6k=?=""#, "file", true),
            ("form-data; name=\"file\"; filename=\"\u{e9}\u{6f22}.wav\"", "file", true),
            (r#"form-data; name="file"; filename=""; size=7"#, "file", true),
        ] {
            assert_eq!(read(value.as_bytes()), Ok(Disposition { name, is_file }), "{value}");
        }
    }

    #[test]
    fn a_name_of_two_readings_is_refused() {
        for value in [
            "",
            "form-data",
            "form-data;",
            "attachment; name=\"a\"",
            "formdata; name=\"a\"",
            "form-data, name=\"a\"",
            "form-data name=\"a\"",
            "form-data; name",
            "form-data; name=",
            "form-data; name=\"\"",
            "form-data; name=\"a\";",
            "form-data; name = \"a\"",
            "form-data; name=\"a\" x",
            "form-data; name=\"a",
            "form-data; name=\"a\"; name=\"model\"",
            "form-data; name=\"a\"; NAME=model",
            "form-data; name=\"a\"; name*=utf-8''model",
            "form-data; name*=utf-8''model",
            "form-data; name*0=mo; name*1=del",
            "form-data; name=\"a\"; name*0=mo; name*1=del",
            "form-data; name=\"mo\\del\"",
            "form-data; name=\"a\\\"b\"",
            "form-data; name=\"m%6fdel\"",
            "form-data; name=m%6fdel",
            "form-data; name='model'",
            "form-data; name=\" model\"",
            "form-data; name=\"=?utf-8?B?bW9kZWw=?=\"",
            "form-data; name=\"m\u{f6}del\"",
            "form-data; filename=\"model\"; name=\"a\"",
            "form-data; name=\"a\"; filename=\"x; name=model\"",
            "form-data; name=\"a\"; filename=\"x;NAME =model\"",
            "form-data; name=\"a\"; filename=\"x;name*=utf-8''model\"",
            "form-data; name=\"a\"; filename=\"x\\\"; name=\"model\"",
            "form-data; name=\"a\"; filename=\"x\\\\\"",
            "form-data; name=\"a\"; filename=a b.wav",
            "form-data; name=\"a\"; filename=\"x\"; filename=\"y\"",
            "form-data; name=\"a\"; =b",
            "form-data; name=\"a\"; filename=\"x\"; name=\"model\"",
            "form-data; name=\"a\"b=c",
        ] {
            assert!(read(value.as_bytes()).is_err(), "{value}");
        }
    }
}
