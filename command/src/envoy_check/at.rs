//! A value together with where it stands, so that whatever is found about it leads to its line.

use serde_json::Value;

use spillway::config::path;

/// A value in a file.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    /// Where: `static_resources.clusters[0].name`.
    pub(super) path: String,
    /// What stands there.
    pub(super) value: &'a Value,
}

impl<'a> At<'a> {
    /// The file as a whole.
    pub(super) fn root(value: &'a Value) -> Self {
        Self { path: String::new(), value }
    }

    /// A field by the name that Envoy gives it; protobuf's JSON also knows it as `camelCase`.
    pub(super) fn field(&self, name: &str) -> Option<Self> {
        let found = |key: &str| {
            let value = self.value.get(key).filter(|value| !value.is_null())?;
            Some(Self { path: path::key(&self.path, key), value })
        };
        found(name).or_else(|| found(&camel(name)))
    }

    /// The items of a list; none where it is not one.
    pub(super) fn items(&self) -> Vec<Self> {
        let items = self.value.as_array().map(Vec::as_slice).unwrap_or_default();
        let item = |(i, value)| Self { path: path::index(&self.path, i), value };
        items.iter().enumerate().map(item).collect()
    }

    /// The items of a list in a field.
    pub(super) fn list(&self, name: &str) -> Vec<Self> {
        self.field(name).map(|field| field.items()).unwrap_or_default()
    }

    /// What stands below, by fields between dots; `[key=value]` chooses from a list.
    pub(super) fn below(&self, fields: &str) -> Option<Self> {
        let (found, rest) = self.nearest(fields);
        rest.is_empty().then_some(found)
    }

    /// The path that these fields have or would have.
    pub(super) fn path_of(&self, fields: &str) -> String {
        let (found, rest) = self.nearest(fields);
        let dot = if found.path.is_empty() || rest.is_empty() { "" } else { "." };
        format!("{}{dot}{rest}", found.path)
    }

    /// As far as there is something, and the fields that are missing.
    fn nearest<'f>(&self, fields: &'f str) -> (Self, &'f str) {
        let (mut here, mut rest) = (self.clone(), fields);
        while !rest.is_empty() {
            let (step, after) = rest.split_once('.').unwrap_or((rest, ""));
            let Some(next) = here.step(step) else { break };
            (here, rest) = (next, after);
        }
        (here, rest)
    }

    fn step(&self, step: &str) -> Option<Self> {
        let Some((name, selector)) = step.split_once('[') else { return self.field(step) };
        let (key, wanted) = selector.trim_end_matches(']').split_once('=')?;
        self.list(name).into_iter().find(|item| {
            let says = item.field(key).map(|field| match field.value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            // What protobuf takes for an enumeration or a number that is not set.
            says.map_or_else(|| matches!(wanted, "DEFAULT" | "0"), |says| says == wanted)
        })
    }

    /// The text that stands here.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// The text in a field.
    pub(super) fn text_in(&self, name: &str) -> Option<&'a str> {
        self.field(name).and_then(|field| field.text())
    }

    /// Whether it is a message of this name, whatever its version.
    pub(super) fn is(&self, message: &str) -> bool {
        self.text_in("@type").is_some_and(|name| name.rsplit('.').next() == Some(message))
    }
}

/// `retry_on` as `retryOn`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut all, word| {
        let mut letters = word.chars();
        all.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        all.push_str(letters.as_str());
        all
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_found_by_both_of_its_names() {
        let value = json!({ "a": { "retryOn": "x" }, "b": { "retry_on": "y" } });
        let root = At::root(&value);
        let found = root.below("a.retry_on").unwrap();
        assert_eq!((found.path.as_str(), found.text()), ("a.retryOn", Some("x")));
        assert_eq!(root.below("b.retry_on").unwrap().path, "b.retry_on");
        assert!(root.below("b.retry_off").is_none());
    }

    #[test]
    fn an_item_is_chosen_by_what_it_says() {
        let value = json!({ "t": [{ "p": "HIGH" }, { "n": 1 }, { "p": 1 }] });
        let root = At::root(&value);
        assert_eq!(root.below("t[p=HIGH]").unwrap().path, "t[0]");
        assert_eq!(root.below("t[p=DEFAULT].n").unwrap().path, "t[1].n");
        assert_eq!(root.below("t[p=1]").unwrap().path, "t[2]");
    }

    #[test]
    fn what_is_missing_is_named_from_where_something_is() {
        let value = json!({ "t": [{ "p": "HIGH" }] });
        let root = At::root(&value);
        assert_eq!(root.path_of("t[p=HIGH].n.m"), "t[0].n.m");
        assert_eq!(root.path_of("x.y"), "x.y");
    }
}
