//! Clients: one request after another, or at a constant rate whatever the gateway does.

mod answer;
mod closed;
mod connection;
mod open;
mod pace;
mod shot;

use std::net::SocketAddr;
use std::time::Duration;

use hdrhistogram::Histogram;
use hyper::header::HeaderValue;

pub(crate) use closed::closed;
pub(crate) use open::open;
pub(crate) use shot::{Shot, Wants};

/// What a run of requests has shown.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Requests that got the whole right answer.
    pub(crate) served: u64,
    /// Why others did not, the first of them.
    pub(crate) failure: Option<String>,
    /// How many others.
    pub(crate) failed: u64,
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// Of each request, in nanoseconds: closed from its sending, open from when it was due.
    pub(crate) latency: Histogram<u64>,
    /// Of each chunk of a stream, from the backend's sending to the client, in nanoseconds.
    pub(crate) chunks: Histogram<u64>,
}

impl Outcome {
    pub(crate) fn new() -> Self {
        Self {
            served: 0,
            failure: None,
            failed: 0,
            took: Duration::ZERO,
            latency: histogram(),
            chunks: histogram(),
        }
    }

    fn count(&mut self, fired: anyhow::Result<()>, took: Duration) {
        match fired {
            Ok(()) => {
                self.served += 1;
                let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                self.latency.saturating_record(nanoseconds);
            }
            Err(error) => {
                self.failed += 1;
                self.failure.get_or_insert_with(|| format!("{error:#}"));
            }
        }
    }

    /// Another one's requests with these.
    pub(crate) fn add(&mut self, other: &Self) {
        self.served += other.served;
        self.failed += other.failed;
        self.failure = self.failure.take().or_else(|| other.failure.clone());
        _ = self.latency.add(&other.latency);
        _ = self.chunks.add(&other.chunks);
    }
}

/// The cookie that a gateway there gives its client, if it gives one. Runs inside a `LocalSet`.
pub(crate) async fn cookie(to: SocketAddr, shot: &Shot) -> anyhow::Result<Option<HeaderValue>> {
    connection::Connection::new(to).cookie(shot).await
}

/// Up to a minute, to three digits.
#[expect(clippy::expect_used, reason = "these bounds are in order, whatever is measured")]
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("a histogram")
}
