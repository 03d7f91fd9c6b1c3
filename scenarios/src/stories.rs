//! All stories, by capability.

mod breaker;
mod exhausted;
mod failover;
mod pools;
mod refusals;

use std::sync::LazyLock;

use crate::story::Story;

/// Every story.
pub fn all() -> &'static [Story] {
    static ALL: LazyLock<Vec<Story>> = LazyLock::new(|| {
        [pools::STORIES, failover::STORIES, refusals::STORIES, breaker::STORIES, exhausted::STORIES]
            .concat()
    });
    &ALL
}
