//! Where in the text each part of a file stands, so that a finding leads to its line.
//!
//! The reader of the configuration knows paths and no lines, because the filter, which runs it too,
//! has no file. So the command reads the text a second time, only for its places, and looks each
//! path up afterwards. A field is where its key is, an item of a list where it begins; what is not
//! there, such as a field that is missing, is where its parent is.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use spillway::config::path;

/// The places of a text, by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places(BTreeMap<String, Place>);

/// A place in a text; both count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

impl Places {
    /// The places of this text, which is YAML or JSON: all JSON is YAML, as far as places go.
    pub fn of(text: &str) -> Self {
        let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
        let mut places = Self::default();
        if let Ok(file) = serde_saphyr::from_str_with_options::<Spanned<Node>>(text, options) {
            places.put("", file.referenced);
            places.add("", &file.value);
        }
        places
    }

    /// The one place where a text stops making sense.
    pub fn only(place: Place) -> Self {
        Self(BTreeMap::from([(String::new(), place)]))
    }

    /// The place of a path, or else of the nearest part of the file around it.
    pub fn find(&self, path: &str) -> Option<Place> {
        let around = |known: &str| {
            let rest = path.strip_prefix(known);
            rest.is_some_and(|rest| {
                known.is_empty() || rest.is_empty() || rest.starts_with(['.', '['])
            })
        };
        let known = self.0.iter().filter(|(known, _)| around(known));
        known.max_by_key(|(known, _)| known.len()).map(|(_, place)| *place)
    }

    fn put(&mut self, path: &str, location: Location) {
        let (line, column) = (location.line(), location.column());
        if line > 0 && column > 0 {
            self.0.insert(path.to_owned(), Place { line, column });
        }
    }

    fn add(&mut self, parent: &str, node: &Node) {
        match node {
            Node::Leaf => {}
            Node::List(items) => {
                for (i, item) in items.iter().enumerate() {
                    let path = path::index(parent, i);
                    self.put(&path, item.referenced);
                    self.add(&path, &item.value);
                }
            }
            Node::Map(entries) => {
                for (key, value) in entries {
                    let path = path::key(parent, &key.value);
                    self.put(&path, key.referenced);
                    self.add(&path, value);
                }
            }
        }
    }
}

/// A value of which only its shape and its places are known.
enum Node {
    Leaf,
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Self)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str, expected: &[(&str, u64, u64)]) {
        let places = Places::of(text);
        for (path, line, column) in expected {
            let place = Place { line: *line, column: *column };
            assert_eq!(places.find(path), Some(place), "{path} in {text}");
        }
    }

    #[test]
    fn fields_are_where_their_keys_are_and_items_where_they_begin() {
        places(
            "# first\nmodels:\n  gpt-4o:\n    pool:\n      - { backend: a, weight: 0 }\n      - b\n      -\n        backend: c\n",
            &[
                ("models", 2, 1),
                ("models.gpt-4o", 3, 3),
                ("models.gpt-4o.pool", 4, 5),
                ("models.gpt-4o.pool[0]", 5, 9),
                ("models.gpt-4o.pool[0].weight", 5, 23),
                ("models.gpt-4o.pool[1]", 6, 9),
                ("models.gpt-4o.pool[2].backend", 8, 9),
            ],
        );
    }

    #[test]
    fn what_is_missing_is_where_its_parent_is() {
        places(
            "models:\n  gpt-4o: {}\n",
            &[
                ("", 1, 1),
                ("clients", 1, 1),
                ("models.gpt-4o.pool[3].weight", 2, 3),
                ("models.gpt-4o-mini", 1, 1),
            ],
        );
        assert_eq!(Places::of("a: [").find("a"), None);
    }

    #[test]
    fn quoted_and_odd_keys_are_found() {
        places(
            "a:\n  \"gpt-4.1\": { 'x y': [1, [2, 3]], é: 1, z: 2 }\n  4: b\n  true:\n  ? long\n  : 1\n",
            &[
                (r#"a."gpt-4.1""#, 2, 3),
                (r#"a."gpt-4.1"."x y""#, 2, 16),
                (r#"a."gpt-4.1"."x y"[1][1]"#, 2, 31),
                (r#"a."gpt-4.1".z"#, 2, 42),
                ("a.4", 3, 3),
                ("a.true", 4, 3),
                ("a.long", 5, 5),
            ],
        );
    }

    #[test]
    fn what_stands_elsewhere_is_where_it_is_used() {
        places("a: &x\n  b: 1\nc: *x\n", &[("a.b", 2, 3), ("c", 3, 1)]);
    }

    #[test]
    fn json_has_places_too() {
        places(
            "{\n\t\"a\":\t{\"b\":[{\"c\":1},\n{\"d\": \"x\\ud83d\\ude00\\/\"}]},\r\n  \"e\" : null\n}\n",
            &[("a", 2, 2), ("a.b[0].c", 2, 14), ("a.b[1].d", 3, 2), ("e", 4, 3)],
        );
    }
}
