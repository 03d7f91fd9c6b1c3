//! Reads an expression and works it out on the way.

use serde_json::Value;

use super::Evaluator;

/// What is still to be read.
struct Cursor<'t> {
    rest: &'t str,
}

impl Cursor<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Takes this character, where it comes next.
    fn take(&mut self, wanted: char) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes as many characters as are like this.
    fn take_while(&mut self, like: impl Fn(char) -> bool) -> String {
        self.skip_space();
        let end = self.rest.find(|c| !like(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken.to_owned()
    }
}

impl Evaluator<'_> {
    /// The value of a whole expression; `None`: it cannot be worked out.
    pub(super) fn expression(&self, text: &str) -> Option<Value> {
        let mut cursor = Cursor { rest: text };
        let value = self.value(&mut cursor)?;
        cursor.skip_space();
        cursor.rest.is_empty().then_some(value)
    }

    fn value(&self, cursor: &mut Cursor<'_>) -> Option<Value> {
        let mut value = if cursor.take('\'') {
            Value::String(quoted(cursor)?)
        } else {
            let word = cursor.take_while(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
            if let Ok(number) = word.parse::<i64>() {
                Value::from(number)
            } else if cursor.take('(') {
                let arguments = self.arguments(cursor)?;
                self.call(&word, &arguments).unwrap_or_else(super::hole)
            } else {
                return None;
            }
        };
        loop {
            if cursor.take('.') {
                let key = cursor.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
                value = value.get(&key).cloned().unwrap_or_else(super::hole);
            } else if cursor.take('[') {
                let at = self.nested(cursor)?;
                if !cursor.take(']') {
                    return None;
                }
                value = item(&value, &at).unwrap_or_else(super::hole);
            } else {
                return Some(value);
            }
        }
    }

    fn arguments(&self, cursor: &mut Cursor<'_>) -> Option<Vec<Value>> {
        let mut arguments = Vec::new();
        if cursor.take(')') {
            return Some(arguments);
        }
        loop {
            arguments.push(self.nested(cursor)?);
            if cursor.take(')') {
                return Some(arguments);
            }
            if !cursor.take(',') {
                return None;
            }
        }
    }

    /// A value inside of another: brackets may be nested without end.
    fn nested(&self, cursor: &mut Cursor<'_>) -> Option<Value> {
        let mut whole = true;
        let value = self.deeper(|| {
            let value = self.value(cursor);
            whole = value.is_some();
            value
        });
        whole.then_some(value)
    }
}

/// The item at a place, or the value of a key.
pub(super) fn item(value: &Value, at: &Value) -> Option<Value> {
    let item = match at {
        Value::Number(number) => value.get(usize::try_from(number.as_u64()?).ok()?),
        Value::String(key) => value.get(key),
        _ => None,
    };
    item.cloned()
}

/// The rest of a text in quotes; a quote in it is doubled.
fn quoted(cursor: &mut Cursor<'_>) -> Option<String> {
    let mut text = String::new();
    loop {
        let (before, after) = cursor.rest.split_once('\'')?;
        text.push_str(before);
        match after.strip_prefix('\'') {
            Some(rest) => {
                text.push('\'');
                cursor.rest = rest;
            }
            None => {
                cursor.rest = after;
                return Some(text);
            }
        }
    }
}
