//! Both readers, on texts that are cut anywhere.

use super::*;
use crate::testing::test;

/// What was told, with the pieces of each text put together.
fn told<const STRICT: bool>(parts: &[&[u8]], depth: usize) -> (Vec<String>, bool) {
    let mut reader = reader::Reader::<STRICT>::new();
    reader.tell_to(depth);
    let (mut all, mut spelling, mut start) = (Vec::new(), Spelling::new(), 0);
    for part in parts {
        let mut rest = reader.part(part);
        while let Some(event) = reader.next(&mut rest) {
            let at = reader.at(rest);
            let (what, piece) = match event {
                Event::Opens(kind) => {
                    all.push(format!("{kind:?} {}", at - 1));
                    continue;
                }
                Event::Closes => {
                    all.push(format!("closes {}", at - 1));
                    continue;
                }
                Event::Name(piece) => ("name", piece),
                Event::Text(piece) => ("text", piece),
                Event::Word(piece) => ("word", piece),
            };
            if piece.first {
                start = piece.at;
            }
            if let Some(whole) = spelling.whole(piece, usize::MAX) {
                all.push(format!("{what} {start} {}", String::from_utf8_lossy(whole)));
            }
        }
    }
    (all, reader.is_whole())
}

const WHOLE: &str = r#" {"a" : [1,-2.5e+7, true,{"b\"":"\u00e9\\é"},[]], "" :null,"c":{"d":"e"}} "#;

#[test]
fn everything_is_told_with_its_place() {
    let wanted = [
        "Object 1",
        "name 3 a",
        "List 8",
        "word 9 1",
        "word 11 -2.5e+7",
        "word 20 true",
        "Object 25",
        "name 27 b\\\"",
        "text 33 \\u00e9\\\\é",
        "closes 44",
        "List 46",
        "closes 47",
        "closes 48",
        "name 52 ",
        "word 55 null",
        "name 61 c",
        "Object 64",
        "name 66 d",
        "text 70 e",
        "closes 72",
        "closes 73",
    ];
    let wanted = (wanted.map(str::to_owned).to_vec(), true);
    assert_eq!(told::<true>(&[WHOLE.as_bytes()], 9), wanted);
    assert_eq!(told::<false>(&[WHOLE.as_bytes()], 9), wanted);
}

#[test]
fn a_text_that_is_cut_is_read_like_the_whole() {
    let bytes = WHOLE.as_bytes();
    for depth in 0..4 {
        let strict = told::<true>(&[bytes], depth);
        assert_eq!(told::<false>(&[bytes], depth), strict);
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let parts = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(told::<true>(&parts, depth), strict, "cut at {first} and {second}");
                assert_eq!(told::<false>(&parts, depth), strict, "cut at {first} and {second}");
            }
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(told::<true>(&single, depth), strict);
        assert_eq!(told::<false>(&single, depth), strict);
    }
}

#[test]
fn what_stands_deeper_is_not_told() {
    let top =
        ["Object 1", "name 3 a", "List 8", "closes 48", "name 52 ", "word 55 null", "name 61 c"];
    let (all, whole) = told::<true>(&[WHOLE.as_bytes()], 1);
    assert!(whole && all.starts_with(&top.map(str::to_owned)), "{all:?}");
    assert_eq!(told::<true>(&[WHOLE.as_bytes()], 0).0, ["Object 1", "closes 73"]);
}

/// Whether a text is JSON, however it is cut.
fn is_json(text: &[u8]) -> bool {
    let whole = told::<true>(&[text], 1).1;
    for cut in 0..=text.len() {
        let (first, second) = text.split_at(cut);
        assert_eq!(told::<true>(&[first, second], 9).1, whole, "{text:?} cut at {cut}");
    }
    whole
}

#[test]
fn the_strict_reader_takes_what_a_parser_takes() {
    let pieces = [
        "{", "}", "[", "]", ",", ":", "\"a\"", "\"\\n\"", "\"\\x\"", "\"\t\"", "1", "-", "0",
        "null", "nul", "NaN", " ", "\n", "\u{b}", "//", "'a'", "\u{feff}", "\u{a0}", "\"", "\\",
        "\0",
    ];
    let mut all = vec![String::new()];
    for _ in 0..3 {
        let longer = |text: &String| pieces.map(|piece| format!("{text}{piece}"));
        all = all.iter().flat_map(longer).collect();
        for text in &all {
            for text in [text.clone(), format!("[{text}]"), format!("{{\"a\":{text}}}")] {
                let parses = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
                assert_eq!(told::<true>(&[text.as_bytes()], 1).1, parses, "{text}");
            }
        }
    }
    for at in 0..WHOLE.trim_end().len() {
        for byte in [b'"', b'\\', b'{', b']', b',', b':', b'1', b' ', 0] {
            let mut text = WHOLE.as_bytes().to_vec();
            text[at] = byte;
            let parses = serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_ok();
            assert_eq!(is_json(&text), parses, "{}", String::from_utf8_lossy(&text));
        }
        assert!(!is_json(&WHOLE.as_bytes()[..at]), "cut off at {at}");
    }
}

#[test]
fn the_tolerant_reader_makes_the_best_of_it() {
    for text in [
        &br#"{"a":NaN,"b":[-Infinity,"\ud83d"]}"#[..],
        b"{\"a\":\"\xc3\",\"b\":\"\t\"}",
        br#"{"a":1,}"#,
        br#"{"a" 1 'x'}"#,
        br#"{"a":[1}"#,
        br#"{"a":"\x"]"#,
    ] {
        let (all, _) = told::<false>(&[text], 1);
        assert_eq!(all.first().map(String::as_str), Some("Object 0"), "{text:?}");
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(told::<false>(&single, 1).0, all, "{text:?}");
    }
    assert!(told::<false>(&[br#"{"a":NaN,"b":"\ud83d"}"#], 0).1);
    assert!(!told::<false>(&[br#"{"a":NaN,"b":"\ud83d""#], 0).1);
}
