//! The model of a long JSON body that names it early: without parsing the rest.
//!
//! Parsing a prompt of a megabyte takes longer than all else that the filter does with it. Where
//! the name stands at the body's beginning, only one question is left: whether a reader could find
//! another one. A search through the bytes answers it. Whatever a reader takes for the name of a
//! property has a colon after it, however lenient the reader is with quotes, spaces and case. So where
//! `model` in any case stands before a colon, and where an escape could spell one of its letters
//! (`"mod\u0065l"`), the body is parsed after all. What comes before the name is always parsed.

use std::ops::Range;

use super::places::Places;
use super::walk::Walk;
use super::{Ahead, Form, NamedModel};
use crate::words::word;

word!(MODEL = b"\"model\"");
// Letters are below U+0100.
word!(ESCAPED_LETTER = b"\\u00");

/// A name that stands early.
pub(super) struct Name {
    /// Where the property stands that names the model.
    pub(super) at: usize,
    /// Where its value stands, with its quotes.
    pub(super) value: Range<usize>,
    /// The value.
    pub(super) name: String,
}

/// The model, where it is plain that the body names it here and nowhere else. `None`: parse it.
pub(super) fn model(body: &[u8], places: &Places) -> Option<NamedModel> {
    // The other places must end in the word that is searched for.
    let plain = |path: &&str| path.ends_with(".model");
    if places.model != "model" || !places.others.iter().all(plain) {
        return None;
    }
    let Name { value: place, name, .. } = name(body.get(..Ahead::BEGINNING)?, places)?;
    let again = may_name_model(body.get(place.end..)?);
    (!again).then_some(NamedModel { name, place, form: Form::Json })
}

/// Whether any reader could find a property here that it takes for `model`.
pub(super) fn may_name_model(text: &[u8]) -> bool {
    ESCAPED_LETTER.is_in(text)
        || memchr::memchr_iter(b':', text).any(|colon| text.get(..colon).is_some_and(ends_in_model))
}

/// Whether the last word of this is `model` in any spelling.
fn ends_in_model(before: &[u8]) -> bool {
    let near = before.get(before.len().saturating_sub(SPACE)..).unwrap_or(before);
    let Some(last) = near.iter().rposition(u8::is_ascii_alphanumeric) else {
        // The word stands further away.
        return near.len() == SPACE;
    };
    let after = near.len().saturating_sub(last).saturating_sub(1);
    let word = before.iter().rev().skip(after).filter(|byte| !matches!(byte, b'_' | b'-'));
    word.take(5).map(u8::to_ascii_lowercase).eq(*b"ledom")
}

/// The first name of the model, where it is plain from the beginning of a body.
pub(super) fn name(beginning: &[u8], places: &Places) -> Option<Name> {
    let head = beginning.get(..beginning.len().min(EARLY))?;
    let at = MODEL.find(head)?;
    let end = at.checked_add(NAME.len())?;
    if !is_outermost(head.get(..at)?, places) {
        return None;
    }
    let value = head.get(end..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let start = head.len().checked_sub(value.len())?;
    let text = value.strip_prefix(b"\"")?;
    let text = text.get(..memchr::memchr2(b'"', b'\\', text)?)?;
    let place = start..start.checked_add(text.len())?.checked_add(2)?;
    let after = head.get(place.end..)?.trim_ascii_start().first()?;
    if head.get(place.end.checked_sub(1)?) != Some(&b'"') || *after != b',' {
        return None;
    }
    let name = std::str::from_utf8(text).ok()?;
    // Control characters are no JSON.
    let plain = !name.bytes().any(|byte| byte.is_ascii_control());
    plain.then(|| Name { at, value: place, name: name.to_owned() })
}

/// Whether the name that follows this is the outermost object's, and its first: whether this, the
/// name, and a value are all that an object needs. What comes before must name no other model.
fn is_outermost(before: &[u8], places: &Places) -> bool {
    // Most clients name the model first.
    if before == b"{" {
        return true;
    }
    if std::str::from_utf8(before).is_err() {
        return false;
    }
    let mut walk = Walk::new(places.ways(), 0);
    walk.push(before);
    walk.push(b"\"model\":0}");
    let Some(found) = walk.object() else { return false };
    let is_it = found.model.is_some_and(|place| place.start > before.len());
    is_it && found.others.is_empty() && found.ambiguous.is_none()
}

const NAME: &[u8] = b"\"model\"";

/// So far from its colon a word is looked for.
const SPACE: usize = 16;

/// A name that begins later is not early.
const EARLY: usize = 4096;

#[cfg(test)]
mod tests {
    use super::super::{MediaType, Refusal, read};
    use super::*;
    use crate::testing::test;

    fn long(start: &str, end: &str) -> Vec<u8> {
        [start, &"x".repeat(Ahead::BEGINNING), end].concat().into_bytes()
    }

    fn found(start: &str, end: &str) -> Option<(String, String)> {
        let body = long(start, end);
        let named = model(&body, &Places::MODEL)?;
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
        let body = long(start, r#"","\u006dodel":"other"}"#);
        let twice = read(&body, &MediaType::Json, &Places::MODEL).map(|read| read.named);
        assert_eq!(twice, Err(Refusal::invalid("the request body names `model` twice")));
    }

    #[test]
    fn a_lenient_reader_finds_no_second_name() {
        let start = r#"{"model":"gpt-4o","input":""#;
        for end in [
            r#"","Model":"other"}"#,
            r#"","MODEL" : "other"}"#,
            r#"","mod_el":"other"}"#,
            r#"",'model':"other"}"#,
            r#"",model:"other"}"#,
            "\",\"model\"\t\r\n                                :\"other\"}",
            "\",\"model\"\u{a0}:\"other\"}",
            "\",\"model\"/**/:\"other\"}",
        ] {
            assert_eq!(found(start, end), None, "{end}");
        }
        for end in [r#"","models":1,"b":":::: mode: el: \"model\", l:"}"#, r#"","x":"model"}"#] {
            assert!(found(start, end).is_some(), "{end}");
        }
    }

    #[test]
    fn only_the_outermost_object_names_the_model() {
        for before in [
            r#"{"a":1}{"#,
            r#"{"a":1},"#,
            r#"["a","#,
            r#"{"a":[1},"#,
            r#"{"a\"#,
            r#"{"a"#,
            r#"{"a":"x\"#,
            r#"{"mod\u0065l":"o1-pro","#,
            r#"{"MODEL":"o1-pro","#,
            r#"{"a":{"#,
            r#"}{"#,
            r#"{{"#,
            r#"{,"#,
            "",
            "\u{feff}{",
            r#"{"a":'"',"#,
            r#"{/*"*/"#,
        ] {
            assert_eq!(found(&format!(r#"{before}"model":"gpt-4o","b":""#), END), None, "{before}");
        }
    }

    #[test]
    fn both_ways_agree() {
        let body = long(r#"{"model":"gpt-4o","input":""#, END);
        let short = &body[..40];
        assert_eq!(model(short, &Places::MODEL), None, "a short body is parsed");
        let whole = [short, END.as_bytes()].concat();
        let read = read(&whole, &MediaType::Json, &Places::MODEL).expect("valid");
        let parsed = read.named.expect("named");
        assert_eq!(model(&body, &Places::MODEL), Some(parsed));
    }
}
