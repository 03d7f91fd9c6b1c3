//! The ways to the places that name models, walked through a JSON text in one pass.
//!
//! Nothing is built: what is found borrows from the text, and all else is skipped. Readers differ in
//! which of two members of one name they take, and in whether they take `Model` for `model`. So on
//! every step of a way a name may occur once in its object, and no other may fold to it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::fold::{folded, folds};
use super::places::{Step, Way};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found<'a> {
    /// What names the model of the request.
    pub(super) model: Option<&'a RawValue>,
    /// What stands in the other places.
    pub(super) others: Vec<&'a RawValue>,
    /// The first thing that can be read in two ways, as a sentence.
    pub(super) ambiguous: Option<String>,
}

impl<'a> Found<'a> {
    /// Walks through a whole text.
    pub(super) fn walk(&mut self, text: &'a str, ways: &[Way]) -> serde_json::Result<()> {
        let mut from = serde_json::Deserializer::from_str(text);
        Walk { ways, found: self }.deserialize(&mut from)?;
        from.end()
    }

    fn is(&mut self, value: &'a RawValue, way: Way) {
        if !way.is_model {
            self.others.push(value);
        } else if self.model.replace(value).is_some() {
            self.refuse("the request body names its model twice".to_owned());
        }
    }

    pub(super) fn refuse(&mut self, why: String) {
        self.ambiguous.get_or_insert(why);
    }
}

/// Walks these ways through one value.
pub(super) struct Walk<'w, 'a> {
    pub(super) ways: &'w [Way],
    pub(super) found: &'w mut Found<'a>,
}

impl<'a> Walk<'_, 'a> {
    /// Walks through a value that is there as it is written.
    pub(super) fn through(self, value: &'a RawValue) -> serde_json::Result<()> {
        let mut further = Vec::new();
        for way in self.ways {
            if way.has_ended() {
                self.found.is(value, *way);
            } else {
                further.push(*way);
            }
        }
        if further.is_empty() {
            return Ok(());
        }
        self.found.walk(value.get(), &further)
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        if self.ways.iter().any(|way| way.has_ended()) {
            return self.through(Deserialize::deserialize(from)?).map_err(D::Error::custom);
        }
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = Names::new(self.ways);
        while let Some(Name(name)) = map.next_key()? {
            let ways = names.next(&name, self.found);
            if ways.is_empty() {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(Walk { ways: &ways, found: self.found })?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let each = self.ways.iter().map(|way| way.step());
        let ways: Vec<_> =
            each.filter_map(|(step, next)| (step == Step::Each).then_some(next)).collect();
        if ways.is_empty() {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        while seq.next_element_seed(Walk { ways: &ways, found: self.found })?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

/// The names of one object.
pub(super) struct Names<'w> {
    ways: &'w [Way],
    /// Those on a way that were there.
    seen: Vec<&'static str>,
    /// All, folded, where a way leads to each.
    all: BTreeSet<String>,
}

impl<'w> Names<'w> {
    pub(super) const fn new(ways: &'w [Way]) -> Self {
        Self { ways, seen: Vec::new(), all: BTreeSet::new() }
    }

    /// The ways that lead on from the member of this name.
    pub(super) fn next(&mut self, name: &str, found: &mut Found<'_>) -> Vec<Way> {
        let (mut ways, mut here, mut any) = (Vec::new(), None, false);
        for way in self.ways {
            let (step, next) = way.step();
            match step {
                Step::Name(known) if known == name => {
                    here = Some((known, next));
                    ways.push(next);
                }
                Step::Name(known) if folds(known, name) => found.refuse(format!(
                    "some servers read a member of the request body as `{known}` that is not \
                     written so; write `{known}`"
                )),
                Step::AnyName => {
                    any = true;
                    ways.push(next);
                }
                Step::Name(_) | Step::Each => {}
            }
        }
        if let Some((known, next)) = here {
            if self.seen.contains(&known) {
                let names = next.is_model && next.has_ended();
                let verb = if names { "names" } else { "has" };
                found.refuse(format!("the request body {verb} `{known}` twice"));
            }
            self.seen.push(known);
        }
        if any && !self.all.insert(folded(name).collect()) {
            found.refuse("an object in the request body names one member twice".to_owned());
        }
        ways
    }
}

/// A name of a member, decoded.
pub(super) struct Name<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        from.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Places;
    use super::*;
    use crate::testing::test;

    const PLACES: Places =
        Places { model: "session.model", others: &["tools[].model", "by.*.model"] };

    fn walk(text: &str) -> Result<(Option<String>, Vec<String>), String> {
        let mut found = Found::default();
        found.walk(text, &PLACES.ways()).map_err(|e| e.to_string())?;
        let text = |raw: &RawValue| raw.get().to_owned();
        match found.ambiguous {
            Some(why) => Err(why),
            None => Ok((found.model.map(text), found.others.into_iter().map(text).collect())),
        }
    }

    #[test]
    fn each_way_is_walked_to_its_end() {
        let text = r#"{"model":"no","tools":[{"model":"a","x":[1]},7,{"model":{"b":1}}],
            "session":{"x":{"model":"no"},"model":"m"},"by":{"x":{"model":"c"},"y":null}}"#;
        let others = [r#""a""#, r#"{"b":1}"#, r#""c""#].map(str::to_owned).to_vec();
        assert_eq!(walk(text), Ok((Some("\"m\"".to_owned()), others)));
        for text in
            ["{}", r#"{"session":[{"model":"m"}]}"#, r#"{"session":7,"tools":"a","by":1.5}"#]
        {
            assert_eq!(walk(text), Ok((None, Vec::new())), "{text}");
        }
    }

    #[test]
    fn a_name_on_a_way_is_there_once_and_in_one_spelling() {
        for (text, why) in [
            (r#"{"session":{"model":"a","model":"b"}}"#, "names `model` twice"),
            (r#"{"session":{"model":"a","mod\u0065l":null}}"#, "names `model` twice"),
            (r#"{"session":{"model":"a"},"session":{}}"#, "has `session` twice"),
            (r#"{"session":{"Model":"a"}}"#, "as `model`"),
            (r#"{"session":{"model":"a"},"Session":1}"#, "as `session`"),
            (r#"{"\u017fe\u017fſion":{"model":"a"}}"#, "as `session`"),
            (r#"{"tools":[{"model":"a"},{"MODEL":1}]}"#, "as `model`"),
            (r#"{"tools":[],"tools":[]}"#, "has `tools` twice"),
            (r#"{"tools":[],"toolſ":[]}"#, "as `tools`"),
            (r#"{"by":{"x":{},"x":{}}}"#, "one member twice"),
            (r#"{"by":{"x":{},"X":{}}}"#, "one member twice"),
        ] {
            let told = walk(text).expect_err(text);
            assert!(told.contains(why), "{text}: {told}");
        }
        assert!(walk(r#"{"Model":1,"x":{"tools":1,"tools":2},"a":1,"a":2}"#).is_ok(), "elsewhere");
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        for text in ["", "{", "{} {}", r#"{"session":{"model":"a"}"#, r#"{"session":NaN}"#] {
            assert!(walk(text).is_err(), "{text}");
        }
        let deep = format!(r#"{{"session":{}{}}}"#, "[".repeat(1000), "]".repeat(1000));
        assert_eq!(walk(&deep), Ok((None, Vec::new())), "what no way leads into is skipped");
    }
}
