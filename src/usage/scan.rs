//! Finds `usage` in a JSON answer that passes, without holding the answer.
//!
//! An answer may be many megabytes of embeddings, and its `usage` often stands last. So its bytes are
//! followed as they come, cut anywhere: strings are stepped over by searching for their end, and of
//! everything else only what opens, closes or separates is looked at. What is kept are the kinds of
//! the objects and lists that are open (a bit each), the beginning of a name, and the one object that
//! is wanted. A `usage` in a prompt, in a tool's arguments or anywhere else than in its place is none.

use super::Usage;

/// Where `usage` stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the object itself: whole answers, and the chunks of a stream.
    Top,
    /// In its `response`: the events of the Responses API.
    Response,
}

/// What has been read of an answer.
#[derive(Debug)]
pub struct Scan {
    place: Place,
    /// Objects and lists that are open.
    depth: u32,
    /// Which of them are lists, the outermost in the lowest bit.
    lists: u128,
    /// Inside of a string, and after its backslash.
    string: Option<Escape>,
    /// The next string is a name.
    expects_name: bool,
    /// The beginning of the name that is being read.
    name: Option<Name>,
    /// The value that comes is one that matters.
    wanted: Option<Wanted>,
    /// The object that is open at the second level is the `response`.
    in_response: bool,
    /// The `usage` object that has begun.
    object: Option<Vec<u8>>,
    /// It is no JSON object, or too deep.
    lost: bool,
    usage: Usage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    No,
    Yes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Response,
    Usage,
}

/// A name's beginning, and one byte more to know that it is longer.
#[derive(Debug, Clone, Copy, Default)]
struct Name {
    bytes: [u8; LONGEST_NAME + 1],
    length: usize,
}

