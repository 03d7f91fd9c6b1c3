//! Whether a stream ended as its API ends, and what is said where it did not.
//!
//! A stream that stops in the middle looks complete to whoever only reads to its end. The APIs
//! have a last event for that: `data: [DONE]`, or `response.completed` and its like. Where it is
//! missing, the client gets an error event instead, in the form that OpenAI's SDKs raise: they look
//! for `error` in an event's data, in the Responses API too, and the oldest only in events
//! without a name.
//!
//! Some servers leave `[DONE]` out. A chat stream whose last choice gave its `finish_reason` has
//! said all there was, and is left alone.

use serde_json::json;

use super::content::has_content;
use super::events::{Begun, Event, Events, Piece};
use super::json_repair::json_repair;
use super::{StreamError, choices_begin};
use crate::reason::Reason;
use crate::words::word;

word!(FINISH_REASON = b"\"finish_reason\"");
word!(KIND = b"\"type\"");
word!(SEQUENCE_NUMBER = b"\"sequence_number\"");

/// An API whose streams have a last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// Chat completions and completions: ends with `[DONE]`.
    Completions,
    /// The Responses API: ends with an event of its own.
    Responses,
}

/// How far a stream has come.
#[derive(Debug)]
pub struct Ending {
    api: Option<Api>,
    events: Events,
    /// What stands between its last byte and a new event, where it ended inside of one.
    cut: Option<Join>,
    /// Events so far.
    count: usize,
    /// One of them has brought content.
    content: bool,
    /// The last event has been seen.
    complete: bool,
    /// The last choice has given its reason to finish.
    finished: bool,
    /// The first fault that an event showed.
    fault: Option<StreamError>,
    /// The number of the last event, in the Responses API.
    sequence: Option<u64>,
}

/// How an error event joins what came before it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Join {
    /// The last event has ended.
    Between,
    /// An event has begun and has no data yet: it becomes the error.
    Named,
    /// Its data is whole, or cannot be made so: it is ended.
    Whole,
    /// Its data is cut: what must come before one more member.
    Mended(Vec<u8>),
}

impl Api {
    /// The API that this path, with or without a query, belongs to.
    pub fn of(path: &[u8]) -> Option<Self> {
        let path = path.split(|byte| *byte == b'?').next()?;
        let path = path.strip_suffix(b"/").unwrap_or(path);
        match path.rsplit(|byte| *byte == b'/').next()? {
            b"completions" => Some(Self::Completions),
            b"responses" => Some(Self::Responses),
            _ => None,
        }
    }
}

/// Who has cut a stream off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Its backend, or the way to it.
    Backend,
    /// The gateway, which is being stopped.
    Shutdown,
}

impl Cut {
    /// The code of the error, and what it says.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Backend => (
                "stream_interrupted",
                "The backend's answer broke off before its end; what came so far is not complete.",
            ),
            Self::Shutdown => (
                Reason::ShuttingDown.word(),
                "The gateway was stopped before the end of the answer; what came so far is not \
                 complete. Please send the request again.",
            ),
        }
    }
}

impl Ending {
    /// Nothing read yet. `most`: what is kept of an event, in bytes.
    pub const fn new(api: Option<Api>, most: usize) -> Self {
        Self {
            api,
            events: Events::new(most),
            cut: None,
            count: 0,
            content: false,
            complete: false,
            finished: false,
            fault: None,
            sequence: None,
        }
    }

