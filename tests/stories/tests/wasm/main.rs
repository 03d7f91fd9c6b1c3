//! The second stage: every story on the built filter, in a host that is as strict as Envoy.
//!
//! The host is small because it only has what the filter calls; a call that it does not know fails
//! the test with its name, and so does a trap, with the filter's log.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a story fails by panicking; nothing here runs in the filter"
)]

mod host;
mod vm;
mod writer;

use std::cell::Cell;
use std::time::UNIX_EPOCH;

use serde_json::json;
use spillway::failover_mode::FailoverMode;
use spillway_model::{Clock, Shared};
use spillway_stories::modelled::Modelled;
use spillway_stories::{Means, story};

#[test]
fn the_built_filter_plays_every_story() {
    tell(FailoverMode::Retry);
}

#[test]
fn the_built_filter_plays_every_story_with_redirects() {
    tell(FailoverMode::Redirect);
}

#[test]
fn the_built_filter_plays_every_story_with_redirects_of_answers_that_were_not_held() {
    tell(FailoverMode::RedirectUnheld);
}

/// A file that was rendered when the last-words filter was the filter's too.
#[test]
fn the_module_is_no_last_words_filter() {
    let filter = host::Filter::load().unwrap_or_else(|why| panic!("{why}"));
    let config = json!({
        "backends": { "a": { "url": "http://a.test" } },
        "models": { "m": { "pool": ["a"] } },
    });
    let clock = Clock::new(Cell::new(UNIX_EPOCH));
    let shared = Shared::default();
    let mut worker = vm::Worker::start(&filter, &config, FailoverMode::Retry, &clock, &shared);
    let why = worker.refusal(&json!({ "seat": "writer" }));
    assert!(why.contains("unknown variant `writer`"), "{why}");
    assert_eq!(shared.borrow().counted["spillway_config_refusals_total"], 1);
    assert!(why.contains("`spillway render envoy` writes the plugin's configuration"), "{why}");
}

fn tell(failover: FailoverMode) {
    let filter = match host::Filter::load() {
        Ok(filter) => filter,
        Err(why) => panic!("{why}"),
    };
    story::tell_all(&Means::model(failover), |story| {
        let filter = filter.clone();
        let start = move |config: &_, clock: &_, shared: &_| {
            vm::Worker::start(&filter, config, failover, clock, shared)
        };
        Box::new(Modelled::new(story, failover, Box::new(start)))
    });
}