impl Scan {
    /// Nothing read yet.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            depth: 0,
            lists: 0,
            string: None,
            expects_name: false,
            name: None,
            wanted: None,
            in_response: false,
            object: None,
            lost: false,
            usage: Usage::default(),
        }
    }

    /// What was reported so far: by the last `usage` that came whole.
    pub const fn usage(&self) -> Usage {
        self.usage
    }

    /// Reads on.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut at = 0;
        // Where the part of the wanted object begins that is not kept yet.
        let mut from = 0;
        while !self.lost
            && let Some(rest) = bytes.get(at..)
            && !rest.is_empty()
        {
            if let Some(escape) = self.string {
                at = at.saturating_add(self.in_string(rest, escape));
                continue;
            }
            let Some(next) = rest.iter().position(is_mark) else {
                self.lost |= self.depth == 0 && !rest.trim_ascii().is_empty();
                break;
            };
            let (skipped, mark) = rest.split_at(next);
            self.lost |= self.depth == 0 && !skipped.trim_ascii().is_empty();
            let place = at.saturating_add(next);
            at = place.saturating_add(1);
            match mark.first() {
                Some(b'"') => self.begin_string(),
                Some(open @ (b'{' | b'[')) => {
                    if self.open(*open == b'[') {
                        from = place;
                    }
                }
                Some(b'}' | b']') => {
                    if self.close() {
                        self.keep(bytes.get(from..at).unwrap_or_default());
                        self.read();
                    }
                }
                _ => {
                    self.expects_name = !self.in_list();
                    self.wanted = None;
                }
            }
        }
        self.keep(bytes.get(from..).unwrap_or_default());
    }

    /// Reads on in a string; tells how many bytes that were.
    fn in_string(&mut self, rest: &[u8], escape: Escape) -> usize {
        if escape == Escape::Yes {
            self.string = Some(Escape::No);
            self.spell(rest.get(..1).unwrap_or_default());
            return 1;
        }
        let Some(end) = memchr::memchr2(b'"', b'\\', rest) else {
            self.spell(rest);
            return rest.len();
        };
        let (text, mark) = rest.split_at(end);
        self.spell(text);
        if mark.first() == Some(&b'\\') {
            // A name that is spelled with escapes is not recognised: nobody spells this one so.
            self.spell(b"\\");
            self.string = Some(Escape::Yes);
        } else {
            self.string = None;
            if let Some(name) = self.name.take() {
                self.wanted = self.wants(&name);
            }
        }
        end.saturating_add(1)
    }

    fn begin_string(&mut self) {
        self.string = Some(Escape::No);
        let names = std::mem::take(&mut self.expects_name);
        self.name = (names && self.object.is_none() && self.matters()).then(Name::default);
        self.lost |= self.depth == 0;
    }

    /// Whether names at this level may be wanted.
    const fn matters(&self) -> bool {
        self.depth == 1 || (self.depth == 2 && self.in_response)
    }

    fn wants(&self, name: &Name) -> Option<Wanted> {
        match (name.text(), self.place) {
            (b"usage", Place::Top) if self.depth == 1 => Some(Wanted::Usage),
            (b"usage", Place::Response) if self.depth == 2 => Some(Wanted::Usage),
            (b"response", Place::Response) if self.depth == 1 => Some(Wanted::Response),
            _ => None,
        }
    }

    fn spell(&mut self, bytes: &[u8]) {
        if let Some(name) = &mut self.name {
            name.extend(bytes);
        }
    }

    /// An object or a list begins. Tells whether it is the wanted object.
    fn open(&mut self, list: bool) -> bool {
        let wanted = self.wanted.take();
        if self.depth >= DEEPEST || (self.depth == 0 && list) {
            self.lost = true;
            return false;
        }
        let bit = 1_u128 << self.depth;
        if list {
            self.lists |= bit;
        } else {
            self.lists &= !bit;
        }
        self.depth = self.depth.saturating_add(1);
        self.expects_name = !list;
        if list {
            return false;
        }
        self.in_response |= wanted == Some(Wanted::Response);
        let is_usage = wanted == Some(Wanted::Usage);
        if is_usage {
            self.object = Some(Vec::new());
        }
        is_usage
    }

    /// An object or a list ends. Tells whether the wanted one does.
    fn close(&mut self) -> bool {
        self.expects_name = false;
        self.wanted = None;
        self.depth = self.depth.saturating_sub(1);
        let level = if self.place == Place::Top { 1 } else { 2 };
        if self.depth <= 1 {
            self.in_response = false;
        }
        // Whatever follows the whole is none of it.
        self.lost |= self.depth == 0;
        self.object.is_some() && self.depth == level
    }

    fn in_list(&self) -> bool {
        let innermost = self.depth.checked_sub(1);
        innermost.is_some_and(|innermost| self.lists >> innermost & 1 == 1)
    }

    /// Keeps bytes of the wanted object, if it is open.
    fn keep(&mut self, bytes: &[u8]) {
        let Some(object) = &mut self.object else { return };
        if object.len().saturating_add(bytes.len()) > LONGEST_OBJECT {
            self.object = None;
        } else {
            object.extend_from_slice(bytes);
        }
    }

    /// The wanted object is whole.
    fn read(&mut self) {
        let usage = self.object.take().map(|object| Usage::read(&object));
        self.usage = usage.filter(Usage::is_known).unwrap_or(self.usage);
    }
}

