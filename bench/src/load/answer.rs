//! Whether an answer is the right one.

use std::time::Duration;

use anyhow::{bail, ensure};
use hyper::StatusCode;
use memchr::memmem;

use super::{Chunk, Chunks};
use crate::backend::{CHUNKS, MARK, SENT};

/// Whether this is the backend's JSON, whatever a gateway makes of what stands around it.
pub(super) fn check(status: StatusCode, body: &[u8]) -> anyhow::Result<()> {
    let text = || String::from_utf8_lossy(body.get(..300).unwrap_or(body)).into_owned();
    ensure!(status == 200, "status {status}: {}", text());
    ensure!(memmem::find(body, MARK.as_bytes()).is_some(), "another answer: {}", text());
    Ok(())
}

/// What a stream has brought so far. Chunks are told by what a gateway leaves as it is, their
/// content; one that is cut between two reads is counted with the second.
#[derive(Default)]
pub(super) struct Seen {
    rest: Vec<u8>,
    chunks: usize,
    /// The last of them.
    last: Option<Chunk>,
    usage: bool,
    done: bool,
}

impl Seen {
    /// Takes what was read at this time, by the clock that backends use, and counts the chunks in it.
    pub(super) fn read(&mut self, data: &[u8], now: Duration, chunks: &mut Chunks) {
        self.rest.extend_from_slice(data);
        let whole = memmem::rfind(&self.rest, b"\n\n").map_or(0, |end| end + 2);
        let events: Vec<u8> = self.rest.drain(..whole).collect();
        for place in memmem::find_iter(&events, SENT) {
            let digits = events.get(place + SENT.len()..).unwrap_or_default();
            let digits = digits.split(|byte| !byte.is_ascii_digit()).next().unwrap_or_default();
            let sent = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
            let chunk = Chunk { sent: sent.map_or(now, Duration::from_nanos), came: now };
            chunks.count(chunk, self.last.replace(chunk));
            self.chunks += 1;
        }
        self.usage |= memmem::find(&events, b"\"total_tokens\"").is_some();
        self.done |= memmem::find(&events, b"data: [DONE]").is_some();
    }

    /// Whether that was the whole stream, with the usage or not.
    pub(super) fn check(&self, usage: bool) -> anyhow::Result<()> {
        ensure!(self.chunks == CHUNKS, "{} of {CHUNKS} chunks", self.chunks);
        ensure!(self.done, "a stream without its end");
        if self.usage != usage {
            bail!(
                "the chunk with the usage {}",
                if usage { "is missing" } else { "was not asked for" }
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(nanoseconds: u64) -> Duration {
        Duration::from_nanos(nanoseconds)
    }

    fn seen(chunks: usize, end: &str) -> (Seen, Chunks) {
        let (mut seen, mut timed) = (Seen::default(), Chunks::new());
        for _ in 0..chunks {
            // Cut in the middle of its time.
            seen.read(b"data: {\"content\":\"sent at 10", at(0), &mut timed);
            seen.read(b"00\"}\n\n", at(4000), &mut timed);
        }
        seen.read(end.as_bytes(), at(4000), &mut timed);
        (seen, timed)
    }

    fn said(chunks: usize, end: &str, usage: bool) -> String {
        seen(chunks, end).0.check(usage).map_or_else(|error| error.to_string(), |()| String::new())
    }

    const USAGE: &str = "data: {\"usage\":{\"total_tokens\":1}}\n\ndata: [DONE]\n\n";
    const DONE: &str = "data: [DONE]\n\n";

    #[test]
    fn a_whole_stream_is_right_and_its_chunks_are_timed() {
        let (seen, timed) = seen(CHUNKS, USAGE);
        seen.check(true).unwrap();
        assert_eq!((timed.delays.len(), timed.delays.min()), (500, 3000));
        assert_eq!(said(CHUNKS, DONE, false), "");
    }

    #[test]
    fn a_chunk_that_comes_with_the_next_or_after_it_was_sent_is_late() {
        let (mut seen, mut timed) = (Seen::default(), Chunks::new());
        // In milliseconds.
        let chunk = |sent: u64| format!("data: {{\"content\":\"sent at {sent}000000\"}}\n\n");
        let mut read = |data: String, now| {
            seen.read(data.as_bytes(), Duration::from_millis(now), &mut timed);
        };
        read(chunk(2), 3);
        read(chunk(4) + &chunk(6), 7);
        read(chunk(8), 11);
        read(chunk(10), 11);
        assert_eq!(timed.late_share(), Some(0.5), "the second and the fourth, of the first four");
    }

    #[test]
    fn what_a_stream_lacks_is_noticed() {
        assert_eq!(said(CHUNKS - 1, DONE, false), "499 of 500 chunks");
        assert_eq!(said(CHUNKS + 1, DONE, false), "501 of 500 chunks");
        assert_eq!(said(CHUNKS, "", false), "a stream without its end");
        assert_eq!(said(CHUNKS, DONE, true), "the chunk with the usage is missing");
        assert_eq!(said(CHUNKS, USAGE, false), "the chunk with the usage was not asked for");
    }

    #[test]
    fn another_status_or_text_is_noticed() {
        let right = format!("{{\"content\":\"{MARK}\"}}");
        check(StatusCode::OK, right.as_bytes()).unwrap();
        let wrong = check(StatusCode::TOO_MANY_REQUESTS, right.as_bytes()).unwrap_err();
        assert!(wrong.to_string().starts_with("status 429"), "{wrong}");
        let wrong = check(StatusCode::OK, b"{}").unwrap_err();
        assert_eq!(wrong.to_string(), "another answer: {}");
    }
}
