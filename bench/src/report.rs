//! What a run has measured, for a reader: `docs/benchmarks.md`, and its charts beside it.

mod charts;
mod sections;
mod table;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use spillway_figures::rounded;

use crate::bars::{Bar, Side, Unit};
use crate::lifecycle;
use crate::results::Results;
use crate::statistics::Spread;
use crate::work;
use sections::SECTIONS;

/// Writes the page, and its charts into a folder with its name.
pub(crate) fn write(results: &Results, page: &Path) -> anyhow::Result<()> {
    let folder = page.with_extension("");
    std::fs::create_dir_all(&folder)?;
    for (name, svg) in charts::charts(results) {
        std::fs::write(folder.join(name), svg)?;
    }
    Ok(std::fs::write(page, self::page(results))?)
}

/// The whole page.
fn page(results: &Results) -> String {
    let mut text = words::HEAD.to_owned();
    text.push_str(&about(results));
    text.push_str(&reached(&results.bars));
    let charts = charts::charts(results);
    for section in SECTIONS {
        let measured: Vec<_> = section.works.iter().filter_map(|key| results.work(key)).collect();
        if measured.is_empty() {
            continue;
        }
        _ = writeln!(text, "\n## {}\n\n{}", section.title, section.words);
        for (name, title) in section.charts {
            if charts.iter().any(|(there, _)| there == name) {
                _ = writeln!(text, "\n![{title}](benchmarks/{name})");
            }
        }
        for work in measured {
            text.push_str(&table::table(work));
        }
    }
    text.push_str(&lifecycle::section(results.lifecycle.as_ref()));
    text.push_str(words::HOW_TO_READ);
    text.push_str(&not_measured(results));
    text
}

fn about(results: &Results) -> String {
    let machine = &results.machine;
    let rounds = results.works.iter().flat_map(|work| work.rounds.values()).map(Vec::len);
    let mut text = format!(
        "Measured on {} processors ({}), Linux {}, in {} rounds.\n\nVersions:",
        machine.processors,
        machine.processor,
        machine.kernel,
        rounds.max().unwrap_or_default()
    );
    let versions = results.versions.iter().map(|(name, version)| format!(" {name} {version}"));
    _ = writeln!(text, "{}.", versions.collect::<Vec<_>>().join(","));
    for (name, why) in &results.left_out {
        _ = writeln!(text, "\nLeft out: {name}, as {why}.");
    }
    text
}

/// The table of bars.
fn reached(bars: &[Bar]) -> String {
    let mut text =
        "\n## What it was built to reach\n\n| what | measured | bar | |\n|---|---:|---:|---|\n"
            .to_owned();
    for bar in bars {
        let measured = bar.measured.map_or("not in this run".into(), |it| spread(it, bar.unit));
        let side = match bar.side {
            Side::AtMost => "≤",
            Side::AtLeast => "≥",
        };
        let met = match bar.met {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "",
        };
        let limit = limit(bar.bar, bar.unit);
        _ = writeln!(text, "| {} | {measured} | {side} {limit} | {met} |", bar.what);
    }
    text
}

/// A number to reach, as it was set.
fn limit(bar: f64, unit: Unit) -> String {
    let sign = match unit {
        Unit::Times => "×",
        Unit::Microseconds => " µs",
        Unit::Milliseconds => " ms",
        Unit::Requests => "",
        Unit::Points => " pp",
    };
    format!("{bar}{sign}")
}

/// A median with the least and the most.
fn spread(it: Spread, unit: Unit) -> String {
    format!(
        "{} ({}–{})",
        value(it.median, unit),
        bare_value(it.least, unit),
        bare_value(it.most, unit)
    )
}

fn value(number: f64, unit: Unit) -> String {
    let text = bare_value(number, unit);
    match unit {
        Unit::Times => text + "×",
        Unit::Microseconds => text + " µs",
        Unit::Milliseconds => text + " ms",
        Unit::Requests => text,
        Unit::Points => text + " pp",
    }
}

