//! The list of field cases in `README.md` names stories and tests that exist: for each case itself, and
//! at least two others of its kind.

#![allow(clippy::expect_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use spillway_stories::stories::all;

const README: &str = include_str!("../README.md");

/// Each case with the lines below it.
fn cases() -> Vec<(&'static str, Vec<&'static str>)> {
    let sections = README.split("\n### ").skip(1);
    sections
        .map(|section| {
            let (id, _) = section.split_once(':').expect("an id");
            (id, section.lines().filter_map(|line| line.strip_prefix("- ")).collect())
        })
        .collect()
}

/// Whether this is a test on the real Envoy, such as `closing::a_server`.
fn is_test(named: &str) -> bool {
    let Some((file, name)) = named.split_once("::") else { return false };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../integration/tests/envoy");
    let text = fs::read_to_string(folder.join(file).with_extension("rs")).unwrap_or_default();
    text.contains(&format!("]\nasync fn {name}()"))
}

#[test]
fn every_case_has_its_story_and_two_of_its_kind() {
    let known: BTreeSet<&str> = all().iter().map(|story| story.name).collect();
    for (id, named) in cases() {
        let each: BTreeSet<&str> = named.iter().copied().collect();
        assert_eq!(each.len(), named.len(), "{id} names one twice");
        assert!(each.len() >= 3, "{id} has only {each:?}");
        for name in each {
            let test = name.strip_prefix('`').and_then(|name| name.strip_suffix('`'));
            assert!(test.map_or_else(|| known.contains(name), is_test), "{id}: {name}");
        }
    }
}

#[test]
fn no_case_is_left_out() {
    let ids: Vec<String> = cases().iter().map(|(id, _)| (*id).to_owned()).collect();
    let wanted = [("B", 12), ("S", 13), ("T", 4)];
    let wanted =
        wanted.iter().flat_map(|(kind, last)| (1..=*last).map(move |n| format!("{kind}{n}")));
    assert_eq!(ids, wanted.collect::<Vec<_>>());
}
