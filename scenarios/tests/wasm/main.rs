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
mod seats;
mod writer;

use spillway::failover::Failover;
use spillway_scenarios::envoy::Envoy;
use spillway_scenarios::{Means, story};

#[test]
fn the_built_filter_plays_every_story() {
    tell(Failover::Retry);
}

#[test]
fn the_built_filter_plays_every_story_with_redirects() {
    tell(Failover::Redirect);
}

#[test]
fn the_built_filter_plays_every_story_with_redirects_of_answers_that_were_not_held() {
    tell(Failover::RedirectUnheld);
}

fn tell(failover: Failover) {
    let filter = match host::Filter::load() {
        Ok(filter) => filter,
        Err(why) => panic!("{why}"),
    };
    story::tell_all(&Means::model(failover), |story| {
        let filter = filter.clone();
        let seating = move |config: &_, clock: &_, shared: &_| {
            seats::Worker::start(&filter, config, failover, clock, shared)
        };
        Box::new(Envoy::new(story, failover, Box::new(seating)))
    });
}
