//! A long JSON body that names its model early, and passes without being read on.
//!
//! To copy a prompt of a megabyte into the filter and look through it costs more than all else that
//! is done with the request. The name is known from the beginning; what the rest could still do is
//! to name the model again. So the name is taken from where it stands and written at the body's very
//! end. Every reader that takes the last of several properties of one name reads the gateway's (RFC 8259,
//! section 4, tells of them). That holds for readers that fold case as well: `model` is the last of
//! all that they take for it. A name that is spelled with escapes, or in a part that the gateway never
//! saw, changes nothing about that.
//!
//! # What it does not hold for
//!
//! Use this only where a client gains nothing by a second reading, so never with denied models, and
//! only where the operation names no models in other places ([`Places::others`]):
//! - readers that take the first of several properties (gjson, cJSON, simdjson's on-demand interface);
//! - readers that stop after the first object of a body (Go's `json.Decoder`);
//! - readers that know comments (Newtonsoft's): the last line may be one, and the name in it;
//! - other places: what moves to the end is the model of the request and nothing else.

use std::ops::Range;

use super::{Places, as_json, early};

/// A model that a body names early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    /// Its name.
    pub name: String,
    /// Where the property stands that names it, with the comma after it: what is left out there.
    pub property: Range<usize>,
}

impl Ahead {
    /// So many bytes show whether a body names its model early. Shorter bodies are parsed in no time,
    /// and what is wrong with them is said.
    pub const BEGINNING: usize = 8192;

    /// Among so many bytes at its end, a body's last brace is looked for.
    pub const END: usize = 1024;

    /// Reads the model from the beginning of a body. `None`: it is not plain from that alone.
    pub fn read(beginning: &[u8]) -> Option<Self> {
        let found = early::name(beginning, &Places::MODEL)?;
        let after = beginning.get(found.value.end..)?;
        let rest = after.trim_ascii_start().strip_prefix(b",")?;
        let property = found.at..beginning.len().checked_sub(rest.len())?;
        if early::may_name_model(rest) {
            return None;
        }
        Some(Self { name: found.name, property })
    }

    /// What a body ends with that names its model like this, where these are the last bytes of the
    /// client's. `None`: they do not end an object.
    pub fn end(last: &[u8], name: &str) -> Option<Vec<u8>> {
        let before = last.trim_ascii_end().strip_suffix(b"}")?;
        let after = last.get(before.len().checked_add(1)?..)?;
        Some([before, &closing(name), after].concat())
    }

    /// How long a body of this length is that names its model like this.
    pub fn length(&self, length: usize, name: &str) -> usize {
        let grown = length.saturating_add(closing(name).len());
        grown.saturating_sub(self.property.len()).saturating_sub(1)
    }
}

/// What stands at the end instead of the brace.
fn closing(name: &str) -> Vec<u8> {
    [&b",\"model\":"[..], &as_json(name), b"}"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    /// What a backend gets of this body when it calls the model so.
    fn sent(body: &str, name: &str) -> Option<String> {
        let body = body.as_bytes();
        let ahead = Ahead::read(&body[..body.len().min(Ahead::BEGINNING)])?;
        let (first, last) =
            body.split_at(body.len().saturating_sub(Ahead::END).max(ahead.property.end));
        let mut sent = [first, &Ahead::end(last, name)?].concat();
        sent.drain(ahead.property.clone());
        assert_eq!(sent.len(), ahead.length(body.len(), name));
        Some(String::from_utf8(sent).expect("text"))
    }

    #[test]
    fn the_name_moves_to_the_end() {
        for (body, moved) in [
            (r#"{"model":"gpt-4o","input":"hi"}"#, r#"{"input":"hi","model":"o1"}"#),
            ("{ \"model\" : \"gpt-4o\" , \"a\":1 }\r\n ", "{  \"a\":1 ,\"model\":\"o1\"}\r\n "),
            (r#"{"a":[{}],"model":"gpt-4o","b":2}"#, r#"{"a":[{}],"b":2,"model":"o1"}"#),
        ] {
            assert_eq!(sent(body, "o1").as_deref(), Some(moved));
        }
        let quoted = sent(r#"{"model":"gpt-4o","a":1}"#, "it's \"new\"");
        assert_eq!(quoted.as_deref(), Some(r#"{"a":1,"model":"it's \"new\""}"#));
    }

    /// The model for a reader that folds case and takes the last, as Go's does.
    fn last_folded(body: &str) -> Option<String> {
        use serde::de::{Deserializer as _, MapAccess, Visitor};
        struct Last;
        impl<'de> Visitor<'de> for Last {
            type Value = Option<String>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut last = None;
                while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
                    if name.eq_ignore_ascii_case("model") {
                        last = value.as_str().map(str::to_owned).or(last);
                    }
                }
                Ok(last)
            }
        }
        serde_json::Deserializer::from_str(body).deserialize_map(Last).expect("valid")
    }

    #[test]
    fn whatever_else_the_body_says_the_last_name_is_ours() {
        for other in [
            r#""model":"o1-pro""#,
            r#""mod\u0065l":"o1-pro""#,
            r#""model":null"#,
            r#""a":{"model":"o1-pro"}"#,
            r#""Model":"o1-pro""#,
            r#""MOD\u0045L":"o1-pro""#,
        ] {
            let body = format!(r#"{{"model":"gpt-4o","input":"{}",{other}}}"#, "x".repeat(9000));
            let sent = sent(&body, "gpt-4o").expect("early");
            let read: serde_json::Value = serde_json::from_str(&sent).expect("valid");
            assert_eq!(read["model"], "gpt-4o", "{other}");
            assert_eq!(last_folded(&sent).as_deref(), Some("gpt-4o"), "{other}");
        }
    }

    #[test]
    fn what_is_not_plain_from_the_beginning_is_left() {
        for body in [
            r#"{"model":"gpt-4o"}"#,
            r#"{"model":"gpt\u002d4o","a":1}"#,
            r#"{"model":7,"a":1}"#,
            r#"{"a":{"model":"gpt-4o","b":1}}"#,
            r#"{"model":"gpt-4o" "a":1}"#,
            r#"{"model":"gpt-4o"#,
            r#"{"model":"gpt-4o","model":"o1-pro","a":1}"#,
            r#"{"model":"gpt-4o","Model":"o1-pro","a":1}"#,
            r#"{"mod\u0065l":"o1-pro"}{"model":"gpt-4o","a":1}"#,
            r#"["a","model":"gpt-4o","b":1}"#,
        ] {
            assert_eq!(Ahead::read(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn what_ends_no_object_is_not_continued() {
        for last in [&b""[..], b"  ", b"1]", b"\"}\""] {
            assert_eq!(Ahead::end(last, "o1"), None);
        }
    }
}
