//! The first stage: every story on the filters in memory, for each way to fail over.

use spillway::failover_mode::FailoverMode;
use spillway_stories::{Means, modelled, story, watched};

#[test]
fn the_filters_play_every_story_which_reach_every_callback() {
    tell(FailoverMode::Retry);
    let some_are_left_out = ["STORY", "SHOWS"].iter().any(|name| std::env::var_os(name).is_some());
    if !some_are_left_out {
        assert_eq!(watched::reached(), watched::all(), "callbacks that no story reaches, or new");
    }
}

#[test]
fn the_filters_play_every_story_with_redirects() {
    tell(FailoverMode::Redirect);
}

#[test]
fn the_filters_play_every_story_with_redirects_of_answers_that_were_not_held() {
    tell(FailoverMode::RedirectUnheld);
}

fn tell(failover: FailoverMode) {
    story::tell_all(&Means::model(failover), |story| {
        Box::new(modelled::in_memory(story, failover))
    });
}
