//! Makes an event that was cut inside of its JSON whole, with room for an error in it.
//!
//! What a client has of an event cannot be taken back, and half an object ends its parser before
//! it reaches the next event. So the object is closed where it stands: strings, numbers and words
//! are ended, missing values are `null`, and the outermost object stays open for one more member.

use crate::json::{Awaits, Escape, Event, Inside, Kind, Tolerant};

/// What must follow these bytes so that one more member can stand in the object that they begin;
/// `None` where they begin no object, or a whole one.
pub(super) fn json_repair(json: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Tolerant::new();
    let (mut rest, mut word) = (reader.part(json), &[][..]);
    while let Some(event) = reader.next(&mut rest) {
        if let Event::Word(piece) = event {
            word = piece.written;
        }
    }
    let mut end = rest_of_value(&reader, json, word);
    let mut open = reader.nesting().clone();
    while open.depth() > 1 {
        end.push(if open.innermost() == Some(Kind::Object) { b'}' } else { b']' });
        open.close();
    }
    if open.innermost() != Some(Kind::Object) {
        return None;
    }
    let is_empty = json.trim_ascii() == b"{";
    end.extend(if is_empty { &b""[..] } else { b"," });
    Some(end)
}

/// Ends the innermost value, which may be half a text, half a word or missing.
fn rest_of_value(reader: &Tolerant, json: &[u8], word: &[u8]) -> Vec<u8> {
    let (mut end, mut awaits) = (Vec::new(), reader.awaits());
    match reader.inside() {
        Inside::Text(escape) | Inside::Name(escape) => {
            match escape {
                Escape::No => end.extend(rest_of_character(json)),
                Escape::Begun => end.push(b'\\'),
                Escape::Digits(missing) => {
                    end.extend(std::iter::repeat_n(b'0', usize::from(missing)));
                }
            }
            end.push(b'"');
            let is_name = matches!(reader.inside(), Inside::Name(_));
            awaits = if is_name { Awaits::Colon } else { Awaits::Comma };
        }
        Inside::Word(_) => {
            end.extend(rest_of_word(word));
            awaits = Awaits::Comma;
        }
        Inside::Nothing => {}
    }
    end.extend_from_slice(match awaits {
        Awaits::Value => b"null",
        Awaits::Colon => b":null",
        Awaits::Name => b"\"\":null",
        Awaits::First | Awaits::FirstName | Awaits::Comma => b"",
    });
    end
}

fn rest_of_word(word: &[u8]) -> &'static [u8] {
    let whole = [&b"true"[..], b"false", b"null"].into_iter().find(|whole| whole.starts_with(word));
    match whole {
        Some(whole) => whole.get(word.len()..).unwrap_or_default(),
        None if word.last().is_some_and(u8::is_ascii_digit) => b"",
        None => b"0",
    }
}

/// The bytes that complete a character of UTF-8 that is cut; which one it becomes does not matter.
fn rest_of_character(bytes: &[u8]) -> Vec<u8> {
    let tail = bytes.get(bytes.len().saturating_sub(3)..).unwrap_or_default();
    let Some(at) = tail.iter().rposition(|byte| *byte >= 0xc0) else { return Vec::new() };
    let begun = tail.get(at..).unwrap_or_default();
    let length = match begun.first() {
        Some(0xc0..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        _ => 4,
    };
    let missing = usize::saturating_sub(length, begun.len());
    let mut rest = vec![0x80; missing];
    // The second byte has limits of its own (RFC 3629, 4).
    if let ([first], Some(second)) = (begun, rest.first_mut()) {
        *second = if matches!(first, 0xed | 0xf4) { 0x80 } else { 0xbf };
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    const WHOLE: &str = r#" {"id":"é€😀 \"q\" \u00e9\\","n": -12.5e+3,"t":true, "f":false,"z":null,
        "a":[],"o":{},"l":[1,"x",{"k":[null,2]}],"d":{"e":{"f":"g"}} }"#;

    #[test]
    fn an_object_cut_at_any_byte_is_made_whole() {
        let whole = WHOLE.replace('\n', " ");
        let whole = whole.as_bytes();
        assert!(serde_json::from_slice::<serde_json::Value>(whole).is_ok());
        for at in 2..whole.len() {
            let cut = &whole[..at];
            let mut mended = cut.to_vec();
            mended.extend(json_repair(cut).unwrap());
            mended.extend(b"\"error\":1}");
            let read = serde_json::from_slice::<serde_json::Value>(&mended);
            let read = read.unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&mended)));
            assert_eq!(read["error"], 1, "cut at {at}");
        }
    }

    #[test]
    fn what_is_whole_or_no_object_is_left_alone() {
        for json in [WHOLE.as_bytes(), b"", b"[1", b"\"x", b"tru", b"{}", b"[DONE]"] {
            assert_eq!(json_repair(json), None);
        }
    }
}
