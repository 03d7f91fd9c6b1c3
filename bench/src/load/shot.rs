//! A request, and what its answer must be.

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};

/// A request that is sent again and again.
#[derive(Debug, Clone)]
pub(crate) struct Shot {
    /// Path and query.
    pub(crate) path: String,
    /// Its headers, besides `host` and `content-length`.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body.
    pub(crate) body: Bytes,
    /// What its answer must be; anything else is a failure.
    pub(crate) wants: Wants,
}

/// What an answer must be, with status 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wants {
    /// The backend's JSON.
    Json,
    /// All chunks of a stream and its end, and the chunk with the usage or not.
    Stream {
        /// Whether the client sees the chunk with the usage.
        usage: bool,
    },
}
