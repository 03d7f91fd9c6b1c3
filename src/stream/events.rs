//! Splits a stream into its events, wherever its bytes are cut.
//!
//! The format is the HTML standard's `text/event-stream`: lines that end with CR, LF or both;
//! `data` and `event` fields, of which several `data` make one value; an empty line after each
//! event; comments, which begin with a colon and mean nothing; perhaps a byte order mark at the
//! start. Bytes are never taken for text here: a chunk may end inside of a character.
//!
//! Memory is bounded: of a longer line and of longer data only the beginning is kept, and the event
//! says so. What is not kept of a line of data is handed over as it passes.

use std::ops::Range;

/// What a stream's bytes turn out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    /// An event that is complete.
    Event(Event<'a>),
    /// More of an event's data than is kept.
    More {
        /// What is kept of it; empty where that was handed over before.
        kept: &'a [u8],
        /// What follows.
        more: &'a [u8],
    },
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its `event`; empty: it has none.
    pub name: &'a [u8],
    /// Its `data`, several lines joined by LF.
    pub data: &'a [u8],
    /// The data is longer, and only its beginning is here.
    pub cut: bool,
    /// Where it stands in the bytes that were read last, its empty line included. What came of it
    /// with earlier bytes lies before their start.
    pub place: Range<usize>,
}

/// An event that has begun and not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun<'a> {
    /// Where it begins in the bytes that were read last; 0 also where it began before them.
    pub start: usize,
    /// Its data so far, of which nothing may be there yet.
    pub data: &'a [u8],
    /// The data is longer.
    pub cut: bool,
}

/// What has been read of a stream.
#[derive(Debug)]
pub struct Events {
    /// The longest line and the longest data that is kept.
    most: usize,
    /// The line that has begun.
    line: Vec<u8>,
    /// It is longer than what is kept of it.
    line_cut: bool,
    name: Vec<u8>,
    data: Option<Vec<u8>>,
    /// What the last data stood in: the next will be about as long.
    spare: Vec<u8>,
    data_cut: bool,
    /// The last byte was a CR, which a LF may follow.
    after_cr: bool,
    /// No line has ended yet: a byte order mark may stand at its start.
    at_start: bool,
    /// Some line of the event has passed.
    in_event: bool,
    /// Where the line begins in the bytes that were read last.
    line_at: usize,
    /// Where the event begins there, once it has a line that is no comment.
    begun: Option<usize>,
    /// How many bytes were read last.
    length: usize,
}

impl Events {
    /// Nothing read yet. `most`: what is kept of a line and of an event's data, in bytes.
    pub const fn new(most: usize) -> Self {
        Self {
            most,
            line: Vec::new(),
            line_cut: false,
            name: Vec::new(),
            data: None,
            spare: Vec::new(),
            data_cut: false,
            after_cr: false,
            at_start: true,
            in_event: false,
            line_at: 0,
            begun: None,
            length: 0,
        }
    }

    /// Reads on, and hands over what is there.
    pub fn push(&mut self, part: &[u8], each: &mut dyn FnMut(Piece<'_>)) {
        let mut bytes = part;
        let at = |rest: &[u8]| part.len().saturating_sub(rest.len());
        self.length = part.len();
        self.begun = self.begun.map(|_| 0);
        if self.after_cr
            && let Some(rest) = bytes.strip_prefix(b"\n")
        {
            bytes = rest;
            self.after_cr = false;
        }
        self.line_at = at(bytes);
        while let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) {
            let (line, rest) = bytes.split_at(end);
            self.extend_line(line, each);
            let cr = rest.first() == Some(&b'\r');
            bytes = rest.get(1..).unwrap_or_default();
            self.after_cr = cr && bytes.is_empty();
            if cr {
                bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            }
            self.end_line(at(bytes), each);
            self.line_at = at(bytes);
        }
        if !bytes.is_empty() {
            self.after_cr = false;
            self.extend_line(bytes, each);
            self.begin();
        }
    }

