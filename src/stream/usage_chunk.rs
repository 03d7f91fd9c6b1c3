//! Takes the chunk out of a stream that its client did not ask for.
//!
//! A stream that was made to report its usage ([`crate::usage::Ask`]) has one chunk more, with no
//! choice in it, and some clients take `choices[0]` for granted. Everything else passes as it came
//! and when it came: of an event that is cut over several parts, only what has come of it waits, and
//! only until it is clear that it stays. A choice in it is enough for that, and so is being longer
//! than this chunk ever is.

use std::ops::Range;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Begun, Event, Piece, choices_begin};
use crate::words::word;

word!(USAGE = b"\"usage\"");

/// What is taken out of a stream, and what waits.
#[derive(Debug, Default)]
pub struct UsageChunkFilter {
    /// What has come of an event, before the bytes that were read last.
    waits: Vec<u8>,
    /// What has come of an event went out: so the rest of it does.
    passes: bool,
    /// The chunks to take out of the bytes that were read last.
    places: Vec<Range<usize>>,
    /// An event has ended in them.
    ended: bool,
    /// What was taken out ended with CR, which a LF may follow.
    after_cr: bool,
}

impl UsageChunkFilter {
    /// Sees what was read.
    pub fn hear(&mut self, piece: &Piece<'_>) {
        let Piece::Event(event) = piece else { return };
        let went_out = !self.ended && self.passes;
        self.ended = true;
        if !went_out && is_usage_alone(event) {
            self.places.push(event.place.clone());
        }
    }

    /// What passes instead of these bytes, after all of them were read; `None`: they do.
    pub fn pass(&mut self, bytes: &[u8], begun: Option<Begun<'_>>) -> Option<Vec<u8>> {
        let mut passes = std::mem::take(&mut self.waits);
        let mut changed = !passes.is_empty();
        let mut at = 0;
        if !bytes.is_empty() && std::mem::take(&mut self.after_cr) && bytes.starts_with(b"\n") {
            (at, changed) = (1, true);
        }
        for place in std::mem::take(&mut self.places) {
            changed = true;
            if place.start == 0 {
                passes.clear();
            }
            passes.extend_from_slice(bytes.get(at..place.start).unwrap_or_default());
            at = place.end;
            self.after_cr = at == bytes.len() && bytes.last() == Some(&b'\r');
        }
        let went_out = !std::mem::take(&mut self.ended) && self.passes;
        self.passes = false;
        let rest = bytes.get(at..).unwrap_or_default();
        match begun {
            Some(begun) if went_out || stays(begun.data, begun.cut) => {
                self.passes = true;
                passes.extend_from_slice(rest);
            }
            Some(begun) => {
                let (before, event) =
                    rest.split_at_checked(begun.start.saturating_sub(at)).unwrap_or((rest, &[]));
                changed |= !event.is_empty();
                if begun.start == 0 {
                    self.waits = std::mem::take(&mut passes);
                } else {
                    passes.extend_from_slice(before);
                }
                self.waits.extend_from_slice(event);
            }
            None => passes.extend_from_slice(rest),
        }
        changed.then_some(passes)
    }

    /// What has been read went out, and perhaps it ended inside of an event.
    pub fn went_out(&mut self, inside: bool) {
        self.places.clear();
        self.ended = false;
        self.passes = inside;
    }

    /// What waits, because nothing more comes.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.waits)
    }
}

/// Whether the event is a chunk that holds the usage and no choice.
fn is_usage_alone(event: &Event<'_>) -> bool {
    #[derive(Deserialize)]
    struct Chunk {
        choices: Vec<IgnoredAny>,
        usage: serde_json::Map<String, serde_json::Value>,
    }
    if stays(event.data, event.cut) || !USAGE.is_in(event.data) {
        return false;
    }
    let chunk = serde_json::from_slice::<Chunk>(event.data);
    chunk.is_ok_and(|chunk| chunk.choices.is_empty() && !chunk.usage.is_empty())
}

/// Whether an event is known to be something else by as much of its data as is there: more of it
/// changes nothing about that.
fn stays(data: &[u8], cut: bool) -> bool {
    cut || data.len() > LONGEST
        || data.first().is_some_and(|first| *first != b'{')
        || choices_begin(data, b"{")
}