fn bare_value(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Times => rounded(value),
        Unit::Milliseconds => format!("{value:.0}"),
        Unit::Microseconds | Unit::Points if value < 0.0 => format!("−{}", rounded(-value)),
        Unit::Microseconds | Unit::Points => rounded(value),
        Unit::Requests => format!("{value:.1}"),
    }
}

fn not_measured(results: &Results) -> String {
    let mut text = words::NOT_MEASURED.to_owned();
    for (why, (gateways, works)) in absent(results) {
        let gateways = gateways.into_iter().collect::<Vec<_>>().join(", ");
        _ = writeln!(text, "- Not of {gateways}, as {why}: {}.", works.join("; "));
    }
    for work in work::ALL {
        if results.work(work.key).is_none() {
            _ = writeln!(text, "- {}: not in this run.", work.title);
        }
    }
    text
}

/// By reason: the gateways that are here and do not do these works.
fn absent(results: &Results) -> BTreeMap<&str, (BTreeSet<&str>, Vec<&str>)> {
    let mut all: BTreeMap<&str, (BTreeSet<&str>, Vec<&str>)> = BTreeMap::new();
    for work in &results.works {
        for (gateway, why) in &work.absent {
            if results.versions.contains_key(gateway) {
                let (gateways, works) = all.entry(why).or_default();
                gateways.insert(gateway);
                if !works.contains(&work.title.as_str()) {
                    works.push(&work.title);
                }
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    #[test]
    fn the_page_and_its_charts_are_what_the_results_say() {
        let results = Results::read(&project().join("bench/results/latest.json")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let fresh = folder.path().join("benchmarks.md");
        write(&results, &fresh).unwrap();
        let committed = project().join("docs/benchmarks.md");
        let hint = "spillway-bench --report writes it";
        let read = |file: &Path| std::fs::read_to_string(file).unwrap_or_default();
        assert!(read(&fresh) == read(&committed), "docs/benchmarks.md is another: {hint}");
        let names = |page: &Path| {
            let files = std::fs::read_dir(page.with_extension("")).unwrap().flatten();
            let mut names: Vec<_> = files.map(|file| file.file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(&fresh), names(&committed), "the charts in docs/benchmarks: {hint}");
        for name in names(&fresh) {
            let (fresh, committed) =
                (fresh.with_extension("").join(&name), committed.with_extension("").join(&name));
            assert!(read(&fresh) == read(&committed), "{}: {hint}", committed.display());
        }
    }

    #[test]
    fn the_bars_are_those_of_the_rounds() {
        let results = Results::read(&project().join("bench/results/latest.json")).unwrap();
        assert_eq!(results.bars, results.all_bars());
        let ratio = crate::bars::cpu_ratio(&results.works).map(|ratio| ratio.median);
        assert_eq!(results.cpu_ratio_to_bare_envoy, ratio);
    }

    #[test]
    fn every_work_has_its_section() {
        for work in work::ALL {
            let sections = SECTIONS.iter().filter(|it| it.works.contains(&work.key)).count();
            assert_eq!(sections, 1, "{}", work.key);
        }
    }

    #[test]
    fn a_missed_bar_is_called_so() {
        let spread = |median| Some(Spread { median, least: 1.0, most: 20.0 });
        let bar = |measured, met| Bar {
            what: "what".into(),
            measured,
            bar: 1.5,
            side: Side::AtMost,
            unit: Unit::Times,
            met,
        };
        assert_eq!(limit(1.05, Unit::Times), "1.05×");
        assert_eq!(limit(5000.0, Unit::Milliseconds), "5000 ms");
        assert_eq!(limit(1.0, Unit::Points), "1 pp");
        let less = Spread { median: -0.25, least: -1.5, most: 0.5 };
        assert_eq!(self::spread(less, Unit::Points), "−0.25 pp (−1.50–0.50)");
        let text = reached(&[bar(spread(2.0), Some(false)), bar(None, None)]);
        assert!(text.contains("| what | 2.00× (1.00–20.0) | ≤ 1.5× | **missed** |"), "{text}");
        assert!(text.contains("| what | not in this run | ≤ 1.5× |  |"), "{text}");
    }
}