    /// Nothing follows: hands over the event that lacks its empty line, if there is one. The
    /// standard drops it; a server that forgets the last line end means it all the same.
    pub fn finish(&mut self, each: &mut dyn FnMut(Piece<'_>)) {
        if !self.line.is_empty() {
            self.end_line(self.length, each);
        }
        self.end_event(self.length, each);
    }

    /// The event that has begun and not ended.
    pub fn begun(&self) -> Option<Begun<'_>> {
        let (data, cut) = match &self.data {
            Some(data) => (data.as_slice(), self.data_cut),
            None => (self.line_data().unwrap_or_default(), self.line_cut),
        };
        self.begun.map(|start| Begun { start, data, cut })
    }

    /// Whether the next byte begins an event: what was read ended with an empty line.
    pub fn is_between(&self) -> bool {
        self.line.is_empty() && !self.in_event
    }

    /// The data of the event that has begun, if its only line of data has begun and not ended.
    pub fn begun_data(&self) -> Option<&[u8]> {
        self.line_data().filter(|_| self.data.is_none() && !self.line_cut)
    }

    /// Whether the event that has begun has data, or is about to.
    pub fn has_data(&self) -> bool {
        self.data.is_some() || self.line.starts_with(b"data:")
    }

    /// The value of the line that has begun, where it is data.
    fn line_data(&self) -> Option<&[u8]> {
        let data = self.line.strip_prefix(b"data:")?;
        Some(data.strip_prefix(b" ").unwrap_or(data))
    }

