//! What Prometheus would have scraped, one scrape after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::Gateway;
use crate::prometheus::{Metrics, Series};
use serde_json::{Value, json};

/// The series of some gateways, scrape by scrape.
#[derive(Debug)]
pub struct Recording {
    /// `None`: all of Spillway's.
    wanted: Option<BTreeSet<String>>,
    series: BTreeMap<String, Vec<Option<f64>>>,
    scrapes: usize,
}

impl Recording {
    /// Of the series that these rules look at.
    pub fn for_rules(rules: &str) -> Self {
        let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let wanted: BTreeSet<String> =
            words.filter(|word| word.starts_with("spillway_")).map(str::to_owned).collect();
        let clock = "it is a moment of the real clock, and would have to be stretched too";
        assert!(!wanted.contains(A_MOMENT), "{A_MOMENT}: {clock}");
        Self { wanted: Some(wanted), ..Self::of_all() }
    }

    /// Of all of Spillway's series.
    pub const fn of_all() -> Self {
        Self { wanted: None, series: BTreeMap::new(), scrapes: 0 }
    }

    /// How many scrapes there were.
    pub const fn scrapes(&self) -> usize {
        self.scrapes
    }

    /// Scrapes these gateways once, each by the name that it has as an instance; `None` does not answer.
    pub async fn scrape<const N: usize>(&mut self, gateways: [(&str, Option<&Gateway>); N]) {
        for (instance, gateway) in gateways {
            let mut found = Vec::new();
            if let Some(gateway) = gateway {
                // Most of it is Envoy's own, and takes longer to read than everything else here together.
                let text = gateway.admin("/stats/prometheus?filter=spillway").await;
                let wanted = |line: &&str| {
                    let name = line.split_once('{').map_or("", |(name, _)| name);
                    name.starts_with("spillway_")
                        && self.wanted.as_ref().is_none_or(|wanted| wanted.contains(name))
                };
                let text: Vec<&str> = text.lines().filter(wanted).collect();
                found = Metrics::parse(&text.join("\n")).series;
            }
            // Prometheus adds this one to each scrape.
            let value = f64::from(u8::from(gateway.is_some()));
            found.push(Series { name: "up".to_owned(), labels: BTreeMap::new(), value });
            for series in found {
                let samples = self.series.entry(name(instance, &series)).or_default();
                samples.resize(self.scrapes, None);
                samples.push(Some(series.value));
            }
        }
        self.scrapes += 1;
    }

    /// Every series with its samples, as promtool takes them. One that is not scraped any more is stale at
    /// once, as it is to Prometheus.
    pub fn input_series(&self) -> Vec<Value> {
        let input = |(series, samples): (&String, &Vec<Option<f64>>)| {
            let mut all = samples.clone();
            all.resize(self.scrapes, None);
            let before = std::iter::once(&None).chain(&all);
            let sample = |(sample, before): (&Option<f64>, &Option<f64>)| match (sample, before) {
                (Some(value), _) => value.to_string(),
                (None, Some(_)) => "stale".to_owned(),
                (None, None) => "_".to_owned(),
            };
            let values: Vec<String> = all.iter().zip(before).map(sample).collect();
            json!({ "series": series, "values": values.join(" ") })
        };
        self.series.iter().map(input).collect()
    }
}

/// A series with the labels that Prometheus gives to what it scrapes.
fn name(instance: &str, series: &Series) -> String {
    let mut text = format!("{}{{job=\"spillway\",instance=\"{instance}\"", series.name);
    for (label, value) in &series.labels {
        let _ = write!(text, ",{label}=\"{value}\"");
    }
    text + "}"
}

const A_MOMENT: &str = "spillway_breaker_open_until_seconds";
