//! The record that a request leaves in journal and sums.
//!
//! Callers hang up, connections are reset and tasks are dropped at any `await`. The
//! receipt travels with the request, then with the body of its answer, and whatever
//! happens its drop is the end: what was not noted by then did not happen.

use std::sync::Arc;

use hyper::header::HOST;
use hyper::http::request::Parts;

use crate::answer::Answer;
use crate::input;
use crate::journal::{Entry, SeenRequest};
use crate::state::{State, lock};

/// Writes down what becomes of a request, up to its end.
#[derive(Debug)]
pub(crate) struct Receipt {
    state: Arc<State>,
    entry: Option<Entry>,
}

// === impl Receipt ===

impl Receipt {
    /// For control requests, which do not count.
    pub(crate) fn uncounted(state: &Arc<State>) -> Self {
        Self { state: Arc::clone(state), entry: None }
    }

    pub(crate) fn open(state: &Arc<State>, head: &Parts) -> Self {
        let seen = SeenRequest {
            at: state.now(),
            http_version: format!("{:?}", head.version),
            method: head.method.to_string(),
            path: head
                .uri
                .path_and_query()
                .map_or_else(|| head.uri.path().to_owned(), ToString::to_string),
            authority: authority(head),
            headers: input::fields(&head.headers),
            ..SeenRequest::default()
        };
        lock(&state.stats).arrived();
        Self { entry: Some(lock(&state.journal).open(seen)), state: Arc::clone(state) }
    }

    pub(crate) fn received(&self, body: &input::Received) {
        self.note(|seen| {
            seen.body_len = body.bytes.len() as u64;
            seen.body_sha256.clone_from(&body.sha256);
            seen.trailers.clone_from(&body.trailers);
            seen.body = body.text();
        });
    }

    pub(crate) fn asked_for(&self, deployment: Option<&str>) {
        self.note(|seen| seen.deployment = deployment.map(str::to_owned));
    }

    pub(crate) fn answered(&self, answer: &Answer) {
        let status = answer.status.as_u16();
        self.note(|seen| {
            seen.status = Some(status);
            seen.usage = answer.usage;
            lock(&self.state.stats).answered(seen.deployment.as_deref(), status);
        });
    }

    /// The last byte was handed to the connection; the digest is that of all of them.
    pub(crate) fn complete(&self, sha256: String) {
        self.note(|seen| {
            seen.completed = true;
            seen.sent_sha256 = Some(sha256);
            if let Some(usage) = seen.usage {
                lock(&self.state.stats).told(seen.deployment.as_deref(), usage);
            }
        });
    }

    fn note(&self, change: impl FnOnce(&mut SeenRequest)) {
        if let Some(entry) = &self.entry {
            change(&mut lock(entry));
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if self.entry.is_some() {
            lock(&self.state.stats).left();
        }
    }
}

/// What HTTP/2 says in `:authority`, HTTP/1.1 in `Host`.
fn authority(head: &Parts) -> Option<String> {
    let in_header = || head.headers.get(HOST)?.to_str().ok().map(str::to_owned);
    head.uri.authority().map(ToString::to_string).or_else(in_header)
}
