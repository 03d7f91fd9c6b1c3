//! Whether an answer is the right one.

use anyhow::{bail, ensure};
use hdrhistogram::Histogram;
use hyper::StatusCode;
use memchr::memmem;

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
    usage: bool,
    done: bool,
}

impl Seen {
    /// Takes what was read at this time, in nanoseconds of the clock that backends use, and records
    /// how long each chunk in it was on its way.
    pub(super) fn read(&mut self, data: &[u8], now: u128, chunks: &mut Histogram<u64>) {
        self.rest.extend_from_slice(data);
        let whole = memmem::rfind(&self.rest, b"\n\n").map_or(0, |end| end + 2);
        let events: Vec<u8> = self.rest.drain(..whole).collect();
        for place in memmem::find_iter(&events, SENT) {
            let digits = events.get(place + SENT.len()..).unwrap_or_default();
            let digits = digits.split(|byte| !byte.is_ascii_digit()).next().unwrap_or_default();
            let sent = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
            let delay = now.saturating_sub(sent.unwrap_or(now));
            chunks.saturating_record(u64::try_from(delay).unwrap_or(u64::MAX));
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

    fn seen(chunks: usize, end: &str) -> (Seen, Histogram<u64>) {
        let (mut seen, mut delays) = (Seen::default(), super::super::histogram());
        for _ in 0..chunks {
            // Cut in the middle of its time.
            seen.read(b"data: {\"content\":\"sent at 10", 0, &mut delays);
            seen.read(b"00\"}\n\n", 4000, &mut delays);
        }
        seen.read(end.as_bytes(), 4000, &mut delays);
        (seen, delays)
    }

    fn said(chunks: usize, end: &str, usage: bool) -> String {
        seen(chunks, end).0.check(usage).map_or_else(|error| error.to_string(), |()| String::new())
    }

    const USAGE: &str = "data: {\"usage\":{\"total_tokens\":1}}\n\ndata: [DONE]\n\n";
    const DONE: &str = "data: [DONE]\n\n";

    #[test]
    fn a_whole_stream_is_right_and_its_chunks_are_timed() {
        let (seen, delays) = seen(CHUNKS, USAGE);
        seen.check(true).unwrap();
        assert_eq!((delays.len(), delays.min()), (500, 3000));
        assert_eq!(said(CHUNKS, DONE, false), "");
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
