//! The first stage: every story on the pure core.

use spillway_scenarios::{core, story};

#[test]
fn the_pure_core_plays_every_story() {
    story::tell_all(&[], 1, |story| Box::new(core::stage(story)));
}
