//! Typed reading of values, with every mistake collected and its place remembered.
//!
//! A [`Node`] is a value with its place and the [`Kind`] that the shape wants there. Its methods
//! give what was asked for, or say what is wrong and give nothing; the caller goes on with the
//! rest, so that one run finds every problem.

use serde_json::{Map, Value};

use super::nearest::nearest;
use super::shape::{Kind, Object};
use super::{Problem, duration, path, percent, quoted};
use crate::time::Millis;

/// Collects problems.
pub(super) struct Reader {
    /// What was found so far.
    pub(super) problems: Vec<Problem>,
    /// How often "did you mean" is still worked out: a file that is wrong everywhere stays cheap.
    suggestions: u32,
}

impl Reader {
    /// Nothing read yet.
    pub(super) const fn new() -> Self {
        Self { problems: Vec::new(), suggestions: 50 }
    }

    /// Something is wrong.
    pub(super) fn say(&mut self, path: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem::new(path, message, hint));
    }

    /// The hint for a name that is not known: the nearest known one, or else `otherwise`.
    pub(super) fn did_you_mean<'a>(
        &mut self,
        written: &str,
        known: impl IntoIterator<Item = &'a str>,
        otherwise: impl Into<String>,
    ) -> String {
        if self.suggestions == 0 {
            return otherwise.into();
        }
        self.suggestions -= 1;
        match nearest(written, known) {
            Some(word) => format!("did you mean {}?", quoted(word)),
            None => otherwise.into(),
        }
    }
}

/// A value, where it stands, and what should stand there.
pub(super) struct Node<'a> {
    /// Where it stands.
    pub(super) path: String,
    /// What should stand there.
    pub(super) kind: &'static Kind,
    /// What stands there.
    pub(super) value: &'a Value,
}

impl<'a> Node<'a> {
    /// Says that something else was expected here.
    pub(super) fn wrong(&self, reader: &mut Reader, hint: &str) {
        let hint = match self.value {
            Value::Null if self.path.is_empty() => "the file is empty: start with `backends:`",
            Value::Null => "give it a value, or remove it",
            _ => hint,
        };
        let message = format!("expected {}, found {}", self.kind.expected(), found(self.value));
        reader.say(&self.path, message, hint);
    }

