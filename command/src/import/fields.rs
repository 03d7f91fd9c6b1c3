//! Reads the fields of an object, and knows which nobody has read.
//!
//! A field that is empty is as good as none: Azure's exports are full of `null`, `""` and `{}`. A
//! problem says what kind of value was found, never which: it may be a key.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::Work;
use super::expression::{HOLE, has_hole};
use spillway::config::{Problem, path};

/// An object whose fields are being read.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    /// Where it stands.
    pub(super) path: String,
    map: Option<&'a Map<String, Value>>,
    read: RefCell<BTreeSet<&'a str>>,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Entry<'a> {
    /// Where it stands.
    pub(super) path: String,
    /// What stands there.
    pub(super) value: &'a Value,
}

impl<'a> Fields<'a> {
    /// The fields of this object.
    pub(super) fn of(path: &str, map: &'a Map<String, Value>) -> Self {
        Self { path: path.to_owned(), map: Some(map), read: RefCell::default() }
    }

    /// Nothing at all, where an object could have been.
    fn none(path: &str) -> Self {
        Self { path: path.to_owned(), map: None, read: RefCell::default() }
    }

    /// The field, which from now on counts as read.
    pub(super) fn get(&self, name: &str) -> Option<Entry<'a>> {
        let (name, value) = self.map?.get_key_value(name)?;
        self.read.borrow_mut().insert(name);
        (!is_empty(value)).then(|| Entry { path: path::key(&self.path, name), value })
    }

    /// The object in this field, or one without fields.
    pub(super) fn object(&self, name: &str, problems: &mut Vec<Problem>) -> Self {
        self.get(name)
            .and_then(|entry| entry.object(problems))
            .unwrap_or_else(|| Fields::none(&path::key(&self.path, name)))
    }

    /// The fields that nobody has read.
    pub(super) fn rest(&self) -> Vec<Entry<'a>> {
        let read = self.read.borrow();
        let unread = self
            .map
            .into_iter()
            .flatten()
            .filter(|(key, value)| !read.contains(key.as_str()) && !is_empty(value));
        unread.map(|(key, value)| Entry { path: path::key(&self.path, key), value }).collect()
    }
}

impl<'a> Entry<'a> {
    /// The text.
    pub(super) fn text(&self, problems: &mut Vec<Problem>) -> Option<&'a str> {
        match self.value.as_str() {
            Some(text) if !has_hole(text) => Some(text),
            _ => self.wrong("text", problems),
        }
    }

    /// The whole number from 0 on.
    pub(super) fn whole(&self, problems: &mut Vec<Problem>) -> Option<u64> {
        self.value.as_u64().or_else(|| self.wrong("a whole number", problems))
    }

    /// Yes or no.
    pub(super) fn flag(&self, problems: &mut Vec<Problem>) -> Option<bool> {
        self.value.as_bool().or_else(|| self.wrong("`true` or `false`", problems))
    }

    /// The fields of the object.
    pub(super) fn object(&self, problems: &mut Vec<Problem>) -> Option<Fields<'a>> {
        match self.value.as_object() {
            Some(map) => Some(Fields::of(&self.path, map)),
            None => self.wrong("an object", problems),
        }
    }

    /// The items of the list.
    pub(super) fn items(&self, problems: &mut Vec<Problem>) -> Vec<Self> {
        let Some(items) = self.value.as_array() else {
            self.wrong::<()>("a list", problems);
            return Vec::new();
        };
        let entry = |(at, value)| Entry { path: path::index(&self.path, at), value };
        items.iter().enumerate().map(entry).collect()
    }

    /// The nearest number that Spillway takes; where it is another, that is said.
    pub(super) fn bounded(&self, number: u64, bounds: RangeInclusive<u64>, work: &mut Work) -> u64 {
        let (least, most) = (*bounds.start(), *bounds.end());
        let within = number.clamp(least, most);
        if within != number {
            let message = format!("a number from {least} to {most} is possible: {within} is taken");
            work.report.differs(&self.path, message, "");
        }
        within
    }

    /// Says that something else stands here.
    fn wrong<T>(&self, expected: &str, problems: &mut Vec<Problem>) -> Option<T> {
        problems.push(match self.value {
            Value::String(text) if has_hole(text) => not_in_the_file(&self.path),
            value => {
                let message = format!("expected {expected}, found {}", kind(value));
                Problem::new(&self.path, message, "")
            }
        });
        None
    }
}

/// What is needed and stands in no file.
pub(super) fn not_in_the_file(path: &str) -> Problem {
    let message = "an expression whose value is not in the file";
    Problem::new(
        path,
        message,
        "give the parameter a `defaultValue`, or list what is deployed: docs/import-apim.md has the command",
    )
}

/// Whether the value is as good as none.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "`true` or `false`",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The last part of a name or an id; `None` where that part is not known.
pub(super) fn last_part(text: &str) -> Option<&str> {
    let last = text.trim_end_matches('/').rsplit('/').next().unwrap_or(text);
    (!last.is_empty() && !last.contains(HOLE)).then_some(last)
}
