//! The ways to the places that name models, walked through a JSON text in one pass.
//!
//! Nothing is built: what is found borrows from the text, and all else is skipped. Readers differ in
//! which of two properties of one name they take, and in whether they take `Model` for `model`. So on
//! every step of a way a name may occur once in its object, and no other may fold to it.

use super::found::{Found, Wanted};
use super::names::Names;
use super::places::{Step, Way};
use crate::json::{Event, Kind, Piece, Spelling, Strict, decoded};

/// A walk through one text, which may come in parts.
#[derive(Debug)]
pub(super) struct Walk {
    reader: Strict,
    /// The properties of the outermost object that are asked for, each with all its names.
    properties: &'static [&'static [&'static str]],
    /// The objects and lists that ways lead through, the innermost last. Only what stands in that one
    /// is told.
    levels: Vec<Level>,
    /// The value that comes next, or has begun.
    value: Value,
    /// The values that were asked for and have not ended, with how deep they stand.
    open: Vec<(usize, Wanted)>,
    /// The name, text or word that is being read.
    spelling: Spelling,
    found: Found,
    /// It is not read as a parser would read it.
    wrong: bool,
    is_object: bool,
}

/// A value on a way.
#[derive(Debug, Default)]
struct Value {
    ways: Vec<Way>,
    /// The property of the outermost object that it is.
    property: Option<usize>,
    /// Where a way goes on inside of it, so that it must be readable.
    is_read: bool,
}

#[derive(Debug)]
enum Level {
    Object(Names),
    /// Its elements have these ways.
    List(Vec<Way>),
}

impl Walk {
    /// The beginning of a walk along these ways, through a text that stands at this place.
    pub(super) const fn new(ways: Vec<Way>, at: usize) -> Self {
        Self {
            reader: Strict::new().starts_at(at),
            properties: &[],
            levels: Vec::new(),
            value: Value { ways, property: None, is_read: false },
            open: Vec::new(),
            spelling: Spelling::new(),
            found: Found::new(),
            wrong: false,
            is_object: false,
        }
    }

    /// The same, where these properties of the outermost object are asked for, each with all its names.
    pub(super) const fn with_properties(
        mut self,
        properties: &'static [&'static [&'static str]],
    ) -> Self {
        self.properties = properties;
        self
    }

    /// Walks on.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let mut rest = self.reader.part(bytes);
        while !self.wrong
            && let Some(event) = self.reader.next(&mut rest)
        {
            match event {
                Event::Opens(kind) => self.opens(kind, self.reader.at(rest).saturating_sub(1)),
                Event::Closes => self.closes(self.reader.at(rest)),
                Event::Name(piece) => self.name(piece),
                Event::Text(piece) => self.text(piece),
                Event::Word(piece) => self.word(piece),
            }
        }
    }

    /// What was found in an object that has ended. `None`: it has not, or is no JSON.
    pub(super) fn object(self) -> Option<Found> {
        if self.is_object { self.end() } else { None }
    }

    /// What was found in a text that has ended. `None`: it has not, or is no JSON.
    pub(super) fn end(self) -> Option<Found> {
        (self.reader.is_whole() && !self.wrong).then_some(self.found)
    }

    fn opens(&mut self, kind: Kind, at: usize) {
        let further = self.begins(at);
        let outermost = self.levels.is_empty();
        let level = match kind {
            Kind::Object if outermost || !further.is_empty() => Level::Object(Names::new(further)),
            Kind::List => {
                let each = further.iter().map(|way| way.step());
                let ways: Vec<_> =
                    each.filter_map(|(step, next)| (step == Step::Each).then_some(next)).collect();
                if ways.is_empty() {
                    return self.tell();
                }
                Level::List(ways)
            }
            Kind::Object => return,
        };
        self.is_object |= outermost && kind == Kind::Object;
        self.levels.push(level);
        self.tell();
    }

    fn closes(&mut self, at: usize) {
        self.levels.truncate(self.reader.nesting().depth());
        self.tell();
        self.ends(at);
    }

    /// Levels are told as far as ways lead through them: they have no gaps.
    fn tell(&mut self) {
        self.reader.tell_to(self.levels.len());
    }

    fn name(&mut self, piece: Piece<'_>) {
        let Some(written) = self.spelling.whole(piece, usize::MAX) else { return };
        let (Some(Level::Object(names)), Some(name)) = (self.levels.last_mut(), decoded(written))
        else {
            self.wrong = true;
            return;
        };
        self.value.ways = names.next(&name, &mut self.found);
        if self.levels.len() == 1 {
            let is_it = |names: &&[&str]| names.contains(&&*name);
            self.value.property = self.properties.iter().position(is_it);
        }
    }

    fn text(&mut self, piece: Piece<'_>) {
        if piece.first {
            let further = self.begins(piece.at.saturating_sub(1));
            self.value.is_read = !further.is_empty();
        }
        if self.value.is_read
            && let Some(written) = self.spelling.whole(piece, usize::MAX)
        {
            self.wrong = decoded(written).is_none();
        }
        if piece.last {
            self.ends(piece.end().saturating_add(1));
        }
    }

    fn word(&mut self, piece: Piece<'_>) {
        if piece.first {
            let further = self.begins(piece.at);
            self.value.is_read = !further.is_empty();
        }
        if self.value.is_read
            && let Some(written) = self.spelling.whole(piece, usize::MAX)
        {
            // A number may be larger than any reader can count.
            self.wrong = serde_json::from_slice::<serde_json::Value>(written).is_err();
        }
        if piece.last {
            self.ends(piece.end());
        }
    }

    /// A value begins here. Tells the ways that go on inside of it.
    fn begins(&mut self, at: usize) -> Vec<Way> {
        let (mut ways, property) = match self.levels.last() {
            Some(Level::List(ways)) => (ways.clone(), None),
            _ => (std::mem::take(&mut self.value.ways), self.value.property.take()),
        };
        for way in ways.iter().filter(|way| way.has_ended()) {
            let other = Wanted::Other(self.found.others.len());
            self.wants(if way.is_model { Wanted::Model } else { other }, at);
        }
        ways.retain(|way| !way.has_ended());
        if let Some(property) = property {
            self.wants(Wanted::Property(property), at);
        }
        ways
    }

    fn wants(&mut self, wanted: Wanted, at: usize) {
        self.found.begins(wanted, at);
        self.open.push((self.levels.len(), wanted));
    }

    /// A value ends here.
    fn ends(&mut self, at: usize) {
        let depth = self.reader.nesting().depth();
        while let Some((_, wanted)) = self.open.pop_if(|(admission, _)| *admission == depth) {
            self.found.ends(wanted, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::super::Places;
    use super::*;
    use crate::testing::test;

    const PLACES: Places =
        Places { model: "session.model", others: &["tools[].model", "by.*.model"] };

    fn walk(text: &str) -> Result<(Option<String>, Vec<String>), String> {
        let mut walk = Walk::new(PLACES.ways(), 0);
        walk.push(text.as_bytes());
        let found = walk.end().ok_or("no JSON")?;
        let text = |place: Range<usize>| text[place].to_owned();
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
            (r#"{"by":{"x":{},"x":{}}}"#, "one property twice"),
            (r#"{"by":{"x":{},"X":{}}}"#, "one property twice"),
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
