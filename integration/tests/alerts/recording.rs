//! What Prometheus would have scraped, one scrape after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};
use spillway_integration::Gateway;
use spillway_integration::prometheus::{Metrics, Series};

/// The series that the rules look at, scrape by scrape.
pub(crate) struct Recording {
    wanted: BTreeSet<String>,
    series: BTreeMap<String, Vec<Option<f64>>>,
    scrapes: usize,
}

impl Recording {
    /// Of the series that these rules look at.
    pub(crate) fn for_rules(rules: &str) -> Self {
        let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let wanted: BTreeSet<String> =
            words.filter(|word| word.starts_with("spillway_")).map(str::to_owned).collect();
        let clock = "it is a moment of the real clock, and would have to be stretched too";
        assert!(!wanted.contains(A_MOMENT), "{A_MOMENT}: {clock}");
        Self { wanted, series: BTreeMap::new(), scrapes: 0 }
    }

    /// Scrapes once.
    pub(crate) async fn scrape(&mut self, gateway: &Gateway) {
        // Most of it is Envoy's own, and takes longer to read than everything else here together.
        let text = gateway.admin("/stats/prometheus").await;
        let wanted =
            |line: &&str| line.split_once('{').is_some_and(|(name, _)| self.wanted.contains(name));
        let text: Vec<&str> = text.lines().filter(wanted).collect();
        let metrics = Metrics::parse(&text.join("\n"));
        // Prometheus adds this one to each scrape that succeeds.
        let up = Series { name: "up".to_owned(), labels: BTreeMap::new(), value: 1.0 };
        for series in metrics.series.into_iter().chain([up]) {
            let samples = self.series.entry(name(&series)).or_default();
            samples.resize(self.scrapes, None);
            samples.push(Some(series.value));
        }
        self.scrapes += 1;
    }

    /// Every series with its samples, as promtool takes them.
    pub(crate) fn input_series(&self) -> Vec<Value> {
        let sample =
            |sample: &Option<f64>| sample.map_or("_".to_owned(), |value| value.to_string());
        let input = |(series, samples): (&String, &Vec<Option<f64>>)| {
            let values: Vec<String> = samples.iter().map(sample).collect();
            json!({ "series": series, "values": values.join(" ") })
        };
        self.series.iter().map(input).collect()
    }
}

/// A series with the labels that Prometheus gives to what it scrapes.
fn name(series: &Series) -> String {
    let mut text = format!("{}{{job=\"spillway\",instance=\"gateway\"", series.name);
    for (label, value) in &series.labels {
        let _ = write!(text, ",{label}=\"{value}\"");
    }
    text + "}"
}

const A_MOMENT: &str = "spillway_breaker_open_until_seconds";
