//! All stories, by capability.

mod admission;
mod affinity;
mod bad_input;
mod before_content;
mod bodies;
mod bodies_read_once;
mod breaker;
mod clean_answers;
mod connections;
mod counted_limits;
mod counting;
mod empty_503;
mod exhausted;
mod failover;
mod forgeries;
mod good_statuses;
mod innocents;
mod keys;
mod limits;
mod one_reading;
mod other_apis;
mod other_servers;
mod pools;
mod recovery;
mod redirects;
mod refusals;
mod refused_elsewhere;
mod refused_field;
mod retry_budget;
mod routing;
mod streams;
mod timeouts;
mod trailers;
mod usage;
mod visibility;

use std::sync::LazyLock;

use crate::story::Story;

/// Every story.
pub fn all() -> &'static [Story] {
    static ALL: LazyLock<Vec<Story>> = LazyLock::new(|| {
        let by_capability = [
            pools::STORIES,
            failover::STORIES,
            redirects::STORIES,
            streams::STORIES,
            before_content::STORIES,
            good_statuses::STORIES,
            other_apis::STORIES,
            other_servers::STORIES,
            timeouts::STORIES,
            connections::STORIES,
            trailers::STORIES,
            refusals::STORIES,
            refused_elsewhere::STORIES,
            innocents::STORIES,
            breaker::STORIES,
            counted_limits::STORIES,
            recovery::STORIES,
            retry_budget::STORIES,
            exhausted::STORIES,
            empty_503::STORIES,
            limits::STORIES,
            routing::STORIES,
            one_reading::STORIES,
            bodies::STORIES,
            bodies_read_once::STORIES,
            admission::STORIES,
            keys::STORIES,
            affinity::STORIES,
            clean_answers::STORIES,
            forgeries::STORIES,
            usage::STORIES,
            refused_field::STORIES,
            visibility::STORIES,
            counting::STORIES,
            bad_input::STORIES,
        ];
        by_capability.concat()
    });
    &ALL
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::all;

    #[test]
    fn every_story_has_a_name_of_its_own_and_numbers_that_exist() {
        let names: BTreeSet<_> = all().iter().map(|story| story.name).collect();
        assert_eq!(names.len(), all().len());
        for story in all() {
            assert!(story.behaviours.iter().all(|number| (1..=36).contains(number)));
        }
    }

    /// What the checklist asks of streams as they flow (31) and of the labs' own clients (34) is
    /// shown elsewhere.
    #[test]
    fn together_they_show_every_behaviour_of_the_filter() {
        let shown: BTreeSet<u8> =
            all().iter().flat_map(|story| story.behaviours).copied().collect();
        let missing: Vec<u8> = (1..=36).filter(|number| !shown.contains(number)).collect();
        assert_eq!(missing, [31, 34]);
    }
}
