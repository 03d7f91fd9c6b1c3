//! Who asked for what, when, and what came of it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a client noted about one request.
#[derive(Debug)]
pub(crate) struct Record {
    /// The request's number.
    pub(crate) number: u64,
    /// When it was sent.
    pub(crate) start: Instant,
    /// When its answer was over.
    pub(crate) end: Instant,
    /// Whether an event stream was asked for.
    pub(crate) streamed: bool,
    /// Whether the gateway has the backend report tokens and keeps that from the client.
    pub(crate) relieved: bool,
    /// The answer, or what came instead of one.
    pub(crate) outcome: Result<Got, String>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Got {
    /// Its status.
    pub(crate) status: u16,
    /// Who answered, as the gateway says.
    pub(crate) backend: String,
    /// SHA-256 of the body, or why there is no whole one.
    pub(crate) sha256: Result<String, String>,
    /// The body's last bytes.
    pub(crate) tail: String,
}

/// The notes of all clients.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    state: Mutex<State>,
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    under_way: BTreeSet<u64>,
    records: Vec<Record>,
}

impl RequestLog {
    /// A new request's number; none after closing time.
    pub(crate) fn begin(&self) -> Option<u64> {
        if self.closed.load(Ordering::Acquire) {
            return None;
        }
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.under_way.insert(number);
        Some(number)
    }

    /// The request has ended.
    pub(crate) fn end(&self, record: Record) {
        let mut state = self.state();
        state.under_way.remove(&record.number);
        state.records.push(record);
    }

    /// No request begins any more.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Waits until every request has ended that has begun before now.
    pub(crate) async fn drained(&self) {
        let now = self.state().next;
        while self.state().under_way.first().is_some_and(|number| *number < now) {
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// All that was noted.
    pub(crate) fn take(&self) -> Vec<Record> {
        std::mem::take(&mut self.state().records)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id that a request carries through gateway and backend.
pub(crate) fn id(number: u64) -> String {
    format!("chaos-{number}")
}

/// What each line of the access log has about such a request: others ask as well.
pub(crate) const LOGGED: &str = "\"request_id\":\"chaos-";

const PAUSE: Duration = Duration::from_millis(5);
