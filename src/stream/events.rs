//! Splits a stream into its events, wherever its bytes are cut.
//!
//! The format is the HTML standard's `text/event-stream`: lines that end with CR, LF or both;
//! `data` and `event` fields, of which several `data` make one value; an empty line after each
//! event; comments, which begin with a colon and mean nothing; perhaps a byte order mark at the
//! start. Bytes are never taken for text here: a chunk may end inside of a character.
//!
//! Memory is bounded: of a longer line and of longer data only the beginning is kept, and the event
//! says so.

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its `event`; empty: it has none.
    pub name: &'a [u8],
    /// Its `data`, several lines joined by LF.
    pub data: &'a [u8],
    /// The data is longer, and only its beginning is here.
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
    data_cut: bool,
    /// The last byte was a CR, which a LF may follow.
    after_cr: bool,
    /// No line has ended yet: a byte order mark may stand at its start.
    at_start: bool,
    /// Some line of the event has passed.
    in_event: bool,
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
            data_cut: false,
            after_cr: false,
            at_start: true,
            in_event: false,
        }
    }

    /// Reads on, and hands over each event that is complete.
    pub fn push(&mut self, mut bytes: &[u8], each: &mut dyn FnMut(Event<'_>)) {
        if self.after_cr
            && let Some(rest) = bytes.strip_prefix(b"\n")
        {
            bytes = rest;
            self.after_cr = false;
        }
        while let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) {
            let (part, rest) = bytes.split_at(end);
            self.extend_line(part);
            self.end_line(each);
            let cr = rest.first() == Some(&b'\r');
            bytes = rest.get(1..).unwrap_or_default();
            self.after_cr = cr && bytes.is_empty();
            if cr {
                bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            }
        }
        if !bytes.is_empty() {
            self.after_cr = false;
            self.extend_line(bytes);
        }
    }

    /// Nothing follows: hands over the event that lacks its empty line, if there is one. The
    /// standard drops it; a server that forgets the last line end means it all the same.
    pub fn finish(&mut self, each: &mut dyn FnMut(Event<'_>)) {
        if !self.line.is_empty() {
            self.end_line(each);
        }
        self.end_event(each);
    }

    /// Whether the next byte begins an event: what was read ended with an empty line.
    pub fn is_between(&self) -> bool {
        self.line.is_empty() && !self.in_event
    }

    /// The data of the event that has begun, if its only line of data has begun and not ended.
    pub fn begun_data(&self) -> Option<&[u8]> {
        let begun = self.data.is_none() && !self.line_cut;
        let data = self.line.strip_prefix(b"data:").filter(|_| begun)?;
        Some(data.strip_prefix(b" ").unwrap_or(data))
    }

    /// Whether the event that has begun has data, or is about to.
    pub fn has_data(&self) -> bool {
        self.data.is_some() || self.line.starts_with(b"data:")
    }

    fn extend_line(&mut self, part: &[u8]) {
        let room = self.most.saturating_sub(self.line.len());
        self.line_cut |= part.len() > room;
        self.line.extend_from_slice(part.get(..room).unwrap_or(part));
    }

    fn end_line(&mut self, each: &mut dyn FnMut(Event<'_>)) {
        let mut line = std::mem::take(&mut self.line);
        let cut = std::mem::take(&mut self.line_cut);
        if std::mem::take(&mut self.at_start) && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        if line.is_empty() {
            self.end_event(each);
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
                    none => none.insert(Vec::new()),
                };
                let room = self.most.saturating_sub(data.len());
                self.data_cut |= cut || value.len() > room;
                data.extend_from_slice(value.get(..room).unwrap_or(value));
            }
            // `id` and `retry` say nothing about the stream's health; neither does a comment.
            _ => {}
        }
    }

    fn end_event(&mut self, each: &mut dyn FnMut(Event<'_>)) {
        self.in_event = false;
        let name = std::mem::take(&mut self.name);
        let cut = std::mem::take(&mut self.data_cut);
        if let Some(data) = self.data.take() {
            each(Event { name: &name, data: &data, cut });
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
        let mut each = |e: Event<'_>| found.push((text(e.name), text(e.data), e.cut));
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
}
