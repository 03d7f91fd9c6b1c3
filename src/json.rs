//! JSON that is read while it comes, in parts of any size, with nothing built of it.
//!
//! The gateway looks for few things in large texts: a model's name in a prompt, the tokens in an
//! answer, the end of an event that was cut. A parser that builds values would hold every text twice
//! and read none before its end. So one reader follows the bytes, wherever they are cut, and
//! tells what begins and ends: objects, lists, names, texts, words. Whoever uses it keeps what it
//! needs.
//!
//! There are two readers. [`Strict`] takes what RFC 8259 takes and stops at everything else: what two
//! servers could read in two ways must not pass. [`Tolerant`] never stops: answers are the backends',
//! and `NaN`, half a surrogate pair or half a character of UTF-8 in one is no failure. Both do not
//! look at UTF-8: whoever takes a text as text looks at it.
//!
//! | question | file |
//! |---|---|
//! | what comes next? | `reader.rs` |
//! | what may come, and what has begun? | `state.rs` |
//! | which objects and lists are open? | `nesting.rs` |
//! | where does a text end? | `text.rs` |
//! | is this a number, or `true`? | `word.rs` |
//! | what does a text that came in pieces say? | `spelling.rs` |
//!
//! Where a whole small value is wanted, `serde_json` parses it.

mod nesting;
mod reader;
mod spelling;
mod state;
#[cfg(test)]
mod tests;
mod text;
mod word;

pub(crate) use nesting::Kind;
pub(crate) use reader::{Strict, Tolerant};
pub(crate) use spelling::{Spelling, decoded};
pub(crate) use state::{Awaits, Inside};
pub(crate) use text::Escape;

/// What is there next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event<'p> {
    /// An object or a list begins: this was its bracket.
    Opens(Kind),
    /// The innermost object or list has ended: this was its bracket.
    Closes,
    /// The name of a member.
    Name(Piece<'p>),
    /// A text that is a value.
    Text(Piece<'p>),
    /// A number, `true`, `false` or `null`; or whatever else stands there, if that is tolerated.
    Word(Piece<'p>),
}

/// A piece of a name, a text or a word: all of it, if it is not cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece<'p> {
    /// The bytes as they are written, without quotes. They may be none.
    pub(crate) written: &'p [u8],
    /// Where these bytes stand in all that was read.
    pub(crate) at: usize,
    /// It is the first piece.
    pub(crate) first: bool,
    /// It is the last piece. A word is known to have ended when the byte after it is there.
    pub(crate) last: bool,
}

impl Piece<'_> {
    /// Where they end.
    pub(crate) const fn end(&self) -> usize {
        self.at.saturating_add(self.written.len())
    }
}
