//! What the outermost object of a request's body says to the gateway, found in one pass.
//!
//! To read a long prompt takes longer than all else that is done with it, so the name of the model,
//! and what decides whether a stream reports its usage, are looked for together. Nothing is built:
//! what is found borrows from the body.

use std::ops::Range;

use super::found::{Found, Place};
use super::json::BOM;
use super::walk::Walk;

/// The properties that matter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Properties<'a> {
    /// `model`.
    pub model: Property<'a>,
    /// `stream`.
    pub stream: Property<'a>,
    /// `stream_options`.
    pub stream_options: Property<'a>,
    /// `data_sources`, by either of its names.
    pub data_sources: Property<'a>,
}

/// One of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Property<'a> {
    /// It is not there.
    #[default]
    Missing,
    /// It is there: its value as it is written, which may be `null`.
    Once(Written<'a>),
    /// It is there more than once, and readers may differ in which of them they take.
    Again,
}

/// A value as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written<'a> {
    /// Its text.
    pub text: &'a str,
    /// Where it begins in the body.
    pub at: usize,
}

/// It is no JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoObject;

impl<'a> Properties<'a> {
    /// The properties, each with all its names.
    pub(super) const NAMES: &'static [&'static [&'static str]] =
        &[&["model"], &["stream"], &["stream_options"], &["data_sources", "dataSources"]];

    /// Reads a whole body.
    ///
    /// # Errors
    /// It is no JSON object.
    pub fn read(body: &'a [u8]) -> Result<Self, NoObject> {
        let json = body.strip_prefix(BOM).unwrap_or(body);
        let mut walk = Walk::new(Vec::new(), body.len().saturating_sub(json.len()));
        walk = walk.with_properties(Self::NAMES);
        walk.push(json);
        let written = |place: &Range<usize>| {
            let text = std::str::from_utf8(body.get(place.clone())?).ok()?;
            Some(Written { text, at: place.start })
        };
        walk.object().and_then(|found| Self::of(&found, written)).ok_or(NoObject)
    }

    /// The properties that were found, and what is written where they were. `None`: one is not UTF-8.
    pub(super) fn of(
        found: &Found,
        body: impl Fn(&Range<usize>) -> Option<Written<'a>> + Copy,
    ) -> Option<Self> {
        let [model, stream, stream_options, data_sources] = &found.properties;
        Some(Self {
            model: Property::of(model, body)?,
            stream: Property::of(stream, body)?,
            stream_options: Property::of(stream_options, body)?,
            data_sources: Property::of(data_sources, body)?,
        })
    }
}

impl<'a> Property<'a> {
    /// Whether it says nothing: it is missing, or `null`.
    pub fn is_null(self) -> bool {
        match self {
            Self::Missing => true,
            Self::Once(value) => value.text == "null",
            Self::Again => false,
        }
    }

    fn of(place: &Place, written: impl Fn(&Range<usize>) -> Option<Written<'a>>) -> Option<Self> {
        Some(match place {
            Place::Missing => Self::Missing,
            Place::Once(place) => Self::Once(written(place)?),
            Place::Again => Self::Again,
        })
    }
}

impl<'a> Written<'a> {
    /// Where it stands in the body.
    pub const fn place(self) -> Range<usize> {
        self.at..self.at.saturating_add(self.text.len())
    }

    /// The property of this name, of the object that this is. `None`: this is no object.
    pub fn property(self, name: &'static [&'static [&'static str]]) -> Option<Property<'a>> {
        let mut walk = Walk::new(Vec::new(), self.at).with_properties(name);
        walk.push(self.text.as_bytes());
        let [first, ..] = &walk.object()?.properties;
        Property::of(first, |place| Self::in_place(place, self.text, self.at))
    }

    /// What stands in this place, where this text stands at that one.
    pub(super) fn in_place(place: &Range<usize>, text: &'a str, at: usize) -> Option<Self> {
        let (start, end) = (place.start.checked_sub(at)?, place.end.checked_sub(at)?);
        Some(Self { text: text.get(start..end)?, at: place.start })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn told(property: Property<'_>) -> &str {
        match property {
            Property::Missing => "missing",
            Property::Once(value) => value.text,
            Property::Again => "again",
        }
    }

    #[test]
    fn each_is_missing_there_or_there_again() {
        let body = br#"{"messages":[{"model":"no"}],"str\u0065am" : true ,"model":"m",
            "stream_options":null,"dataSources":[],"data_sources":{}}"#;
        let Properties { model, stream, stream_options, data_sources } =
            Properties::read(body).expect("an object");
        let all = [model, stream, stream_options, data_sources].map(told);
        assert_eq!(all, ["\"m\"", "true", "null", "again"]);
        assert_eq!(told(Properties::read(b"{}").expect("an object").model), "missing");
        let nulls = [model, stream, stream_options, data_sources, Property::Missing];
        assert_eq!(nulls.map(Property::is_null), [false, false, true, false, true]);
    }

    #[test]
    fn a_value_says_where_it_stands() {
        let body = br#" { "model" : "gpt-4o" } "#;
        let Property::Once(value) = Properties::read(body).expect("an object").model else {
            panic!("it is there once")
        };
        assert_eq!(body.get(value.place()), Some(&br#""gpt-4o""#[..]));
    }

    #[test]
    fn what_is_no_object_says_nothing() {
        for body in ["", "[]", "[\"m\",true]", "7", "{\"model\":\"m\"", "{\"model\"}", "{} {}"] {
            assert!(Properties::read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
