//! Readers of a JSON body: which model it names.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::path::Reader;

/// Every reader.
pub(super) const READERS: [Reader; 3] = [
    ("serde_json, which takes the last", last_wins),
    ("a model of Python's json, which finds the encoding out by itself", python),
    ("a model of Go's encoding/json, which folds case and stops after the first value", go),
];

fn last_wins(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    Some(value.get("model")?.as_str()?.to_owned())
}

/// `json.detect_encoding`: by byte order marks and zeros. `NaN` and the infinities are numbers.
fn python(body: &[u8]) -> Option<String> {
    let units = |bytes: &[u8], big: bool| {
        let unit = |pair: &[u8]| match pair {
            [a, b] if big => u16::from_be_bytes([*a, *b]),
            [a, b] => u16::from_le_bytes([*a, *b]),
            _ => 0xfffd,
        };
        String::from_utf16_lossy(&bytes.chunks(2).map(unit).collect::<Vec<_>>())
    };
    let text = match body {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).ok()?,
        [0xff, 0xfe, rest @ ..] => units(rest, false),
        [0xfe, 0xff, rest @ ..] => units(rest, true),
        [0, second, ..] if *second != 0 => units(body, true),
        [first, 0, ..] if *first != 0 => units(body, false),
        _ => String::from_utf8(body.to_vec()).ok()?,
    };
    let text = text.replace("NaN", "0").replace("-Infinity", "0").replace("Infinity", "0");
    last_wins(text.as_bytes())
}

fn go(body: &[u8]) -> Option<String> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Folded>();
    values.next()?.ok()?.0
}

/// The last member whose name is `model` in whatever case.
struct Folded(Option<String>);

impl<'de> Deserialize<'de> for Folded {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Folded;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Folded, A::Error> {
                let mut model = None;
                while let Some(name) = map.next_key::<String>()? {
                    if name.to_lowercase() == "model" {
                        let value: Value = map.next_value()?;
                        model = value.as_str().map(str::to_owned).or(model);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Folded(model))
            }
        }
        from.deserialize_map(Object)
    }
}
