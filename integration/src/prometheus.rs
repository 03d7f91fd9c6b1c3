//! Prometheus' text format, as far as Envoy writes it.
//!
//! The crate that reads it (`prometheus-parse`) has had no release since 2023, and takes a line that
//! it cannot read for a comment. Here, such a line fails the test: what Prometheus would not take
//! must be seen.

use std::collections::BTreeMap;

/// One scrape.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Every line that is no comment.
    pub series: Vec<Series>,
    /// The type of each metric.
    pub types: BTreeMap<String, String>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name, with the `_bucket` or so of a histogram.
    pub name: String,
    /// Its labels; an empty one is none.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

impl Metrics {
    /// Reads a scrape; fails the test where Prometheus would not take it.
    pub fn parse(text: &str) -> Self {
        let mut metrics = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(comment) = line.strip_prefix("# TYPE ") {
                let (name, kind) = comment.split_once(' ').expect("a name and a type");
                let before = metrics.types.insert(name.to_owned(), kind.to_owned());
                assert_eq!(before, None, "{name} stands in two places");
            } else if !line.starts_with('#') {
                metrics.series.push(Series::parse(line));
            }
        }
        metrics
    }

    /// The sum of all series of this name that have these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.all(name, labels).map(|series| series.value).sum()
    }

    /// All series of this name that have these labels.
    pub fn all(&self, name: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(move |series| {
            let has = |(label, value): &(&str, &str)| {
                series.labels.get(*label).is_some_and(|found| found == value)
            };
            series.name == name && labels.iter().all(has)
        })
    }

    /// Spillway's own series, by name and labels, without their values.
    pub fn ours(&self) -> Vec<(String, BTreeMap<String, String>)> {
        let ours = self.series.iter().filter(|series| series.name.starts_with("spillway_"));
        ours.map(|series| (series.name.clone(), series.labels.clone())).collect()
    }
}

impl Series {
    fn parse(line: &str) -> Self {
        let (name, rest) = line.split_once('{').unwrap_or_else(|| panic!("no labels: {line}"));
        let (mut labels, mut rest) = (BTreeMap::new(), rest);
        while !rest.starts_with('}') {
            let (label, value) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            let end = closing_quote(value).unwrap_or_else(|| panic!("no end: {line}"));
            let text = &value[..end];
            let before = labels.insert(label.to_owned(), text.to_owned());
            assert_eq!(before, None, "{label} stands twice: {line}");
            rest = value[end + 1..].trim_start_matches(',');
        }
        labels.retain(|_, value| !value.is_empty());
        let value = rest[1..].trim().parse().unwrap_or_else(|error| panic!("{error}: {line}"));
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        assert!(name.chars().all(plain), "{line}");
        Self { name: name.to_owned(), labels, value }
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => return Some(at),
            _ => escaped = c == '\\' && !escaped,
        }
    }
    None
}
