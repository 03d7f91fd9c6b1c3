//! The model of a long JSON body that names it early: without parsing the rest.
//!
//! Parsing a prompt of a megabyte takes longer than all else that the filter does with it. Where
//! the name stands at the body's beginning, only one question is left: whether it stands there a
//! second time. A search through the bytes answers that, because `"model"` with both its quotes is
//! nothing that a text can hold (its quotes would have backslashes before them). A name may also be
//! spelled with escapes (`"mod\u0065l"`): where anything is that could be one, and where `"model"`
//! stands anywhere else, the body is parsed after all.

use std::ops::Range;

use super::{Ahead, Form, NamedModel};
use crate::words::word;

word!(MODEL = b"\"model\"");
// Letters are below U+0100.
word!(ESCAPED_LETTER = b"\\u00");

/// A name that stands early.
pub(super) struct Name {
    /// Where the member stands that names the model.
    pub(super) at: usize,
    /// Where its value stands, with its quotes.
    pub(super) value: Range<usize>,
    /// The value.
    pub(super) name: String,
}

/// The model, where it is plain that the body names it here and nowhere else. `None`: parse it.
pub(super) fn model(body: &[u8]) -> Option<NamedModel> {
    let Name { value: place, name, .. } = name(body.get(..Ahead::BEGINNING)?)?;
    let again = MODEL.is_in(body.get(place.end..)?) || ESCAPED_LETTER.is_in(body);
    (!again).then_some(NamedModel { name, place, form: Form::Json })
}

/// The first name of the model, where it is plain from the beginning of a body.
pub(super) fn name(beginning: &[u8]) -> Option<Name> {
    let head = beginning.get(..beginning.len().min(EARLY))?;
    let at = MODEL.find(head)?;
    let end = at.checked_add(NAME.len())?;
    if !is_outermost(head.get(..at)?) {
        return None;
    }
    let value = head.get(end..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let start = head.len().checked_sub(value.len())?;
    let text = value.strip_prefix(b"\"")?;
    let text = text.get(..memchr::memchr2(b'"', b'\\', text)?)?;
    let place = start..start.checked_add(text.len())?.checked_add(2)?;
    let after = head.get(place.end..)?.trim_ascii_start().first()?;
    if head.get(place.end.checked_sub(1)?) != Some(&b'"') || !matches!(after, b',' | b'}') {
        return None;
    }
    let name = std::str::from_utf8(text).ok()?;
    // Control characters are no JSON.
    let plain = !name.bytes().any(|byte| byte.is_ascii_control());
    plain.then(|| Name { at, value: place, name: name.to_owned() })
}

/// Whether what follows this is a name of the outermost object.
fn is_outermost(before: &[u8]) -> bool {
    let (mut depth, mut rest) = (0_usize, before);
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => match after_text(after) {
                Some(after) => rest = after,
                None => return false,
            },
            _ => {}
        }
    }
    let last = before.trim_ascii_end().last();
    depth == 1 && matches!(last, Some(b'{' | b','))
}

/// What follows a text that has begun, if it ends.
fn after_text(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (_, mark) = rest.split_at_checked(memchr::memchr2(b'"', b'\\', rest)?)?;
        match mark {
            [b'"', after @ ..] => return Some(after),
            [_, _, after @ ..] => rest = after,
            _ => return None,
        }
    }
}

const NAME: &[u8] = b"\"model\"";

/// A name that begins later is not early.
const EARLY: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn long(start: &str, end: &str) -> Vec<u8> {
        [start, &"x".repeat(Ahead::BEGINNING), end].concat().into_bytes()
    }

    fn found(start: &str, end: &str) -> Option<(String, String)> {
        let body = long(start, end);
        let named = model(&body)?;
        Some((named.name, String::from_utf8_lossy(&body[named.place]).into_owned()))
    }

    const END: &str = "\"}";

    #[test]
    fn an_early_name_is_found_without_parsing() {
        let gpt = Some(("gpt-4o".to_owned(), "\"gpt-4o\"".to_owned()));
        for start in [
            r#"{"model":"gpt-4o","input":""#,
            r#" { "a" : [{"b":"}\""}], "model" : "gpt-4o" , "input":""#,
            r#"{"input":"say \"model\": \"x\"","model":"gpt-4o","b":""#,
        ] {
            assert_eq!(found(start, END), gpt, "{start}");
        }
    }

    #[test]
    fn whatever_is_not_plain_is_parsed() {
        for start in [
            r#"{"input":""#,
            r#"{"a":{"model":"gpt-4o"},"input":""#,
            r#"["model","gpt-4o",""#,
            r#"{"a":"model","input":""#,
            r#"{"model":"gpt\u002d4o","input":""#,
            r#"{"model":"gpt\\4o","input":""#,
            r#"{"model":7,"input":""#,
            r#"{"model":null,"input":""#,
            r#"{"model":"gpt-4o" "input":""#,
            r#"{"x" "model":"gpt-4o","input":""#,
        ] {
            assert_eq!(found(start, END), None, "{start}");
        }
    }

    #[test]
    fn a_second_name_is_never_overlooked() {
        let start = r#"{"model":"gpt-4o","input":""#;
        for end in [
            r#"","model":"other"}"#,
            r#"","mod\u0065l":"other"}"#,
            r#"","\u006Dodel":"other"}"#,
            r#"","a":{"model":"other"}}"#,
        ] {
            assert_eq!(found(start, end), None, "{end}");
        }
        let twice = NamedModel::read(&long(start, r#"","\u006dodel":"other"}"#), None);
        assert_eq!(twice, Err("the request body names `model` twice".to_owned()));
    }

    #[test]
    fn both_ways_agree() {
        let body = long(r#"{"model":"gpt-4o","input":""#, END);
        let short = &body[..40];
        assert_eq!(model(short), None, "a short body is parsed");
        let parsed = NamedModel::read(&[short, END.as_bytes()].concat(), None);
        let parsed = parsed.expect("valid").expect("named");
        assert_eq!(model(&body), Some(parsed));
    }
}