    /// Reads on, and lets `also` see what is read. Tells the fault that an event shows, if it is the
    /// first of this stream.
    pub fn push(&mut self, bytes: &[u8], also: &mut dyn FnMut(&Piece<'_>)) -> Option<StreamError> {
        self.read(also, |events, each| events.push(bytes, each))
    }

    /// Nothing follows. Tells what [`push`](Self::push) tells.
    pub fn finish(&mut self, also: &mut dyn FnMut(&Piece<'_>)) -> Option<StreamError> {
        self.cut = Some(self.join());
        self.read(also, |events, each| events.finish(each))
    }

    /// The event that has begun and not ended.
    pub fn begun(&self) -> Option<Begun<'_>> {
        self.events.begun()
    }

    /// Whether an event has come.
    pub const fn has_begun(&self) -> bool {
        self.count > 0
    }

    /// Whether an event has brought content, or has said that there is none to come.
    pub const fn has_content(&self) -> bool {
        self.content
    }

    /// Whether it has ended as its API ends, before any content.
    pub const fn ended_empty(&self) -> bool {
        self.complete && !self.content
    }

    /// Whether it is of a known API, and lacks its end or has not even begun.
    pub const fn is_missing(&self) -> bool {
        self.api.is_some() && !self.complete && !self.finished
    }

    /// The error event that ends a stream that lacks its end. `None`: it needs none.
    pub fn error_event(&self, cut: Cut) -> Option<Vec<u8>> {
        if !self.is_missing() || !self.has_begun() || self.fault.is_some() {
            return None;
        }
        let (code, message) = cut.words();
        let error = json!({ "message": message, "type": TYPE, "param": null, "code": code });
        let join = self.cut.clone().unwrap_or_else(|| self.join());
        if let Join::Mended(mut rest) = join {
            rest.extend(format!("\"error\":{error}}}\n\n").bytes());
            return Some(rest);
        }
        let (name, data) = match self.api? {
            Api::Completions => ("", json!({ "error": error })),
            Api::Responses => {
                let number = self.sequence.map_or(0, |last| last.saturating_add(1));
                let data = json!({
                    "type": "error",
                    "sequence_number": number,
                    "code": code,
                    "message": message,
                    "param": null,
                    "error": error,
                });
                ("event: error\n", data)
            }
        };
        let join = match join {
            Join::Between | Join::Mended(_) => "",
            Join::Named => "\n",
            Join::Whole => "\n\n",
        };
        Some(format!("{join}{name}data: {data}\n\n").into_bytes())
    }

    fn join(&self) -> Join {
        if self.events.is_between() {
            Join::Between
        } else if self.events.begun_data().map_or(!self.events.has_data(), <[u8]>::is_empty) {
            Join::Named
        } else {
            self.events.begun_data().and_then(json_repair).map_or(Join::Whole, Join::Mended)
        }
    }

    fn read(
        &mut self,
        also: &mut dyn FnMut(&Piece<'_>),
        read: impl FnOnce(&mut Events, &mut dyn FnMut(Piece<'_>)),
    ) -> Option<StreamError> {
        let before = self.fault;
        let mut events = std::mem::replace(&mut self.events, Events::new(0));
        read(&mut events, &mut |piece| {
            also(&piece);
            if let Piece::Event(event) = piece {
                self.take(&event);
            }
        });
        self.events = events;
        if before.is_some() { None } else { self.fault }
    }

    fn take(&mut self, event: &Event<'_>) {
        self.count = self.count.saturating_add(1);
        if self.fault.is_none() {
            // What another API may begin with is not known.
            let early = !self.content && self.api.is_some();
            self.fault = if early { StreamError::of_early(event) } else { StreamError::of(event) };
        }
        self.content = self.content || (self.fault.is_none() && has_content(self.api, event));
        match self.api {
            Some(Api::Completions) => self.chunk(event),
            Some(Api::Responses) => self.step(event),
            None => {}
        }
    }

    fn chunk(&mut self, event: &Event<'_>) {
        self.complete |= event.data.starts_with(b"[DONE]");
        // Some servers write an empty reason, or the word, instead of `null`.
        let said = |value: &[u8]| text(value).is_some_and(|text| !matches!(text, b"" | b"null"));
        if FINISH_REASON.values(event.data).any(said) {
            self.finished = true;
        } else if self.finished && !choices_begin(event.data, b"]") {
            self.finished = false;
        }
    }

    fn step(&mut self, event: &Event<'_>) {
        let number = SEQUENCE_NUMBER.values(event.data).last().and_then(number);
        self.sequence = number.or(self.sequence);
        let last = |kind: &[u8]| LAST.contains(&kind);
        let typed = || KIND.values(event.data).filter_map(text).any(last);
        self.complete |= last(event.name)
            || (event.name.is_empty() && typed())
            || event.data.starts_with(b"[DONE]");
    }
}

/// The number that begins here.
fn number(value: &[u8]) -> Option<u64> {
    let end = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
    std::str::from_utf8(value.get(..end)?).ok()?.parse().ok()
}

/// The plain text that begins here.
fn text(value: &[u8]) -> Option<&[u8]> {
    let rest = value.strip_prefix(b"\"")?;
    rest.get(..memchr::memchr(b'"', rest)?)
}

const LAST: [&[u8]; 5] = [
    b"response.completed",
    b"response.incomplete",
    b"response.failed",
    b"response.cancelled",
    b"error",
];
const TYPE: &str = "server_error";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    const CHUNK: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":null}]}\n\n";
    const FINISH: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\": \"stop\"}]}\n\n";
    const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\n";
    const CREATED: &str = "event: response.created\ndata: {\"type\":\"response.created\",\
                           \"sequence_number\": 41,\"response\":{\"error\":null}}\n\n";

    fn read(api: Option<Api>, parts: &[&str]) -> (Ending, Option<StreamError>) {
        let mut ending = Ending::new(api, 1000);
        let faults: Vec<_> =
            parts.iter().map(|part| ending.push(part.as_bytes(), &mut |_| {})).collect();
        let fault = faults.into_iter().flatten().next();
        let fault = fault.or_else(|| ending.finish(&mut |_| {}));
        (ending, fault)
    }

    fn words(api: Api, parts: &[&str]) -> Option<String> {
        let (ending, _) = read(Some(api), parts);
        ending.error_event(Cut::Backend).map(|words| String::from_utf8_lossy(&words).into_owned())
    }

    #[test]
    fn paths_tell_the_api() {
        let completions = Some(Api::Completions);
        assert_eq!(Api::of(b"/openai/deployments/m/chat/completions?api-version=1"), completions);
        assert_eq!(Api::of(b"/v1/completions/"), completions);
        assert_eq!(Api::of(b"/openai/v1/responses"), Some(Api::Responses));
        for other in ["/openai/v1/responses/resp_1", "/v1/audio/speech", "/", ""] {
            assert_eq!(Api::of(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_stream_that_came_to_its_end_needs_no_words() {
        for parts in [[CHUNK, "data: [DONE]\n\n"], [CHUNK, FINISH], [FINISH, USAGE]] {
            assert_eq!(words(Api::Completions, &parts), None, "{parts:?}");
        }
        for last in ["completed", "incomplete", "failed", "cancelled"] {
            let last = format!("data: {{\"type\": \"response.{last}\"}}\n\n");
            assert_eq!(words(Api::Responses, &[CREATED, &last]), None, "{last}");
        }
        assert_eq!(
            read(None, &[CHUNK]).0.error_event(Cut::Backend),
            None,
            "an API that nobody knows"
        );
    }

    #[test]
    fn a_stream_that_did_not_is_told_in_its_own_form() {
        let chat = words(Api::Completions, &[FINISH, CHUNK]).unwrap();
        assert!(chat.starts_with("data: {\"error\":{") && chat.ends_with("}\n\n"), "{chat}");
        let responses = words(Api::Responses, &[CREATED]).unwrap();
        assert!(responses.starts_with("event: error\ndata: {"), "{responses}");
        assert!(responses.contains("\"sequence_number\":42"), "{responses}");
    }

    #[test]
    fn an_event_that_was_cut_becomes_the_error() {
        let whole = CHUNK.trim_end();
        for at in 1..=whole.len() {
            let cut = &whole[..at];
            let words = words(Api::Completions, &[CHUNK, cut]).unwrap();
            let mut last = None;
            let mut events = Events::new(1000);
            let all = format!("{CHUNK}{cut}{words}");
            let mut each = |piece: Piece<'_>| {
                let Piece::Event(event) = piece else { return };
                let data: serde_json::Value = serde_json::from_slice(event.data).unwrap();
                last = data["error"]["code"].as_str().map(str::to_owned);
            };
            events.push(all.as_bytes(), &mut each);
            assert_eq!(last.as_deref(), Some(Cut::Backend.words().0), "cut at {at}: {all}");
        }
    }

    #[test]
    fn what_never_began_or_ended_with_an_error_needs_no_words() {
        let error = "data: {\"error\":{\"code\":\"server_error\"}}\n\n";
        let (ending, fault) = read(Some(Api::Completions), &[CHUNK, error]);
        assert_eq!((ending.error_event(Cut::Backend), fault), (None, Some(StreamError::Failed)));
        let (ending, fault) = read(Some(Api::Completions), &[": ping\n\n"]);
        assert!(!ending.has_begun() && ending.is_missing());
        assert_eq!((ending.error_event(Cut::Shutdown), fault), (None, None));
    }

    #[test]
    fn it_does_not_matter_where_a_stream_is_cut() {
        let whole = [CREATED, CHUNK, FINISH, USAGE].concat();
        for api in [Api::Completions, Api::Responses] {
            let wanted = words(api, &[&whole]);
            for at in 0..=whole.len() {
                let (first, second) = whole.split_at(at);
                assert_eq!(words(api, &[first, second]), wanted, "cut at {at}");
            }
        }
    }
}
