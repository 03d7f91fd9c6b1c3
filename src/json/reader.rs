//! Follows JSON byte by byte, and tells what comes.
//!
//! What is told can be limited to the outer levels ([`Reader::tell_to`]): what stands deeper is
//! followed and not told, so a value that nobody asks for costs little.

use super::nesting::{Kind, Nesting};
use super::text::{self, Escape, Found};
use super::word::Word;
use super::{Event, Piece};

/// Takes one JSON text as RFC 8259 defines it, and stops at everything else.
pub(crate) type Strict = Reader<true>;

/// Takes whatever comes, and makes the best of it.
pub(crate) type Tolerant = Reader<false>;

/// What has been read of a text.
#[derive(Debug)]
pub(crate) struct Reader<const STRICT: bool> {
    nesting: Nesting,
    awaits: Awaits,
    inside: Inside,
    /// What stands in deeper levels is not told.
    told: usize,
    /// No more objects and lists may be open.
    deepest: usize,
    /// How many bytes came so far.
    length: usize,
    /// It is no JSON.
    failed: bool,
}

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

impl<const STRICT: bool> Reader<STRICT> {
    /// Nothing read yet; everything is told.
    pub(crate) const fn new() -> Self {
        Self {
            nesting: Nesting::new(),
            awaits: Awaits::Value,
            inside: Inside::Nothing,
            told: usize::MAX,
            deepest: usize::MAX,
            length: 0,
            failed: false,
        }
    }

    /// The same, where so many bytes that are none of it stand before it.
    pub(crate) const fn starts_at(mut self, at: usize) -> Self {
        self.length = at;
        self
    }

    /// The same, where more objects and lists than so many within each other are no JSON.
    pub(crate) const fn no_deeper_than(mut self, depth: usize) -> Self {
        self.deepest = depth;
        self
    }

    /// From now on, tells what stands in no more than so many objects and lists, and nothing deeper.
    pub(crate) const fn tell_to(&mut self, depth: usize) {
        self.told = depth;
    }

    /// The objects and lists that are open.
    pub(crate) const fn nesting(&self) -> &Nesting {
        &self.nesting
    }

    /// What comes next, after what it is inside of.
    pub(crate) const fn awaits(&self) -> Awaits {
        self.awaits
    }

    /// What has begun and not ended.
    pub(crate) const fn inside(&self) -> Inside {
        self.inside
    }