    /// The text that stands here.
    pub(super) fn text(&self, reader: &mut Reader) -> Option<&'a str> {
        let text = self.value.as_str();
        if text.is_none() {
            let simple = self.value.is_number() || self.value.is_boolean();
            self.wrong(reader, if simple { "put it in quotes" } else { "" });
        }
        text
    }

    /// The text that stands here, understood by `parse`.
    pub(super) fn parsed<T>(
        &self,
        reader: &mut Reader,
        parse: impl FnOnce(&str) -> Result<T, Problem>,
    ) -> Option<T> {
        let text = self.text(reader)?;
        self.accept(reader, parse(text))
    }

    /// The value, or its problem said with this place.
    pub(super) fn accept<T>(&self, reader: &mut Reader, parsed: Result<T, Problem>) -> Option<T> {
        parsed.map_err(|problem| reader.problems.push(problem.at(&self.path))).ok()
    }

    /// A span of time.
    pub(super) fn duration(&self, reader: &mut Reader) -> Option<Millis> {
        if let Some(number) = self.value.as_u64() {
            self.wrong(reader, &format!("write `{number}s` for seconds"));
            return None;
        }
        self.parsed(reader, duration::parse)
    }

    /// A share, in percent.
    pub(super) fn percent(&self, reader: &mut Reader) -> Option<u32> {
        let Kind::Percent { from } = *self.kind else { return None };
        if let Some(number) = self.value.as_u64() {
            self.wrong(reader, &format!("write `{number}%`"));
            return None;
        }
        self.parsed(reader, |text| percent::parse(text, from))
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, reader: &mut Reader) -> Option<bool> {
        let flag = self.value.as_bool();
        if flag.is_none() {
            let word = self.value.as_str().map(str::to_ascii_lowercase);
            self.wrong(
                reader,
                match word.as_deref() {
                    Some("true" | "yes" | "on") => "write `true`, without quotes",
                    Some("false" | "no" | "off") => "write `false`, without quotes",
                    _ => "",
                },
            );
        }
        flag
    }

    /// A whole number within the limits of the kind.
    pub(super) fn whole(&self, reader: &mut Reader) -> Option<u32> {
        let Kind::Whole { from, to } = *self.kind else { return None };
        let number = self.value.as_u64().filter(|number| (from..=to).contains(number));
        let number = number.and_then(|number| u32::try_from(number).ok());
        if number.is_none() {
            match self.value {
                Value::String(text) if text.trim().parse::<u64>().is_ok() => {
                    self.wrong(reader, "write the number without quotes");
                }
                _ => self.wrong(reader, ""),
            }
        }
        number
    }

    /// One of the words of the kind.
    pub(super) fn word(&self, reader: &mut Reader) -> Option<&'static str> {
        let Kind::OneOf(words) = *self.kind else { return None };
        let Some(written) = self.value.as_str() else {
            self.wrong(reader, "");
            return None;
        };
        let word = words.iter().copied().find(|word| *word == written);
        if word.is_none() {
            let hint = reader.did_you_mean(written, words.iter().copied(), "");
            let message = format!("expected {}, found {}", self.kind.expected(), quoted(written));
            reader.say(&self.path, message, hint);
        }
        word
    }

    /// The items of a list.
    pub(super) fn items(&self, reader: &mut Reader) -> Option<Vec<Self>> {
        let Kind::List(kind) = *self.kind else { return None };
        let Some(list) = self.value.as_array() else {
            let many = self.value.is_object();
            self.wrong(reader, if many { "" } else { "put it in brackets: `[ … ]`" });
            return None;
        };
        let node = |(i, value)| Self { path: path::index(&self.path, i), kind, value };
        Some(list.iter().enumerate().map(node).collect())
    }

    /// The keys of an object with free keys, and what stands under each.
    pub(super) fn entries(&self, reader: &mut Reader) -> Option<Vec<(&'a str, Self)>> {
        let Kind::Map { key, value: kind } = *self.kind else { return None };
        let Some(map) = self.value.as_object() else {
            self.wrong(reader, &format!("write one `{key}: …` below the other"));
            return None;
        };
        let node = |(key, value): (&'a String, &'a Value)| {
            (key.as_str(), Self { path: path::key(&self.path, key), kind, value })
        };
        Some(map.iter().map(node).collect())
    }

    /// The fields of an object; what the shape does not know is a problem.
    pub(super) fn fields(&self, reader: &mut Reader) -> Option<Fields<'a>> {
        let (Kind::Object(shape) | Kind::Short(_, shape)) = *self.kind else { return None };
        let Some(map) = self.value.as_object() else {
            self.wrong(reader, "");
            return None;
        };
        for name in map.keys().filter(|name| shape.field(name).is_none()) {
            let known = shape.fields.iter().map(|field| field.name);
            let names: Vec<&str> = known.clone().collect();
            let all = format!("known here: {}", names.join(", "));
            let hint = match MOVED.iter().find(|(of, old, _)| (*of, *old) == (shape.name, name)) {
                Some((.., hint)) => (*hint).to_owned(),
                None => reader.did_you_mean(name, known, all),
            };
            reader.say(&path::key(&self.path, name), "unknown field", hint);
        }
        Some(Fields { path: self.path.clone(), shape, map })
    }
}

/// The fields of an object.
pub(super) struct Fields<'a> {
    path: String,
    shape: &'static Object,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// What stands in this field, where it is written.
    pub(super) fn get(&self, name: &str) -> Option<Node<'a>> {
        let value = self.map.get(name)?;
        let field = self.shape.field(name)?;
        Some(Node { path: path::key(&self.path, name), kind: &field.kind, value })
    }

    /// What stands in this field, which must be there.
    pub(super) fn require(&self, reader: &mut Reader, name: &str) -> Option<Node<'a>> {
        let node = self.get(name);
        let example = || self.shape.field(name).map_or("", |field| field.example);
        match node {
            None => {
                let hint = format!("add it, for example `{name}: {}`", example());
                reader.say(&self.path, format!("missing field `{name}`"), hint);
                None
            }
            Some(node) if node.value.is_null() => {
                let message = format!("expected {}, found nothing", node.kind.expected());
                let hint = format!("for example `{name}: {}`", example());
                reader.say(&node.path, message, hint);
                None
            }
            node => node,
        }
    }
}

/// What stands there, in words; text is never repeated, as it may be a secret.
fn found(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(flag) => format!("`{flag}`"),
        Value::Number(number) => number.to_string(),
        Value::String(_) => "text".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

/// Fields that earlier versions had: object, field, and where it is now.
const MOVED: [(&str, &str, &str); 1] =
    [("retry", "per_try_timeout", "it is now `first_byte`, one of `timeouts`")];
