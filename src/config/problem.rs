//! What is wrong with a configuration, said so that a person can mend it at once.

use std::fmt;

/// One thing that is wrong: where, what, and what to do about it.
///
/// The form is that of `cargo` and `uv`: no full stop after a single sentence, code in backticks,
/// and advice on a line of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where in the file: `models.gpt-4o.pool[1].weight`. Empty: the file as a whole.
    pub path: String,
    /// What is wrong there. Never holds the value of a secret.
    pub message: String,
    /// What to do about it; empty where the message says it already.
    pub hint: String,
}

impl Problem {
    /// A problem with its advice.
    pub fn new(
        path: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), message: message.into(), hint: hint.into() }
    }

    /// The same problem, in this place.
    #[must_use]
    pub fn at(self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(f, "{}", self.message)?;
        } else {
            write!(f, "{}: {}", self.path, self.message)?;
        }
        if self.hint.is_empty() { Ok(()) } else { write!(f, "\n  hint: {}", self.hint) }
    }
}

/// The text in backticks, on one line and not too long.
pub fn quoted(text: &str) -> String {
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(60).flat_map(char::escape_debug).collect();
    let start = start.replace("\\\"", "\"").replace("\\'", "'");
    if chars.next().is_some() { format!("`{start}…`") } else { format!("`{start}`") }
}
