//! `docs/envoy-versions.md` is written by `make versions`, which needs five Envoys and ten minutes.
//! Without them: it is there, it is about the Envoys that we hold ourselves to, and it speaks of
//! the stories that there are.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test")]

use spillway_command::envoy::version::Version;
use spillway_stories::story::{Means, on_a_real_envoy};

const PAGE: &str = include_str!("../../../docs/envoy-versions.md");
const VERSIONS: &str = include_str!("../../../envoy/VERSIONS");

/// The cells of a row.
fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn every_envoy_has_its_row() {
    let rows: Vec<Vec<&str>> =
        PAGE.lines().filter(|line| line.starts_with("| 1.")).map(cells).collect();
    let versions = VERSIONS.lines().filter(|line| !line.starts_with('#'));
    let wanted: Vec<Vec<&str>> = versions.map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), wanted.len());
    for (row, wanted) in rows.iter().zip(wanted) {
        assert_eq!([row[0], &row[1].replace('–', "-")], [wanted[0], wanted[1]]);
        let version = Version::named(row[0]).expect("a version");
        let means = Means { failover: version.abilities().failover, ..on_a_real_envoy() };
        assert_eq!(row[2], means.failover.name());
        let number = |cell: &str| cell.parse::<usize>().expect("a number");
        let (told, left_out) = (number(row[3]), number(row[4]));
        assert_eq!(left_out, section(row[0]).len(), "stories left out on {}", row[0]);

        // A new story does not make the page wrong; many new ones do, and one that is gone too.
        let there = means.told().len();
        assert!(told <= there, "{told} stories on {}, of {there}: run `make versions`", row[0]);
        assert!(told * 10 >= there * 8, "{told} of {there} on {}: run `make versions`", row[0]);
    }
}

#[test]
fn what_is_left_out_is_what_the_stories_say() {
    for line in VERSIONS.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split('\t').next().expect("a version");
        let version = Version::named(name).expect("a version");
        let means = Means { failover: version.abilities().failover, ..on_a_real_envoy() };
        let needs = means.left_out();
        for row in section(name) {
            let (story, why) = (row[0], row[1]);
            let need = needs.iter().find(|(left_out, _)| left_out.name == story);
            let (_, need) = need.unwrap_or_else(|| panic!("{story}: run `make versions`"));
            assert_eq!(need.lack(), why, "{story}");
        }
    }
}

/// The rows about what an Envoy leaves out.
fn section(version: &str) -> Vec<Vec<&'static str>> {
    let title = format!("### Envoy {version}");
    let after = PAGE.lines().skip_while(|line| *line != title).skip(1);
    let rows = after.take_while(|line| !line.starts_with('#')).filter(|line| line.starts_with('|'));
    rows.skip(2).map(cells).collect()
}
