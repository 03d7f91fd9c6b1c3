//! What arrived, for tests to read back.
//!
//! A gateway's promise is about what reaches the backend: which headers, in which
//! order, byte for byte which body, how often. So every request is written down when
//! its head arrives and completed as it goes on; a caller who hangs up half way
//! leaves an entry without a status.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::state::lock;
use crate::usage::Usage;

/// One request as it arrived, and what became of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SeenRequest {
    /// Since the region started.
    #[serde(rename = "at_ms", serialize_with = "as_millis")]
    pub at: Duration,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub http_version: String,
    /// The method, in capitals.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The host called, from `:authority` or `Host`.
    pub authority: Option<String>,
    /// Names in lower case, values as bytes, in order of arrival; repeated names
    /// stand together at the place of the first.
    #[serde(serialize_with = "as_text")]
    pub headers: Vec<(String, Vec<u8>)>,
    /// Bytes of the body.
    pub body_len: u64,
    /// SHA-256 of the body, in lower-case hex.
    pub body_sha256: String,
    /// The body, if it is UTF-8 and not above 64 KiB.
    pub body: Option<String>,
    /// Trailers, as `headers`.
    #[serde(serialize_with = "as_text")]
    pub trailers: Vec<(String, Vec<u8>)>,
    /// The deployment (or model) asked for.
    pub deployment: Option<String>,
    /// The status answered; `None` while there is none.
    pub status: Option<u16>,
    /// The whole answer was handed to the connection, and it was still open.
    pub completed: bool,
    /// SHA-256 of the body that was answered, in lower-case hex; `None` until it is `completed`.
    pub sent_sha256: Option<String>,
    /// The tokens the answer tells of; the caller was told them if it is `completed`.
    pub usage: Option<Usage>,
}

/// An entry that can still be added to.
pub(crate) type Entry = Arc<Mutex<SeenRequest>>;

/// The latest requests.
#[derive(Debug)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    capacity: usize,
}

impl SeenRequest {
    /// The first value of a header, given in lower case, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        std::str::from_utf8(value).ok()
    }
}

impl Journal {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: VecDeque::new(), capacity }
    }

    pub(crate) fn open(&mut self, seen: SeenRequest) -> Entry {
        let entry = Arc::new(Mutex::new(seen));
        self.entries.push_back(Arc::clone(&entry));
        while self.entries.len() > self.capacity {
            self.entries.pop_front();
        }
        entry
    }

    pub(crate) fn requests(&self) -> Vec<SeenRequest> {
        self.entries.iter().map(|entry| lock(entry).clone()).collect()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

fn as_text<S: Serializer>(fields: &[(String, Vec<u8>)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer
        .collect_seq(fields.iter().map(|(name, value)| (name, String::from_utf8_lossy(value))))
}

fn as_millis<S: Serializer>(at: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(at.as_millis()).unwrap_or(u64::MAX))
}
