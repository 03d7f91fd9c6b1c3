//! Finds `usage` in a JSON answer that passes, without holding the answer.
//!
//! An answer may be many megabytes of embeddings, and its `usage` often stands last. So its bytes are
//! followed as they come, cut anywhere ([`Tolerant`]). What is kept is the one object that is wanted. A
//! `usage` in a prompt, in a tool's arguments or anywhere else than in its place is none.

use super::Usage;
use crate::json::{Event, Kind, Spelling, Tolerant};

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
    reader: Tolerant,
    /// The name that is being read.
    name: Spelling,
    /// The value that comes is one that matters.
    wanted: Option<Wanted>,
    /// The `usage` object that has begun.
    object: Option<Vec<u8>>,
    /// It is no JSON object, or too deep.
    lost: bool,
    usage: Usage,
    /// What it says that its model is.
    model: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Response,
    Usage,
    Model,
}

impl Scan {
    /// Nothing read yet.
    pub fn new(place: Place) -> Self {
        let mut reader = Tolerant::new().no_deeper_than(DEEPEST);
        reader.tell_to(1);
        Self {
            place,
            reader,
            name: Spelling::new(),
            wanted: None,
            object: None,
            lost: false,
            usage: Usage::default(),
            model: None,
        }
    }

    /// What was reported so far: by the last `usage` that came whole.
    pub const fn usage(&self) -> Usage {
        self.usage
    }

    /// The model that the answer names: what a backend wrote, so only a short and plain word is one.
    pub const fn model(&mut self) -> Option<String> {
        self.model.take()
    }

    /// Reads on.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut rest = self.reader.part(bytes);
        // Where the part of the wanted object begins that is not kept yet.
        let mut from = 0;
        while !self.lost
            && let Some(event) = self.reader.next(&mut rest)
        {
            let at = bytes.len().saturating_sub(rest.len());
            match event {
                Event::Opens(kind) => {
                    if self.open(kind) {
                        from = at.saturating_sub(1);
                    }
                }
                Event::Closes => {
                    if self.close() {
                        self.keep(bytes.get(from..at).unwrap_or_default());
                        self.read();
                    }
                }
                // A name that is spelled with escapes is not recognised: nobody spells this one so.
                Event::Name(piece) => {
                    let depth = self.reader.nesting().depth();
                    let name = self.name.whole(piece, LONGEST_NAME.saturating_add(1));
                    self.wanted = name.and_then(|name| wants(self.place, depth, name));
                }
                Event::Text(piece) if self.wanted == Some(Wanted::Model) => {
                    if let Some(model) = self.name.whole(piece, LONGEST_MODEL.saturating_add(1)) {
                        self.model = plain(model);
                        self.wanted = None;
                    }
                }
                Event::Text(_) | Event::Word(_) => {
                    self.wanted = None;
                    self.lost = self.reader.nesting().depth() == 0;
                }
            }
        }
        self.lost |= self.reader.has_failed();
        self.keep(bytes.get(from..).unwrap_or_default());
    }

    /// An object or a list begins. Tells whether it is the wanted object.
    fn open(&mut self, kind: Kind) -> bool {
        let wanted = self.wanted.take();
        if kind == Kind::List {
            self.lost = self.reader.nesting().depth() == 1;
            return false;
        }
        match wanted {
            Some(Wanted::Response) => self.reader.tell_to(2),
            Some(Wanted::Usage) => self.object = Some(Vec::new()),
            Some(Wanted::Model) | None => {}
        }
        wanted == Some(Wanted::Usage)
    }

    /// An object or a list ends. Tells whether the wanted one does.
    fn close(&mut self) -> bool {
        self.wanted = None;
        let depth = self.reader.nesting().depth();
        let level = if self.place == Place::Top { 1 } else { 2 };
        if depth <= 1 {
            self.reader.tell_to(1);
        }
        // Whatever follows the whole is none of it.
        self.lost = depth == 0;
        self.object.is_some() && depth == level
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

fn wants(place: Place, depth: usize, name: &[u8]) -> Option<Wanted> {
    match (name, place, depth) {
        (b"usage", Place::Top, 1) | (b"usage", Place::Response, 2) => Some(Wanted::Usage),
        (b"model", Place::Top, 1) | (b"model", Place::Response, 2) => Some(Wanted::Model),
        (b"response", Place::Response, 1) => Some(Wanted::Response),
        _ => None,
    }
}

/// A model's name, if it is one that can stand in a log.
fn plain(name: &[u8]) -> Option<String> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(byte);
    if name.is_empty() || name.len() > LONGEST_MODEL || !name.iter().all(is_plain) {
        return None;
    }
    String::from_utf8(name.to_vec()).ok()
}

/// `ft:gpt-4o-mini-2024-07-18:an-organisation::AbCdEfGh`, and some more.
const LONGEST_MODEL: usize = 96;

/// `response`.
const LONGEST_NAME: usize = 8;

/// Levels of objects and lists: as many as a JSON parser takes.
const DEEPEST: usize = 127;

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
    fn the_model_that_answered_is_read_where_it_is_a_plain_name() {
        let model = |place, parts: &[&str]| {
            let mut scan = Scan::new(place);
            parts.iter().for_each(|part| scan.push(part.as_bytes()));
            scan.model()
        };
        let named = |name: &str| Some(name.to_owned());
        let whole = r#"{"id":"x","model":"gpt-4o-2024-11-20","x":{"model":"no"},"usage":{}}"#;
        assert_eq!(model(Place::Top, &[whole]), named("gpt-4o-2024-11-20"));
        for at in 0..=whole.len() {
            let (first, second) = whole.split_at(at);
            assert_eq!(model(Place::Top, &[first, second]), named("gpt-4o-2024-11-20"), "{at}");
        }
        let told = r#"{"model":"no","response":{"model":"o3/a_b.c:d","output":[{"model":"no"}]}}"#;
        assert_eq!(model(Place::Response, &[told]), named("o3/a_b.c:d"));
        let long = format!(r#"{{"model":"{}"}}"#, "x".repeat(97));
        for none in [
            r#"{"model":null}"#,
            r#"{"model":""}"#,
            r#"{"model":"a b"}"#,
            r#"{"model":"a\"b"}"#,
            r#"{"model":"caf\u00e9"}"#,
            r#"{"model":["a"]}"#,
            r#"{"model":{"model":"a"}}"#,
            r#"{"x":[{"model":"a"}]}"#,
            long.as_str(),
        ] {
            assert_eq!(model(Place::Top, &[none]), None, "{none}");
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
