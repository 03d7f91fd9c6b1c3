//! The table in `integration/README.md` names tests that exist, and every number has one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn the_table_and_the_tests_agree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("a README");
    let rows: Vec<Vec<&str>> = readme
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'))
        .map(|row| row.split('|').map(str::trim).collect())
        .filter(|row: &Vec<&str>| row.len() == 3 && row[0].parse::<u32>().is_ok())
        .collect();

    let numbers: BTreeSet<u32> = rows.iter().filter_map(|row| row[0].parse().ok()).collect();
    let wanted = (1..=28).chain([31]).chain(33..=36);
    let missing: Vec<u32> = wanted.filter(|number| !numbers.contains(number)).collect();
    assert!(missing.is_empty(), "without a row: {missing:?}");

    let named: BTreeSet<String> = rows.iter().map(|row| row[1].replace('`', "")).collect();
    let mut tests = tests(&root.join("tests"));
    tests.extend(self::tests(&root.join("tests/envoy")));
    let numbered: BTreeSet<String> =
        tests.iter().filter(|test| test.contains("::behaviour_")).cloned().collect();
    assert_eq!(named, numbered, "left: the README's table, right: the tests");
    for row in rows {
        let number: u32 = row[0].parse().expect("a number");
        assert!(row[1].contains(&format!("behaviour_{number:02}_")), "{row:?}");
        assert!(!row[2].is_empty(), "{row:?} does not say what it shows");
    }
}

/// `file::test` for each test in the folder.
fn tests(folder: &Path) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("the tests") {
        let path = entry.expect("a file").path();
        if !path.is_file() {
            continue;
        }
        let module = path.file_stem().and_then(|stem| stem.to_str()).expect("text").to_owned();
        let text = fs::read_to_string(&path).expect("text");
        let mut is_test = false;
        for line in text.lines() {
            let declared = line.trim_start().trim_start_matches("async ").strip_prefix("fn ");
            if let Some(name) = declared.and_then(|rest| rest.split('(').next())
                && std::mem::take(&mut is_test)
            {
                all.insert(format!("{module}::{name}"));
            }
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        }
    }
    all
}
