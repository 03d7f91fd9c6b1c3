//! JSON in which no key stands twice.
//!
//! `serde_json` lets the last of two equal keys win. In a configuration the first is then lost
//! without a word: here it is a mistake, as it is in YAML.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{Problem, quoted};

/// The value that these bytes say.
pub fn read(bytes: &[u8]) -> Result<Value, Problem> {
    parse(bytes).map_err(|mistake| {
        let Mistake { line, column, what } = mistake;
        let message = format!("not valid JSON at line {line}, column {column}: {what}");
        Problem::new("", message, "")
    })
}

/// Where a text stops being JSON, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1; 0 before the first character.
    pub column: usize,
    /// What is wrong there.
    pub what: String,
}

/// The same, for who has a use for the place.
///
/// # Errors
/// The bytes are no JSON.
pub fn parse(bytes: &[u8]) -> Result<Value, Mistake> {
    serde_json::from_slice::<Unique>(bytes).map(|unique| unique.0).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let place = format!(" at line {line} column {column}");
        let what = text.strip_suffix(&place).unwrap_or(&text).to_owned();
        Mistake { line, column, what }
    })
}

/// Any value; an object with two equal keys is an error.
pub struct Unique(pub Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {} stands twice", quoted(&key))));
            }
            let Unique(value) = entries.next_value()?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::test;

    #[test]
    fn reads_what_serde_json_reads() {
        let text = r#"{"a":[1,-2,1.5,null,true,"x\ud83d\ude00"],"b":{"c":{}}}"#;
        let expected = json!({"a": [1, -2, 1.5, null, true, "x😀"], "b": {"c": {}}});
        assert_eq!(read(text.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn says_where_it_breaks() {
        let said = |text: &str| read(text.as_bytes()).unwrap_err().message;
        assert_eq!(said("{\n  \"a\": 1,\n}"), "not valid JSON at line 3, column 1: trailing comma");
        assert_eq!(
            said("{\"a\": 1,\n \"a\": 2}"),
            "not valid JSON at line 2, column 4: the key `a` stands twice"
        );
        assert_eq!(said(""), "not valid JSON at line 1, column 0: EOF while parsing a value");
    }

    #[test]
    fn depth_is_bounded() {
        assert!(read("[".repeat(100_000).as_bytes()).is_err());
    }
}
