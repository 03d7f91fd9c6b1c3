//! What the outermost object of a request's body says to the gateway, found in one pass.
//!
//! To read a long prompt takes longer than all else that is done with it, so the name of the model,
//! and what decides whether a stream reports its usage, are looked for together. Nothing is built:
//! what is found borrows from the body, so its address says where it stands.

use std::fmt;
use std::ops::Range;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json::BOM;
use super::places::Way;
use super::walk::{Found, Name, Names, Walk};

/// The members that matter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Members<'a> {
    /// `model`.
    pub model: Member<'a>,
    /// `stream`.
    pub stream: Member<'a>,
    /// `stream_options`.
    pub stream_options: Member<'a>,
    /// `data_sources`, by either of its names.
    pub data_sources: Member<'a>,
}

/// One of them.
#[derive(Debug, Clone, Copy, Default)]
pub enum Member<'a> {
    /// It is not there.
    #[default]
    Missing,
    /// It is there: its value as it is written, which may be `null`.
    Once(&'a RawValue),
    /// It is there more than once, and readers may differ in which of them they take.
    Again,
}

impl<'a> Members<'a> {
    /// Reads a whole body.
    ///
    /// # Errors
    /// It is no JSON object.
    pub fn read(body: &'a [u8]) -> serde_json::Result<Self> {
        let body = body.strip_prefix(BOM).unwrap_or(body);
        let mut from = serde_json::Deserializer::from_slice(body);
        let members = Outermost { ways: &[], found: &mut Found::default() }.deserialize(&mut from);
        members.and_then(|members| from.end().map(|()| members))
    }

    /// Reads a whole body, and walks the ways to the places that name models in the same pass.
    pub(super) fn walk(
        text: &'a str,
        ways: &[Way],
        found: &mut Found<'a>,
    ) -> serde_json::Result<Self> {
        let mut from = serde_json::Deserializer::from_str(text);
        let members = Outermost { ways, found }.deserialize(&mut from)?;
        from.end().map(|()| members)
    }

    fn of_name(&mut self, name: &str) -> Option<&mut Member<'a>> {
        match name {
            "model" => Some(&mut self.model),
            "stream" => Some(&mut self.stream),
            "stream_options" => Some(&mut self.stream_options),
            "data_sources" | "dataSources" => Some(&mut self.data_sources),
            _ => None,
        }
    }
}

impl<'a> Member<'a> {
    /// Whether it says nothing: it is missing, or `null`.
    pub fn is_null(self) -> bool {
        match self {
            Self::Missing => true,
            Self::Once(value) => value.get() == "null",
            Self::Again => false,
        }
    }

    const fn is(&mut self, value: &'a RawValue) {
        *self = match self {
            Self::Missing => Self::Once(value),
            Self::Once(_) | Self::Again => Self::Again,
        };
    }
}

/// Where a value stands in the body that it was read from.
pub fn place(value: &RawValue, body: &[u8]) -> Range<usize> {
    // It borrows from the body: the distance of the two is where it stands.
    let start = (value.get().as_ptr() as usize).wrapping_sub(body.as_ptr() as usize);
    start..start.saturating_add(value.get().len())
}

/// The outermost object.
struct Outermost<'w, 'a> {
    ways: &'w [Way],
    found: &'w mut Found<'a>,
}

impl<'de> DeserializeSeed<'de> for Outermost<'_, 'de> {
    type Value = Members<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Outermost<'_, 'de> {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut members, mut names) = (Members::default(), Names::new(self.ways));
        while let Some(Name(name)) = map.next_key()? {
            let ways = names.next(&name, self.found);
            let walk = Walk { ways: &ways, found: self.found };
            if let Some(member) = members.of_name(&name) {
                let value = map.next_value()?;
                member.is(value);
                walk.through(value).map_err(A::Error::custom)?;
            } else if ways.is_empty() {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(walk)?;
            }
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn told(member: Member<'_>) -> &str {
        match member {
            Member::Missing => "missing",
            Member::Once(value) => value.get(),
            Member::Again => "again",
        }
    }

    #[test]
    fn each_is_missing_there_or_there_again() {
        let body = br#"{"messages":[{"model":"no"}],"str\u0065am" : true ,"model":"m",
            "stream_options":null,"dataSources":[],"data_sources":{}}"#;
        let Members { model, stream, stream_options, data_sources } =
            Members::read(body).expect("an object");
        let all = [model, stream, stream_options, data_sources].map(told);
        assert_eq!(all, ["\"m\"", "true", "null", "again"]);
        assert_eq!(told(Members::read(b"{}").expect("an object").model), "missing");
        let nulls = [model, stream, stream_options, data_sources, Member::Missing];
        assert_eq!(nulls.map(Member::is_null), [false, false, true, false, true]);
    }

    #[test]
    fn a_value_is_where_its_address_says() {
        let body = br#" { "model" : "gpt-4o" } "#;
        let Member::Once(value) = Members::read(body).expect("an object").model else {
            panic!("it is there once")
        };
        assert_eq!(body.get(place(value, body)), Some(&br#""gpt-4o""#[..]));
    }

    #[test]
    fn what_is_no_object_says_nothing() {
        for body in ["", "[]", "[\"m\",true]", "7", "{\"model\":\"m\"", "{\"model\"}", "{} {}"] {
            assert!(Members::read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
