//! Words that are looked for in many texts.
//!
//! Preparing a search costs more than searching one event of a stream, so each word is prepared once
//! in the life of a program ([`word!`]), and not each time that it is looked for.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// A word that is looked for.
#[derive(Debug)]
pub(crate) struct Word(LazyLock<Finder<'static>>);

/// A static [`Word`]: `word!(ERROR = b"\"error\"");`
macro_rules! word {
    ($name:ident = $text:expr) => {
        static $name: $crate::words::Word =
            $crate::words::Word::new(|| memchr::memmem::Finder::new($text));
    };
}
pub(crate) use word;

impl Word {
    /// A word, prepared by `how` when it is looked for the first time.
    pub(crate) const fn new(how: fn() -> Finder<'static>) -> Self {
        Self(LazyLock::new(how))
    }

    /// Whether it stands in the text.
    pub(crate) fn is_in(&self, text: &[u8]) -> bool {
        self.0.find(text).is_some()
    }

    /// Where it stands first.
    pub(crate) fn find(&self, text: &[u8]) -> Option<usize> {
        self.0.find(text)
    }

    /// Where a name of JSON stands as the name of a member: what follows each time after its colon,
    /// without the space between. The word has the quotes. A text that says so is none the wiser:
    /// quotes inside of it have a backslash before them.
    pub(crate) fn values<'a>(&'a self, json: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.rests(json).filter_map(|rest| Some(rest.strip_prefix(b":")?.trim_ascii_start()))
    }

    /// What follows each time that it stands there, without the space between.
    pub(crate) fn rests<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.0.find_iter(text).filter_map(move |at| {
            Some(text.get(at.checked_add(self.0.needle().len())?..)?.trim_ascii_start())
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::test;

    word!(A = b"\"a\"");

    #[test]
    fn a_name_is_found_with_its_values() {
        let values = |json: &'static [u8]| A.values(json).map(<[u8]>::first).collect::<Vec<_>>();
        assert_eq!(values(br#"{"a":1,"b":{"a" : "x"}}"#), [Some(&b'1'), Some(&b'"')]);
        assert_eq!(values(br#"["a",{"b":"a"}]"#), [], "not as a name");
        assert_eq!(values(br#"{"b":"\"a\":1"}"#), [], "not as text");
        assert_eq!(values(br#"{"a":"#), [None], "not yet there");
        assert!(A.is_in(br#"["a"]"#) && !A.is_in(b"a"));
    }
}
