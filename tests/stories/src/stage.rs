//! Where a story is told: some backends, a client and a clock.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::http::{Answer, Reaction, Received, Request};

/// A gateway between a client and backends that do as they are told.
///
/// `expect_counted` and the last four methods are only called by stories that say so in [`crate::Story::needs`].
pub trait Stage {
    /// What the clock says that the gateway looks at.
    fn now(&self) -> SystemTime;

    /// What a request to this backend has as its host.
    fn authority(&self, backend: &str) -> String;

    /// Scripts the next reactions of a backend, one for each request; then it is healthy again
    /// ([`crate::http::healthy`]).
    fn script(&mut self, backend: &str, reactions: Vec<Reaction>);

    /// From now on, the backend refuses connections, or takes them again.
    fn set_reachable(&mut self, backend: &str, reachable: bool);

    /// Sends a request and waits for the whole answer.
    fn send(&mut self, request: &Request) -> Answer;

    /// What this backend has received so far, oldest first.
    fn received(&self, backend: &str) -> Vec<Received>;

    /// What the access log says of the last request: `model`, `client`, `deployment`, `outcome`,
    /// `marks` (`pinned`, `stream`), `prompt_tokens` and its like, or `attempts`, as
    /// `eastus 429 12ms, westus 200 340ms`. Empty: nothing.
    fn noted(&self, word: &str) -> String;

    /// Expects that what Prometheus finds under this name and these labels is so much in sum
    /// ([`crate::Need::Counts`]).
    fn expect_counted(&mut self, name: &str, labels: &[(&str, &str)], amount: u64);

    /// Expects that `backend`, which has just been told to rest for `rest`, is asked by none of
    /// these probes before that is over, and by the next one then. Where the time is virtual, the
    /// edge is exact.
    fn expect_rest(&mut self, backend: &str, rest: Duration, probe: &Request);

    /// Lets time pass ([`crate::Need::VirtualTime`]).
    fn pass(&mut self, _: Duration) {
        panic!("this stage has no virtual time");
    }

    /// From now on, chance draws this of all numbers ([`crate::Need::VirtualTime`]).
    fn roll(&mut self, _: u64) {
        panic!("this stage has real chance");
    }

    /// From now on, clients reach this worker ([`crate::Need::Workers`]).
    fn use_worker(&mut self, _: usize) {
        panic!("this stage cannot choose a worker");
    }

    /// Replaces the configuration ([`crate::Need::Reload`]).
    fn reload(&mut self, _: &Value) {
        panic!("this stage cannot reload its configuration");
    }
}
