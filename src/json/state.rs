//! Where a reader stands.

use super::text::Escape;
use super::word::Word;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaits {
    /// A value.
    Value,
    /// A value, or the end of a list that is empty so far.
    First,
    /// A name, or the end of an object that is empty so far.
    FirstName,
    /// A name.
    Name,
    /// The colon after a name.
    Colon,
    /// A comma or an end; after the outermost value, nothing.
    Comma,
}

/// What has begun and not ended, beside objects and lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inside {
    /// Nothing.
    Nothing,
    /// A text that is a value.
    Text(Escape),
    /// A name.
    Name(Escape),
    /// A word; what it is so far, if that matters.
    Word(Option<Word>),
}
