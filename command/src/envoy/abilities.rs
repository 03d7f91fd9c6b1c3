//! What an Envoy can do that another one cannot, as far as what we render depends on it.

use super::version::Version;
use spillway::failover_mode::FailoverMode;

/// An Envoy's abilities. The default is those of the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// How it is brought to another backend.
    pub failover: FailoverMode,
    /// A route's limit for bodies (`request_body_buffer_limit`) holds for every filter, not only
    /// for the router.
    pub limits_bodies_by_route: bool,
    /// The router counts a body once that a filter has held before.
    pub counts_bodies_once: bool,
    /// It writes `Bearer` before a key that it injects.
    pub prefixes_keys: bool,
    /// It takes a line break off the end of a key that it injects.
    pub strips_keys: bool,
    /// A span's tag may be made of what the filter has noted.
    pub formats_tags: bool,
    /// The router chooses the cluster by what the filter has set; else by a header.
    pub reads_filter_state: bool,
    /// What the filter counts is counted in no cluster's scope, whatever loaded it first.
    pub counts_without_scope: bool,
}

impl Default for Abilities {
    fn default() -> Self {
        Self {
            failover: FailoverMode::Retry,
            limits_bodies_by_route: true,
            counts_bodies_once: true,
            prefixes_keys: true,
            strips_keys: true,
            formats_tags: true,
            reads_filter_state: true,
            counts_without_scope: true,
        }
    }
}

impl Abilities {
    /// What this Envoy does not cover, for people.
    pub fn notes(&self) -> Vec<&'static str> {
        let mut notes = Vec::new();
        if self.failover.redirects() {
            notes.push(
                "before Envoy 1.39, a backend that gives no answer (connection refused, lost or \
                 timed out) is an error for the client; it counts as a failure, and once the \
                 circuit is open, requests go elsewhere",
            );
            notes.push(
                "before Envoy 1.39, a request that fails over passes all filters again: one before \
                 Spillway that takes the token off a request, as JWT authentication does, and wants it \
                 again, refuses the second attempt",
            );
        }
        if !self.failover.replaces_held_answers() {
            notes.push(
                "before Envoy 1.37, a 404 `DeploymentNotFound` and a stream that begins with an \
                 error are the client's; they count, and once the circuit is open, requests go \
                 elsewhere",
            );
        }
        notes
    }
}

impl Version {
    /// What this version can do; each fact was seen on the real one (docs/older-envoys.md).
    pub fn abilities(self) -> Abilities {
        let since = |minor| self >= Self { major: 1, minor, patch: 0 };
        let failover = if since(39) {
            FailoverMode::Retry
        } else if since(37) {
            FailoverMode::Redirect
        } else {
            FailoverMode::RedirectUnheld
        };
        Abilities {
            failover,
            limits_bodies_by_route: since(37),
            counts_bodies_once: since(38),
            prefixes_keys: since(37),
            strips_keys: since(40),
            formats_tags: since(37),
            reads_filter_state: true,
            counts_without_scope: since(39),
        }
    }
}