    fn extend_line(&mut self, part: &[u8], each: &mut dyn FnMut(Piece<'_>)) {
        let room = self.most.saturating_sub(self.line.len());
        let (kept, more) = part.split_at_checked(room).unwrap_or((part, &[]));
        self.line.extend_from_slice(kept);
        if more.is_empty() {
            return;
        }
        let before = std::mem::replace(&mut self.line_cut, true);
        if self.data.is_none()
            && let Some(kept) = self.line_data()
        {
            each(Piece::More { kept: if before { &[] } else { kept }, more });
        }
    }

    /// The line that has begun belongs to an event, unless it is a comment.
    fn begin(&mut self) {
        if self.begun.is_none() && self.line.first().is_some_and(|byte| *byte != b':') {
            self.begun = Some(self.line_at);
        }
    }

    /// `next`: where the next line begins.
    fn end_line(&mut self, next: usize, each: &mut dyn FnMut(Piece<'_>)) {
        self.begin();
        let mut line = std::mem::take(&mut self.line);
        let cut = std::mem::take(&mut self.line_cut);
        if std::mem::take(&mut self.at_start) && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        if line.is_empty() {
            self.end_event(next, each);
        } else {
            self.in_event = true;
            self.field(&line, cut);
        }
        // The next line will be about as long.
        line.clear();
        self.line = line;
    }

    fn field(&mut self, line: &[u8], cut: bool) {
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let (field, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.name = value.to_vec(),
            b"data" => {
                let data = match &mut self.data {
                    Some(data) => {
                        if data.len() < self.most {
                            data.push(b'\n');
                        } else {
                            self.data_cut = true;
                        }
                        data
                    }
                    none => none.insert(std::mem::take(&mut self.spare)),
                };
                let room = self.most.saturating_sub(data.len());
                self.data_cut |= cut || value.len() > room;
                data.extend_from_slice(value.get(..room).unwrap_or(value));
            }
            // `id` and `retry` say nothing about the stream's health; neither does a comment.
            _ => {}
        }
    }

    fn end_event(&mut self, end: usize, each: &mut dyn FnMut(Piece<'_>)) {
        self.in_event = false;
        let place = self.begun.take().unwrap_or(end)..end;
        let name = std::mem::take(&mut self.name);
        let cut = std::mem::take(&mut self.data_cut);
        if let Some(mut data) = self.data.take() {
            each(Piece::Event(Event { name: &name, data: &data, cut, place }));
            data.clear();
            self.spare = data;
        }
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    type Read = Vec<(String, String, bool)>;

    fn read(parts: &[&[u8]], most: usize) -> (Read, bool) {
        let mut events = Events::new(most);
        let mut found = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut each = |piece: Piece<'_>| {
            if let Piece::Event(e) = piece {
                found.push((text(e.name), text(e.data), e.cut));
            }
        };
        for part in parts {
            events.push(part, &mut each);
        }
        let between = events.is_between();
        events.finish(&mut each);
        (found, between)
    }

    fn of(event: &str, data: &str) -> (String, String, bool) {
        (event.to_owned(), data.to_owned(), false)
    }

    const STREAM: &str = "\u{feff}: hello\r\n\r\nevent: a\ndata: {\"é\":1}\n\ndata:x\rdata:  y\r\r\
                          id: 7\nretry\n\nfoo: bar\ndata\n\nevent: b\r\ndata: last\r\n\r\n";

    #[test]
    fn every_line_end_and_field_is_read() {
        let wanted = [of("a", "{\"é\":1}"), of("", "x\n y"), of("", ""), of("b", "last")];
        assert_eq!(read(&[STREAM.as_bytes()], 100), (wanted.to_vec(), true));
    }

    #[test]
    fn a_stream_may_be_cut_at_any_two_bytes() {
        let bytes = STREAM.as_bytes();
        let whole = read(&[bytes], 100);
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let parts = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(read(&parts, 100), whole, "cut at {first} and {second}");
            }
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(read(&single, 100), whole);
    }

    #[test]
    fn an_event_without_its_empty_line_counts_at_the_end() {
        assert_eq!(read(&[b"data: [DONE]"], 100), (vec![of("", "[DONE]")], false));
        assert_eq!(read(&[b"data: [DONE]\n"], 100), (vec![of("", "[DONE]")], false));
        assert_eq!(read(&[b": ping\n\n"], 100), (vec![], true));
        assert_eq!(read(&[b"<html>\n"], 100), (vec![], false));
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        let long = format!("data: {}\n\ndata: ab\n\n", "x".repeat(50));
        let (events, _) = read(&[long.as_bytes()], 16);
        assert_eq!(events, [("".into(), "x".repeat(10), true), of("", "ab")]);
        let many = format!("{}\n", "data: 1234567\n".repeat(9));
        let (events, _) = read(&[many.as_bytes()], 16);
        assert_eq!(events.len(), 1);
        assert!(events[0].2 && events[0].1.len() <= 17);
    }
    #[test]
    fn what_is_not_kept_of_data_is_handed_over_once() {
        let whole = format!("event: x\r\ndata: {}\n\ndata: short\n\n", "0123456789".repeat(5));
        for step in 1..whole.len() {
            let (mut events, mut long, mut all) = (Events::new(16), Vec::new(), Vec::new());
            for part in whole.as_bytes().chunks(step) {
                events.push(part, &mut |piece| match piece {
                    Piece::More { kept, more } => long.extend([kept, more].concat()),
                    Piece::Event(event) => all.push(event.cut),
                });
            }
            assert_eq!(long, "0123456789".repeat(5).as_bytes(), "in parts of {step}");
            assert_eq!(all, [true, false]);
        }
    }

    #[test]
    fn an_event_says_where_it_stands() {
        let stream = ": ping\ndata: a\n\n: ping\n\ndata: b\r\n\r\ndata: c";
        let bytes = stream.as_bytes();
        for cut in 0..=bytes.len() {
            let mut events = Events::new(100);
            // What stands in no event passes as it is.
            let (mut rest, mut found) = (Vec::new(), 0);
            for part in [&bytes[..cut], &bytes[cut..]] {
                let mut at = 0;
                events.push(part, &mut |piece| {
                    if let Piece::Event(event) = piece {
                        rest.extend_from_slice(&part[at..event.place.start]);
                        at = event.place.end;
                        found += 1;
                    }
                });
                let start = events.begun().map_or(part.len(), |begun| begun.start);
                rest.extend_from_slice(&part[at..start.max(at)]);
            }
            let rest = String::from_utf8(rest).expect("text");
            assert_eq!((rest.trim_end(), found), (": ping\n: ping", 2), "cut at {cut}");
            assert_eq!(events.begun().map(|begun| begun.data), Some(&b"c"[..]));
        }
    }
}
