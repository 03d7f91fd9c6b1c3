//! How Envoy is brought to send a request to another backend.
//!
//! Envoy from 1.39 on asks for the cluster again on every retry; an older one tries the same
//! backend again and again. What every Envoy can do is follow a redirect by itself, through the
//! whole chain of filters: there, the upstream filter turns a failed answer into a redirect to the
//! request's own address, and the downstream filter sends the request that comes back to the next
//! backend (docs/adr/0008-older-envoys-by-internal-redirect.md).

use serde::{Deserialize, Serialize};

/// The way to another backend. The plugin's configuration says which one the routes are made for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailoverMode {
    /// By Envoy's retry, which asks for the cluster again. It covers failures without an answer.
    #[default]
    Retry,
    /// By Envoy's internal redirect. It covers answers alone.
    Redirect,
    /// The same, but an answer that was held to be read is the client's: an Envoy that is told to
    /// redirect it does not survive.
    RedirectUnheld,
}

impl FailoverMode {
    /// In words, for tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Redirect => "internal redirect",
            Self::RedirectUnheld => "internal redirect of answers that were not held",
        }
    }

    /// Whether requests come back through the whole chain of filters.
    pub fn redirects(self) -> bool {
        self != Self::Retry
    }

    /// Whether an answer that was held can be replaced by another backend's.
    pub fn replaces_held_answers(self) -> bool {
        self != Self::RedirectUnheld
    }
}