    /// Gets the next bytes. They must be read to their end before others follow.
    pub(crate) const fn part<'p>(&mut self, bytes: &'p [u8]) -> &'p [u8] {
        self.length = self.length.saturating_add(bytes.len());
        bytes
    }

    /// Where this rest of the last part begins, in all bytes.
    pub(crate) const fn at(&self, rest: &[u8]) -> usize {
        self.length.saturating_sub(rest.len())
    }

    /// Whether it was one whole JSON text. Nothing may follow.
    pub(crate) fn is_whole(&self) -> bool {
        let ended = match self.inside {
            Inside::Nothing => self.awaits == Awaits::Comma,
            Inside::Word(word) => !STRICT || word.is_some_and(Word::may_end),
            Inside::Text(_) | Inside::Name(_) => false,
        };
        !self.failed && ended && self.nesting.depth() == 0
    }

    /// Whether it is no JSON: nothing is read any more.
    pub(crate) const fn has_failed(&self) -> bool {
        self.failed
    }

    /// Reads on to what is told next. `None`: the part is read, or it is no JSON.
    pub(crate) fn next<'p>(&mut self, rest: &mut &'p [u8]) -> Option<Event<'p>> {
        loop {
            let event = match self.inside {
                Inside::Nothing => {
                    let (&byte, after) = self.mark(rest).split_first()?;
                    let begins = *rest;
                    *rest = after;
                    match byte {
                        b' ' | b'\n' | b'\t' | b'\r' => continue,
                        b'"' => self.text(rest, Escape::No, true),
                        b'{' => self.open(Kind::Object),
                        b'[' => self.open(Kind::List),
                        b'}' => self.close(Kind::Object),
                        b']' => self.close(Kind::List),
                        b',' => self.comma(),
                        b':' => self.colon(),
                        _ => {
                            *rest = begins;
                            self.begin_word(byte, rest)
                        }
                    }
                }
                _ if self.failed || rest.is_empty() => return None,
                Inside::Text(escape) | Inside::Name(escape) => self.text(rest, escape, false),
                Inside::Word(word) => self.word(rest, word, false),
            };
            match event {
                Next::Told(event) => return Some(event),
                Next::Untold => {}
                Next::Fault => {
                    self.failed = true;
                    *rest = &[];
                    return None;
                }
            }
        }
    }

    /// Goes on to the next byte that matters. Too deep to be told, only texts and brackets do.
    #[inline]
    fn mark<'p>(&self, rest: &mut &'p [u8]) -> &'p [u8] {
        if !STRICT && self.nesting.depth() > self.told {
            let mark = |byte: &u8| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']');
            let next = rest.iter().position(mark).unwrap_or(rest.len());
            *rest = rest.get(next..).unwrap_or_default();
        }
        if self.failed { &[] } else { rest }
    }

    fn open<'p>(&mut self, kind: Kind) -> Next<'p> {
        if (STRICT && !self.awaits_value()) || self.nesting.depth() >= self.deepest {
            return Next::Fault;
        }
        let told = self.is_told();
        self.nesting.open(kind);
        self.awaits = if kind == Kind::List { Awaits::First } else { Awaits::FirstName };
        if told { Next::Told(Event::Opens(kind)) } else { Next::Untold }
    }

    fn close<'p>(&mut self, kind: Kind) -> Next<'p> {
        let empty = if kind == Kind::List { Awaits::First } else { Awaits::FirstName };
        let may_end = self.awaits == Awaits::Comma || self.awaits == empty;
        if STRICT && !(may_end && self.nesting.innermost() == Some(kind)) {
            return Next::Fault;
        }
        self.nesting.close();
        self.awaits = Awaits::Comma;
        if self.is_told() { Next::Told(Event::Closes) } else { Next::Untold }
    }

    fn comma<'p>(&mut self) -> Next<'p> {
        if STRICT && (self.awaits != Awaits::Comma || self.nesting.depth() == 0) {
            return Next::Fault;
        }
        let in_object = self.nesting.innermost() == Some(Kind::Object);
        self.awaits = if in_object { Awaits::Name } else { Awaits::Value };
        Next::Untold
    }

    fn colon<'p>(&mut self) -> Next<'p> {
        if STRICT && self.awaits != Awaits::Colon {
            return Next::Fault;
        }
        self.awaits = Awaits::Value;
        Next::Untold
    }

    /// Reads a piece of a text. Its first begins after the quote.
    fn text<'p>(&mut self, rest: &mut &'p [u8], escape: Escape, first: bool) -> Next<'p> {
        let names = match (first, self.inside) {
            (true, _) => matches!(self.awaits, Awaits::FirstName | Awaits::Name),
            (false, inside) => matches!(inside, Inside::Name(_)),
        };
        if STRICT && first && !names && !self.awaits_value() {
            return Next::Fault;
        }
        let at = self.at(rest);
        let (written, last) = match text::end::<STRICT>(rest, escape) {
            Found::End(end) => {
                let (written, quote) = rest.split_at_checked(end).unwrap_or((rest, &[]));
                *rest = quote.get(1..).unwrap_or_default();
                self.inside = Inside::Nothing;
                self.awaits = if names { Awaits::Colon } else { Awaits::Comma };
                (written, true)
            }
            Found::More(escape) => {
                self.inside = if names { Inside::Name(escape) } else { Inside::Text(escape) };
                (std::mem::take(rest), false)
            }
            Found::Fault => return Next::Fault,
        };
        if !self.is_told() {
            return Next::Untold;
        }
        let piece = Piece { written, at, first, last };
        Next::Told(if names { Event::Name(piece) } else { Event::Text(piece) })
    }

    fn begin_word<'p>(&mut self, byte: u8, rest: &mut &'p [u8]) -> Next<'p> {
        let word = if STRICT { Word::begin(byte) } else { None };
        if STRICT && !(self.awaits_value() && word.is_some()) {
            return Next::Fault;
        }
        self.word(rest, word, true)
    }

    /// Reads a piece of a word: its first has the byte that it began with.
    fn word<'p>(&mut self, rest: &mut &'p [u8], word: Option<Word>, first: bool) -> Next<'p> {
        let at = self.at(rest);
        let end = rest.iter().position(ends_word);
        let (written, after) =
            rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, &[]));
        *rest = after;
        let read = written.get(usize::from(first)..).unwrap_or_default();
        let word = word.and_then(|word| word.read(read));
        if STRICT && word.is_none_or(|word| end.is_some() && !word.may_end()) {
            return Next::Fault;
        }
        let last = end.is_some();
        self.inside = if last { Inside::Nothing } else { Inside::Word(word) };
        if last {
            self.awaits = Awaits::Comma;
        }
        if !self.is_told() {
            return Next::Untold;
        }
        Next::Told(Event::Word(Piece { written, at, first, last }))
    }

    const fn awaits_value(&self) -> bool {
        matches!(self.awaits, Awaits::Value | Awaits::First)
    }

    const fn is_told(&self) -> bool {
        self.nesting.depth() <= self.told
    }
}

enum Next<'p> {
    Told(Event<'p>),
    Untold,
    Fault,
}

/// Whether a word has ended before this byte.
const fn ends_word(byte: &u8) -> bool {
    matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\t' | b'\r' | b':' | b'"' | b'{' | b'[')
}
