//! Follows JSON byte by byte, and tells what comes.
//!
//! What is told can be limited to the outer levels ([`Reader::tell_to`]): what stands deeper is
//! followed and not told, so a value that nobody asks for costs little.

use super::nesting::{Kind, Nesting};
use super::state::{Awaits, Inside};
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

    /// What comes next. Inside of a text or a name: what came before it; inside of a word: what comes
    /// after it.
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
        if self.failed {
            return None;
        }
        let next = match self.inside {
            Inside::Nothing => Next::Untold,
            _ if rest.is_empty() => return None,
            Inside::Text(escape) => self.text(rest, escape, false, false),
            Inside::Name(escape) => self.text(rest, escape, true, false),
            Inside::Word(word) => self.word(rest, word, false),
        };
        let next = if matches!(next, Next::Untold) { self.between(rest) } else { next };
        match next {
            Next::Told(event) => Some(event),
            Next::Untold => None,
            Next::Fault => {
                self.failed = true;
                None
            }
        }
    }

    /// Reads on from between two texts or words, to what is told or to the end of the part. What is
    /// not told never leaves this loop: most of a prompt is read here.
    fn between<'p>(&mut self, rest: &mut &'p [u8]) -> Next<'p> {
        let (mut bytes, mut awaits) = (*rest, self.awaits);
        let next = loop {
            // Too deep to be told, only texts and brackets matter to the tolerant reader.
            if !STRICT && !self.is_told() {
                let next = bytes.iter().position(is_mark).unwrap_or(bytes.len());
                bytes = bytes.get(next..).unwrap_or_default();
            }
            let Some((&byte, after)) = bytes.split_first() else { break Next::Untold };
            let awaits_value = matches!(awaits, Awaits::Value | Awaits::First);
            match byte {
                b'"' => {
                    let names = matches!(awaits, Awaits::FirstName | Awaits::Name);
                    if STRICT && !names && !awaits_value {
                        break Next::Fault;
                    }
                    let Found::End(end) = text::end::<STRICT>(after, Escape::No) else {
                        bytes = after;
                        break self.text(&mut bytes, Escape::No, names, true);
                    };
                    awaits = if names { Awaits::Colon } else { Awaits::Comma };
                    bytes = end;
                    if self.is_told() {
                        let (written, at) = (before_quote(after, end), self.at(after));
                        let piece = Piece { written, at, first: true, last: true };
                        break Next::Told(if names {
                            Event::Name(piece)
                        } else {
                            Event::Text(piece)
                        });
                    }
                }
                b' ' | b'\n' | b'\t' | b'\r' => bytes = after,
                b':' => {
                    if STRICT && awaits != Awaits::Colon {
                        break Next::Fault;
                    }
                    awaits = Awaits::Value;
                    bytes = after;
                }
                b',' => {
                    let innermost = self.nesting.innermost();
                    if STRICT && (awaits != Awaits::Comma || innermost.is_none()) {
                        break Next::Fault;
                    }
                    let in_object = innermost == Some(Kind::Object);
                    awaits = if in_object { Awaits::Name } else { Awaits::Value };
                    bytes = after;
                }
                b'{' | b'[' => {
                    if (STRICT && !awaits_value) || self.nesting.depth() >= self.deepest {
                        break Next::Fault;
                    }
                    let told = self.is_told();
                    let kind = if byte == b'[' { Kind::List } else { Kind::Object };
                    self.nesting.open(kind);
                    awaits = if byte == b'[' { Awaits::First } else { Awaits::FirstName };
                    bytes = after;
                    if told {
                        break Next::Told(Event::Opens(kind));
                    }
                }
                b'}' | b']' => {
                    let (kind, empty) = match byte {
                        b']' => (Kind::List, Awaits::First),
                        _ => (Kind::Object, Awaits::FirstName),
                    };
                    let may_end = awaits == Awaits::Comma || awaits == empty;
                    if STRICT && !(may_end && self.nesting.innermost() == Some(kind)) {
                        break Next::Fault;
                    }
                    self.nesting.close();
                    awaits = Awaits::Comma;
                    bytes = after;
                    if self.is_told() {
                        break Next::Told(Event::Closes);
                    }
                }
                _ => {
                    let word = if STRICT { Word::begin(byte) } else { None };
                    if STRICT && (!awaits_value || word.is_none()) {
                        break Next::Fault;
                    }
                    awaits = Awaits::Comma;
                    let next = self.word(&mut bytes, word, true);
                    if !matches!(next, Next::Untold) || bytes.is_empty() {
                        break next;
                    }
                }
            }
        };
        self.awaits = awaits;
        *rest = bytes;
        next
    }

    /// Reads a piece of a text or a name. Its first begins after the quote.
    fn text<'p>(
        &mut self,
        rest: &mut &'p [u8],
        escape: Escape,
        names: bool,
        first: bool,
    ) -> Next<'p> {
        let at = self.at(rest);
        let (written, last) = match text::end::<STRICT>(rest, escape) {
            Found::End(end) => {
                let written = before_quote(rest, end);
                *rest = end;
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
        self.awaits = Awaits::Comma;
        if !self.is_told() {
            return Next::Untold;
        }
        Next::Told(Event::Word(Piece { written, at, first, last }))
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

/// What stands before the quote that this end follows.
fn before_quote<'p>(text: &'p [u8], end: &[u8]) -> &'p [u8] {
    text.get(..text.len().saturating_sub(end.len()).saturating_sub(1)).unwrap_or_default()
}

/// Whether a word has ended before this byte.
const fn ends_word(byte: &u8) -> bool {
    matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\t' | b'\r' | b':' | b'"' | b'{' | b'[')
}

/// Whether this begins or ends a text, an object or a list.
const fn is_mark(byte: &u8) -> bool {
    matches!(byte, b'"' | b'{' | b'}' | b'[' | b']')
}
