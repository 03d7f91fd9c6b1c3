use super::*;
use crate::observation::{AttemptResult, Outcome};
use crate::reason::Reason;
use crate::testing::test;

#[test]
fn every_metric_is_where_its_number_says() {
    for (place, definition) in DEFINITIONS.iter().enumerate() {
        assert_eq!(definition.metric as usize, place, "{}", definition.name);
    }
    assert_eq!(DEFINITIONS.len(), Metric::HeldBodies as usize + 1);
}

#[test]
fn names_are_what_prometheus_wants() {
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    for definition in DEFINITIONS {
        let Definition { name, kind, .. } = definition;
        assert!(name.starts_with("spillway_") && plain(name), "{name}");
        assert_eq!(name.ends_with("_total"), *kind == Counter, "{name}");
        for label in definition.labels {
            assert!(plain(label.name()) && !label.name().starts_with("__"), "{name}");
        }
    }
}

#[test]
fn the_lists_of_words_are_those_of_the_core() {
    assert_eq!(OUTCOMES, Outcome::ALL.map(Outcome::word));
    assert_eq!(CAUSES, AttemptResult::ALL.map(AttemptResult::word));
    assert_eq!(REASONS, Reason::ALL.map(Reason::word));
    let error = |outcome: &&str| !matches!(*outcome, "answered" | "client_left");
    assert_eq!(ERRORS, OUTCOMES.iter().copied().filter(error).collect::<Vec<_>>());
    assert!(FAILOVER_CAUSES.iter().all(|cause| CAUSES.contains(cause)));
}

#[test]
fn buckets_grow() {
    for definition in DEFINITIONS {
        if let Histogram(buckets) = definition.kind {
            assert!(buckets.is_sorted_by(|a, b| a < b), "{}", definition.name);
        }
    }
}
