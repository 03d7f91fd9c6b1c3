//! What was to be seen: alerts with when they fired, and what panels said.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use spillway_integration::promtool::{self, Found};

use crate::dashboard;
use crate::scenarios::{
    DIGESTS, ERRORS, FIRST_TOKEN, GATEWAYS, GAVE_UP, OWN, Scenario, TOKEN_TIME, WAITED, WHOSE,
};

/// An alert that fired.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Alert {
    /// Its name.
    pub(crate) name: String,
    /// Its other labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// When it fired first, in seconds of Prometheus' time.
    pub(crate) since: usize,
}

/// What a panel said: a line of it, with its value now.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// As it is written.
    pub(crate) legend: String,
    /// Its labels and its value.
    pub(crate) found: Found,
}

/// All that was to be seen.
pub(crate) struct Sight {
    alerts: Vec<(usize, usize, Vec<Alert>)>,
    panels: BTreeMap<(String, &'static str), Vec<Said>>,
}

impl Sight {
    /// Asks promtool.
    pub(crate) fn of(
        rules: &Path,
        series: &[Value],
        step: usize,
        scenarios: &[Scenario],
        [began, ended, back]: [usize; 3],
    ) -> Self {
        let spans = [(0, began), (began, ended), (ended, back)];
        let mut questions = Vec::new();
        for (from, to) in spans {
            // The sample at the beginning of a span is the one before's.
            let span = to - from - 1;
            let firing = format!("timestamp(ALERTS{{alertstate=\"firing\"}})[{span}s:1m]");
            questions.push((format!("min_over_time({firing})"), to));
        }
        let mut asked = Vec::new();
        let mut ask = |model: &str, title: &'static str, at: usize| {
            for (question, legend) in dashboard::questions(title, model) {
                asked.push((model.to_owned(), title, legend));
                questions.push((question, at));
            }
        };
        for scenario in scenarios {
            scenario.panels.iter().for_each(|title| ask(scenario.model, title, ended));
        }
        for title in [DIGESTS, OWN] {
            ask(ALL, title, ended);
        }
        ask(ALL, GATEWAYS, back);
        let mut answers = promtool::ask(rules, series, step, &questions).into_iter();
        let alerts = spans.map(|(from, to)| {
            let found = answers.next().expect("an answer");
            (from, to, found.into_iter().map(|found| alert(found, from)).collect())
        });
        let mut panels: BTreeMap<_, Vec<Said>> = BTreeMap::new();
        for ((model, title, format), found) in asked.into_iter().zip(answers) {
            let said = found
                .into_iter()
                .map(|found| Said { legend: dashboard::legend(&format, &found.labels), found });
            panels.entry((model, title)).or_default().extend(said);
        }
        Self { alerts: alerts.into(), panels }
    }

    /// The alerts that fired between two of the moments that were asked for, in order of names.
    pub(crate) fn alerts(&self, from: usize, to: usize) -> Vec<Alert> {
        let asked = self.alerts.iter().find(|(its, other, _)| (*its, *other) == (from, to));
        let mut alerts = asked.expect("a span").2.clone();
        alerts.sort_unstable_by(|one, other| {
            (&one.name, &one.labels).cmp(&(&other.name, &other.labels))
        });
        alerts
    }

    /// What a panel said of a model.
    pub(crate) fn panel(&self, model: &str, title: &'static str) -> &[Said] {
        self.panels.get(&(model.to_owned(), title)).map_or(&[], Vec::as_slice)
    }

    /// What a panel said of the series with this label, and all that it said.
    fn said(&self, model: &str, title: &'static str, label: (&str, &str)) -> (f64, &[Said]) {
        let told = self.panel(model, title);
        let is = |said: &&Said| said.found.labels.get(label.0).is_some_and(|its| its == label.1);
        (told.iter().find(is).map_or(f64::NAN, |said| said.found.value), told)
    }

    /// Panels say of the outages what was played: no backend has another one's time or fault.
    pub(crate) fn assert_true(&self) {
        let of = |model, title, label, value| self.said(model, title, (label, value));
        close(of("hang", GAVE_UP, "backend", "hang-1"), 0.9, 1.0);
        close(of("hang", WAITED, "backend", "hang-1"), 3.0, 5.0);
        close(of("slow-first-byte", FIRST_TOKEN, "backend", "slow-first-byte-1"), 3.0, 7.5);
        close(of("slow-first-byte", FIRST_TOKEN, "backend", "slow-first-byte-2"), 0.0, 2.0);
        close(of("one-region", FIRST_TOKEN, "backend", "one-region-2"), 0.0, 2.0);
        close(of("slow-stream", TOKEN_TIME, "backend", "slow-stream-1"), 0.2, 2.0);
        close(of("all-regions", ERRORS, "outcome", "unavailable"), 0.9, 1.0);
        close(of("exhausted", ERRORS, "outcome", "exhausted"), 0.9, 1.0);
        close(of("one-client", WHOSE, "client", "odd"), 3.0, f64::INFINITY);
        assert!(of("one-client", WHOSE, "client", "chat").0.is_nan(), "it has opened none");
    }
}

fn close((value, told): (f64, &[Said]), from: f64, to: f64) {
    assert!((from..=to).contains(&value), "{value} is not {from} to {to}: {told:#?}");
}

fn alert(found: Found, from: usize) -> Alert {
    let mut labels = found.labels;
    let name = labels.remove("alertname").expect("a name");
    for label in ["alertstate", "severity", "job"] {
        labels.remove(label);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole seconds")]
    Alert { name, labels, since: (found.value as usize).max(from) }
}

/// For all models.
pub(crate) const ALL: &str = ".*";