impl Name {
    fn extend(&mut self, bytes: &[u8]) {
        for (place, byte) in self.bytes.iter_mut().skip(self.length).zip(bytes) {
            *place = *byte;
        }
        self.length = self.length.saturating_add(bytes.len()).min(self.bytes.len());
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Whether this opens, closes or separates.
const fn is_mark(byte: &u8) -> bool {
    matches!(byte, b'"' | b'{' | b'}' | b'[' | b']' | b',')
}

/// `response`.
const LONGEST_NAME: usize = 8;

/// Levels of objects and lists: as many as bits, and as many as a JSON parser takes.
const DEEPEST: u32 = 127;

/// No `usage` is longer; those seen are below 600 bytes.
const LONGEST_OBJECT: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn scan(place: Place, parts: &[&[u8]]) -> Usage {
        let mut scan = Scan::new(place);
        for part in parts {
            scan.push(part);
        }
        scan.usage()
    }

    fn top(text: &str) -> Option<u64> {
        scan(Place::Top, &[text.as_bytes()]).prompt
    }

    fn response(text: &str) -> Option<u64> {
        scan(Place::Response, &[text.as_bytes()]).prompt
    }

    #[test]
    fn only_the_usage_in_its_place_counts() {
        assert_eq!(
            top(r#" {"a":[1,{"usage":{"prompt_tokens":9}}],"usage":{"prompt_tokens":1}}"#),
            Some(1)
        );
        assert_eq!(
            top(r#"{"usage" : {"prompt_tokens":1,"x":{"usage":{"prompt_tokens":2}}} }"#),
            Some(1)
        );
        for none in [
            r#"{"a":{"usage":{"prompt_tokens":9}}}"#,
            r#"{"a":"usage","b":{"prompt_tokens":9}}"#,
            r#"{"a":"\"usage\":{\"prompt_tokens\":9}"}"#,
            r#"{"usages":{"prompt_tokens":9},"usag":{"prompt_tokens":9}}"#,
            r#"{"usage":null,"b":{"prompt_tokens":9}}"#,
            r#"{"usage":[{"prompt_tokens":9}]}"#,
            r#"{"usage":"{","b":{"prompt_tokens":9}}"#,
            r#"["usage",{"prompt_tokens":9}]"#,
            r#"{} {"usage":{"prompt_tokens":9}}"#,
            r#"x{"usage":{"prompt_tokens":9}}"#,
            r#""{"usage":{"prompt_tokens":9}}"#,
            r#"{"response":{"usage":{"prompt_tokens":9}}}"#,
        ] {
            assert_eq!(top(none), None, "{none}");
        }
    }

    #[test]
    fn the_events_of_responses_have_it_one_level_deeper() {
        let told = r#"{"type":"response.completed","response":{"id":"r","output":[{"usage":{}}],"usage":{"input_tokens":3},"user":null},"usage":{"input_tokens":9}}"#;
        assert_eq!(response(told), Some(3));
        for none in [
            r#"{"response":null,"x":{"usage":{"input_tokens":9}}}"#,
            r#"{"response":[{"usage":{"input_tokens":9}}]}"#,
            r#"{"response":{"x":{"usage":{"input_tokens":9}}}}"#,
            r#"{"response":{"usage":null}}"#,
        ] {
            assert_eq!(response(none), None, "{none}");
        }
    }

    #[test]
    fn the_last_that_is_whole_and_says_something_wins() {
        assert_eq!(top(r#"{"usage":{"prompt_tokens":1},"usage":{"prompt_tokens":2}}"#), Some(2));
        assert_eq!(top(r#"{"usage":{"prompt_tokens":1},"usage":{}}"#), Some(1));
        assert_eq!(top(r#"{"usage":{"prompt_tokens":1},"usage":{"prompt_tokens":2"#), Some(1));
        assert_eq!(top(r#"{"usage":{"prompt_tokens":1"#), None);
    }

    #[test]
    fn memory_is_bounded_and_depth_is_too() {
        let long = format!(r#"{{"usage":{{"x":"{}","prompt_tokens":1}}}}"#, "x".repeat(5000));
        assert_eq!(top(&long), None);
        let after = format!(r#"{{"x":"{}","usage":{{"prompt_tokens":1}}}}"#, "x".repeat(50_000));
        assert_eq!(top(&after), Some(1));
        let deep = |depth: usize| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            format!(r#"{{"x":{open}{close},"usage":{{"prompt_tokens":1}}}}"#)
        };
        assert_eq!(top(&deep(126)), Some(1));
        assert_eq!(top(&deep(127)), None);
        assert_eq!(top(&"{\"usage\":".repeat(1000)), None);
    }

    #[test]
    fn an_answer_may_be_cut_at_any_two_bytes() {
        let text = r#"{"a":"é\"\\","usage":{"prompt_tokens":7,"d":{"u":"\"}"}},"b":[1.5,"]"]}"#;
        let bytes = text.as_bytes();
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let parts = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(scan(Place::Top, &parts).prompt, Some(7), "{first} and {second}");
            }
        }
    }
}
