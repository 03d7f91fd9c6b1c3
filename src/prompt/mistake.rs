//! What is wrong with a body, in the words of a parser that clients know.
//!
//! The gateway's own reader only says that a body is no JSON. `serde_json` reads the few that are not
//! once more, and says what is wrong and where.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What is wrong with this text, which is no JSON or has a name, a text or a number that cannot be
/// read.
pub(super) fn mistake(text: &str) -> String {
    let mut from = serde_json::Deserializer::from_str(text);
    let read = from.deserialize_any(Outermost).and_then(|()| from.end());
    read.map_or_else(|e| e.to_string(), |()| "a text or a number in it cannot be read".to_owned())
}

/// The outermost value, of which names are decoded and values skipped.
struct Outermost;

impl<'de> Visitor<'de> for Outermost {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<Name, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// A name, which must be text.
struct Name;

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn the_mistake_is_said_with_its_place() {
        for (text, said) in [
            (r#"{"a":1"#, "EOF while parsing an object at line 1 column 6"),
            ("{\"a\":1,}", "trailing comma at line 1 column 8"),
            (r#"{"a":NaN}"#, "expected value at line 1 column 6"),
            (r#"{"\ud800":1}"#, "unexpected end of hex escape at line 1 column 9"),
            ("[1,", "EOF while parsing a value at line 1 column 3"),
            ("{} {}", "trailing characters at line 1 column 4"),
            (r#"{"tools":["\ud800"]}"#, "a text or a number in it cannot be read"),
        ] {
            assert_eq!(mistake(text), said, "{text}");
        }
    }
}
