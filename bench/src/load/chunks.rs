//! What the chunks of streams have shown.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::histogram;
use crate::backend::PACE;

/// The chunks of any number of streams.
#[derive(Debug, Clone)]
pub(crate) struct Chunks {
    /// How long each was on its way from the backend to the client, in nanoseconds.
    pub(crate) delays: Histogram<u64>,
    /// The same of the first of each stream.
    pub(crate) firsts: Histogram<u64>,
    /// How many were followed by another one, at the backend's pace.
    followed: u64,
    /// How many of these came when the next one had been sent.
    late: u64,
}

/// A chunk's times.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunk {
    /// When the backend sent it.
    pub(crate) sent: Duration,
    /// When the client had it.
    pub(crate) came: Duration,
}

impl Chunks {
    pub(crate) fn new() -> Self {
        Self { delays: histogram(), firsts: histogram(), followed: 0, late: 0 }
    }

    /// Counts a chunk, and whether the one before it in its stream was late.
    ///
    /// A backend that was given no time for a while sends what was due meanwhile at once. Of those
    /// chunks nobody can say that they were held back until the next one.
    pub(crate) fn count(&mut self, chunk: Chunk, before: Option<Chunk>) {
        let delay = chunk.came.saturating_sub(chunk.sent);
        let delay = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        self.delays.saturating_record(delay);
        let Some(before) = before else {
            self.firsts.saturating_record(delay);
            return;
        };
        if chunk.sent >= before.sent + PACE / 2 {
            self.followed += 1;
            self.late += u64::from(before.came >= chunk.sent);
        }
    }

    /// The share that came when the next one had been sent, of those that were followed by one.
    ///
    /// A gateway that passes a chunk on as it comes has few of them, and those because the machine
    /// gave it or the client no time. One that waits for what follows has them all.
    pub(crate) fn late_share(&self) -> Option<f64> {
        (self.followed > 0).then(|| self.late as f64 / self.followed as f64)
    }

    /// Another one's chunks with these.
    pub(crate) fn add(&mut self, other: &Self) {
        _ = self.delays.add(&other.delays);
        _ = self.firsts.add(&other.firsts);
        self.followed += other.followed;
        self.late += other.late;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Chunks of a stream: when each was sent, and how long it was on its way.
    fn stream(chunks: impl IntoIterator<Item = (Duration, Duration)>) -> Chunks {
        let (mut all, mut before) = (Chunks::new(), None);
        for (sent, delay) in chunks {
            let chunk = Chunk { sent, came: sent + delay };
            all.count(chunk, before.replace(chunk));
        }
        all
    }

    /// Sent at the backend's pace.
    fn paced<const N: usize>(delays: [Duration; N]) -> Chunks {
        stream((0..).map(|place| place * PACE).zip(delays))
    }

    #[test]
    fn a_chunk_is_late_when_the_next_one_has_been_sent() {
        assert_eq!(paced([MS, MS, MS, MS, MS]).late_share(), Some(0.0));
        assert_eq!(paced([MS, PACE, MS, MS, MS]).late_share(), Some(0.25));
        assert_eq!(paced([5 * MS, 3 * MS, MS, MS, MS]).late_share(), Some(0.5), "a stall of 5 ms");
        assert_eq!(
            paced([MS, MS, MS, MS, 9 * MS]).late_share(),
            Some(0.0),
            "none is after the last"
        );
        assert_eq!((paced([]).late_share(), paced([MS]).late_share()), (None, None));
    }

    #[test]
    fn what_a_backend_sends_at_once_is_not_held_back() {
        let sent = [0, 9, 9, 9, 10, 12].map(|at| at * MS);
        let late = stream(sent.into_iter().zip([MS, MS, MS, MS, 3 * MS, MS]));
        assert_eq!(late.delays.len(), 6);
        assert_eq!(late.late_share(), Some(2.0 / 3.0), "of those before the 9th, 10th and 12th");
    }

    #[test]
    fn of_several_streams_all_chunks_count() {
        let mut all = paced([3 * MS, MS, MS]);
        all.add(&paced([MS, MS, MS]));
        assert_eq!((all.late_share(), all.delays.len(), all.firsts.len()), (Some(0.25), 6, 2));
    }
}
