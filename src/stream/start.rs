//! What an answer is, by its first bytes.
//!
//! Content types are not to be relied on: some servers send a stream without one, or call it text
//! or JSON, and some send the page of a proxy as a 200. The first bytes tell streams, JSON and pages
//! apart; only whether JSON is an error may need all of it.

use super::StreamError;
use super::error::says_error;

/// What an answer begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// White space alone. Some servers send it until their answer is made.
    Blank,
    /// Too little to tell, or JSON that may become an error.
    Unclear,
    /// Events.
    Events,
    /// JSON, and no error.
    Json,
    /// JSON, and an error.
    Error(StreamError),
    /// A page for people.
    Page,
    /// Something else.
    Other,
}

impl Start {
    /// Returns what begins with these bytes. `end`: they are all.
    pub fn of(bytes: &[u8], end: bool) -> Self {
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii_start();
        let is_cut = |field: &&[u8]| !end && field.starts_with(text);
        match text.first() {
            None => Self::Blank,
            Some(b'{' | b'[') => json(text, end),
            Some(b'<') if PAGES.iter().any(|page| begins(text, page)) => Self::Page,
            _ if FIELDS.iter().any(|field| text.starts_with(field)) => Self::Events,
            _ if FIELDS.iter().any(is_cut) || (!end && BYTE_ORDER_MARK.starts_with(text)) => {
                Self::Unclear
            }
            _ => Self::Other,
        }
    }
}

fn json(text: &[u8], end: bool) -> Start {
    if text.len() > LONGEST_ERROR || !may_be_error(text) {
        Start::Json
    } else if end {
        StreamError::of_body(text).map_or(Start::Json, Start::Error)
    } else {
        Start::Unclear
    }
}

/// Whether this JSON, of which more may come, may be an error: its first name is one that errors
/// begin with, or the word is in it.
fn may_be_error(text: &[u8]) -> bool {
    let object = text.strip_prefix(b"[").unwrap_or(text).trim_ascii_start();
    if object.first().is_some_and(|first| *first != b'{') {
        return false;
    }
    let name = object.get(1..).unwrap_or_default().trim_ascii_start();
    // The whole name is not there yet.
    let Some(end) = memchr::memchr_iter(b'"', name).nth(1) else { return true };
    let first = name.get(1..end).unwrap_or_default();
    NAMES.contains(&first)
        || says_error(text)
        || (first == b"id" && text.len() < SHORT)
        || (first == b"object" && starts_error(name.get(end..).unwrap_or_default()))
}

/// Whether the value after a name's last quote is `"error"`, or may become it.
fn starts_error(rest: &[u8]) -> bool {
    let value = rest.strip_prefix(b"\"").unwrap_or(rest).trim_ascii_start();
    let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii_start();
    value.starts_with(b"\"error\"") || b"\"error\"".starts_with(value)
}

/// Whether a text begins with a word, in whatever case.
fn begins(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a line of an event stream begins with.
const FIELDS: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];

/// What a page begins with.
const PAGES: [&[u8]; 7] =
    [b"<!doctype", b"<html", b"<head", b"<body", b"<title", b"<?xml", b"<!--"];

/// The first names of errors as they are seen.
const NAMES: [&[u8]; 7] =
    [b"error", b"code", b"message", b"status", b"statusCode", b"type", b"detail"];

/// An error that begins with an id has shown itself by then.
const SHORT: usize = 128;

/// No error is longer.
const LONGEST_ERROR: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn what_is_there_whole_is_known() {
        for (text, wanted) in [
            ("", Start::Blank),
            (" \r\n\t", Start::Blank),
            ("\u{feff} ", Start::Blank),
            ("data: {}\n\n", Start::Events),
            ("\u{feff}event: x\n", Start::Events),
            ("\n\nid: 7", Start::Events),
            (": ping", Start::Events),
            ("retry: 3", Start::Events),
            ("data", Start::Other),
            ("upstream request timeout", Start::Other),
            ("ID3\u{4}", Start::Other),
            ("<!DOCTYPE html>", Start::Page),
            ("\n <HTML>", Start::Page),
            ("<silence>", Start::Other),
            (r#"{"choices":[]}"#, Start::Json),
            ("[1]", Start::Json),
            ("{}", Start::Json),
            (r#"{"type":"message","content":[]}"#, Start::Json),
            (r#"{"choices":[{"content_filter_results":{"error":{"code":"x"}}}]}"#, Start::Json),
            (r#" {"error":{"code":"500"}}"#, Start::Error(StreamError::Failed)),
            (r#"{"id":"x","error":{"code":429}}"#, Start::Error(StreamError::Throttled(None))),
            (r#"{"object":"error","code":400}"#, Start::Error(StreamError::Requests)),
        ] {
            assert_eq!(Start::of(text.as_bytes(), true), wanted, "{text}");
        }
    }

    #[test]
    fn nothing_is_settled_before_it_can_be() {
        for text in [
            "d",
            "event",
            "re",
            "{",
            "{\"err",
            "[",
            "[ {",
            "{\"id\":7,",
            "{\"error\":{",
            "\u{feff}",
        ] {
            let start = Start::of(text.as_bytes(), false);
            assert!(matches!(start, Start::Unclear | Start::Blank), "{text}: {start:?}");
        }
        assert_eq!(Start::of(b"{\"object\": \"er", false), Start::Unclear);
        assert_eq!(Start::of(b"\xef\xbb", false), Start::Unclear);
        for text in ["{\"choices\":[", "{\"object\":\"list\"", "{\"usage\":0,\"error\":null,"] {
            assert_eq!(Start::of(text.as_bytes(), false), Start::Json, "{text}");
        }
        let long = format!("{{\"error\":\"{}", "x".repeat(LONGEST_ERROR));
        assert_eq!(Start::of(long.as_bytes(), false), Start::Json);
    }
}