/// No chunk that holds the usage alone is longer; those seen are below 1 KiB.
const LONGEST: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Events;
    use crate::testing::test;

    const CHUNK: &str =
        "data: {\"id\":\"x\",\"choices\":[{\"delta\":{\"content\":\"é\"}}],\"usage\":null}";
    const FIRST: &str = "data: {\"choices\":[],\"prompt_filter_results\":[],\"usage\":null}";
    const USAGE: &str = "data: {\"id\":\"x\",\"choices\": [],\"usage\":{\"prompt_tokens\":3}}";
    const BOTH: &str = "data: {\"choices\":[{\"delta\":{}}],\"usage\":{\"prompt_tokens\":3}}";

    /// What passes of each of these parts.
    fn passed(parts: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut events, mut usage_chunk) = (Events::new(1 << 16), UsageChunkFilter::default());
        let mut all = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            events.push(part, &mut |piece| usage_chunk.hear(&piece));
            if number + 1 == parts.len() {
                events.finish(&mut |piece| usage_chunk.hear(&piece));
            }
            all.push(usage_chunk.pass(part, events.begun()).unwrap_or_else(|| part.to_vec()));
        }
        assert!(usage_chunk.rest().is_empty(), "something waits for ever");
        all
    }

    fn texts(parts: &[&str]) -> Vec<String> {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        let passed = passed(&parts).into_iter();
        passed.map(|part| String::from_utf8(part).expect("text")).collect()
    }

    fn stream(events: &[&str], end: &str) -> String {
        events.iter().map(|event| format!("{event}{end}{end}")).collect()
    }

    #[test]
    fn the_chunk_is_taken_out_wherever_the_stream_is_cut() {
        for end in ["\n", "\r\n", "\r"] {
            let all = [": ping", FIRST, CHUNK, BOTH, USAGE, ": ping", "data: [DONE]"];
            let without = [": ping", FIRST, CHUNK, BOTH, ": ping", "data: [DONE]"];
            let (all, wanted) = (stream(&all, end), stream(&without, end));
            let bytes = all.as_bytes();
            for first in 0..=bytes.len() {
                for second in first..=bytes.len() {
                    let parts = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                    let passes = passed(&parts).concat();
                    assert_eq!(String::from_utf8_lossy(&passes), wanted, "{first} and {second}");
                }
            }
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            let passes = passed(&single).concat();
            assert_eq!(String::from_utf8_lossy(&passes), wanted);
        }
    }

    #[test]
    fn what_need_not_wait_does_not() {
        let cut = CHUNK.len() - 20;
        let (first, rest) = CHUNK.split_at(cut);
        let parts = [first, rest, "\n", "\n", "da", "ta: [D", "ONE]\n\n", ": pi", "ng\n"];
        let wanted = [first, rest, "\n", "\n", "", "data: [D", "ONE]\n\n", ": pi", "ng\n"];
        assert_eq!(texts(&parts), wanted);

        let long = format!("data: {{\"id\":\"{}", "x".repeat(LONGEST));
        assert_eq!(texts(&[&long]).concat(), long);
        let parts = ["data: {\"id\":", "\"x\"", ",\"choices\":[{", "}]}\n\n"];
        assert_eq!(texts(&parts), ["", "", "data: {\"id\":\"x\",\"choices\":[{", "}]}\n\n"]);
    }

    #[test]
    fn a_chunk_whose_beginning_went_out_stays_whole() {
        let (mut events, mut usage_chunk) = (Events::new(1 << 16), UsageChunkFilter::default());
        let (first, rest) = USAGE.split_at(10);
        events.push(first.as_bytes(), &mut |piece| usage_chunk.hear(&piece));
        usage_chunk.went_out(true);
        let rest = format!("{rest}\n\n{USAGE}\n\n");
        events.push(rest.as_bytes(), &mut |piece| usage_chunk.hear(&piece));
        let passes = usage_chunk.pass(rest.as_bytes(), events.begun()).expect("a part");
        assert_eq!(String::from_utf8_lossy(&passes), format!("{}\n\n", &USAGE[10..]));
    }
}
