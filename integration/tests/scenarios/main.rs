//! The third stage: the stories that the core and the built filter play, on the real Envoy.
//!
//! The first two stages share a model of Envoy; this one shows that the model is right. Stories
//! that order the time, choose a worker or change the configuration are not told here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story fails by panicking"
)]

mod backend;
mod stage;

use spillway_command::envoy::version;
use spillway_integration::find;
use spillway_stories::{Means, story};

#[test]
fn the_real_envoy_plays_every_story() {
    let version = version::ask(&find::envoy()).unwrap();
    let means = Means { failover: version.abilities().failover, ..story::on_a_real_envoy() };
    story::tell_all(&means, |story| Box::new(stage::OnEnvoy::set(story, |setup| setup)));
}
