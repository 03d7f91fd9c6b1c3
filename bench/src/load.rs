//! Clients: one request after another, or at a constant rate whatever the gateway does.

mod answer;
mod chunks;
mod closed;
mod connection;
mod open;
mod pace;
mod shot;

use std::net::SocketAddr;
use std::time::Duration;

use hdrhistogram::Histogram;
use hyper::header::HeaderValue;

pub(crate) use chunks::{Chunk, Chunks};
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
    /// Of each chunk of a stream.
    pub(crate) chunks: Chunks,
}

impl Outcome {
    pub(crate) fn new() -> Self {
        Self {
            served: 0,
            failure: None,
            failed: 0,
            took: Duration::ZERO,
            latency: histogram(),
            chunks: Chunks::new(),
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
        self.chunks.add(&other.chunks);
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

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Result, Write};
    use std::net::{TcpListener, TcpStream};

    use bytes::Bytes;
    use tokio::task::LocalSet;

    use super::*;
    use crate::backend::Backend;
    use crate::work::First;

    /// A gateway for one connection that passes on what its backend says when that says something
    /// more, or has been silent for a while.
    fn holds_back(listener: &TcpListener, backend: SocketAddr) -> Result<()> {
        let (mut client, mut backend) = (listener.accept()?.0, TcpStream::connect(backend)?);
        let (mut asks, mut asked) = (client.try_clone()?, backend.try_clone()?);
        std::thread::spawn(move || std::io::copy(&mut asks, &mut asked));
        client.set_nodelay(true)?;
        backend.set_read_timeout(Some(Duration::from_millis(300)))?;
        let (mut held, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
        loop {
            let said = backend.read(&mut buffer);
            client.write_all(&held)?;
            held = match said {
                Ok(0) => return Ok(()),
                Ok(length) => buffer[..length].to_vec(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Vec::new(),
                Err(error) => return Err(error),
            };
        }
    }

    #[tokio::test]
    async fn a_gateway_that_waits_for_what_follows_has_its_chunks_late() {
        let body = Bytes::from_static(b"{\"stream\":true}");
        let wants = Wants::Stream { usage: false };
        let shot = Shot { path: "/chat/completions".into(), headers: vec![], body, wants };
        let backend = Backend::start(First::Serves).await.expect("a backend").address;
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let gateway = listener.local_addr().expect("its address");
        std::thread::spawn(move || holds_back(&listener, backend));
        let asked = closed(gateway, &shot, 1, 1, Duration::ZERO);
        let outcome = LocalSet::new().run_until(asked).await;
        assert_eq!((outcome.served, outcome.failure), (1, None));
        let share = outcome.chunks.late_share();
        assert!(share.is_some_and(|share| share > 0.95), "{share:?}");
    }
}
