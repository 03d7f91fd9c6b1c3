//! A series: a metric with its labels, and the name under which Envoy keeps it.
//!
//! Envoy's statistics have names and no labels. So the labels are written into the name, and
//! `envoy::stats` renders the rules by which Envoy finds them again:
//!
//! ```text
//! spillway_attempts_total.model=gpt-4.1;.backend=eastus;.cause=ok;
//! ```
//!
//! A model may be called anything that fits into a path. `;` and `=`, which end and begin a value
//! here, are therefore written as in a URL, with `%`; so are `"` and `\`, which not every Envoy
//! escapes in `/stats/prometheus`, and control characters.

#![warn(clippy::arithmetic_side_effects)]

use std::fmt::Write as _;

use super::{Label, Metric};
use crate::config::{ClientId, Config, ModelId};
use crate::pool::tiers::tiers;

/// A metric with its labels: those that its definition has, and that apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Series {
    /// The metric.
    pub metric: Metric,
    /// For [`Label::Model`].
    pub model: Option<ModelId>,
    /// For [`Label::Backend`] and [`Label::Tier`]: a position in the model's pool.
    pub member: Option<usize>,
    /// For [`Label::Client`].
    pub client: Option<ClientId>,
    /// For [`Label::Word`].
    pub word: Option<&'static str>,
}

/// How a series moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Which series.
    pub series: Series,
    /// How much.
    pub amount: u64,
    /// In which way.
    pub how: Move,
}

/// In which way a series moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// A counter by this much, a gauge to it, a histogram by one such value.
    Usual,
    /// A gauge up by this much.
    Up,
    /// A gauge down by this much.
    Down,
}

impl Series {
    /// A series of this metric without labels.
    pub const fn of(metric: Metric) -> Self {
        Self { metric, model: None, member: None, client: None, word: None }
    }

    /// The same of this model.
    #[must_use]
    pub const fn model(self, model: Option<ModelId>) -> Self {
        Self { model, ..self }
    }

    /// The same of this member of the model's pool.
    #[must_use]
    pub const fn member(self, member: Option<usize>) -> Self {
        Self { member, ..self }
    }

    /// The same of this client.
    #[must_use]
    pub const fn client(self, client: Option<ClientId>) -> Self {
        Self { client, ..self }
    }

    /// The same with this word.
    #[must_use]
    pub const fn word(self, word: &'static str) -> Self {
        Self { word: Some(word), ..self }
    }

    /// So much of it.
    pub const fn by(self, amount: u64) -> Sample {
        Sample { series: self, amount, how: Move::Usual }
    }

    /// One more of a gauge that all requests move.
    pub const fn one_more(self) -> Sample {
        Sample { series: self, amount: 1, how: Move::Up }
    }

    /// One less of it.
    pub const fn one_less(self) -> Sample {
        Sample { series: self, amount: 1, how: Move::Down }
    }

    /// The name under which Envoy keeps it.
    pub fn name(&self, config: &Config) -> String {
        let definition = self.metric.definition();
        let mut name = definition.name.to_owned();
        for label in definition.labels {
            if let Some(value) = self.value(*label, config) {
                let _ = write!(name, ".{}={};", label.name(), escaped(&value));
            }
        }
        name
    }

    /// What a label is in this series.
    fn value(&self, label: Label, config: &Config) -> Option<String> {
        let model = || self.model?.of(&config.models);
        let member = || model()?.pool.get(self.member?);
        match label {
            Label::Model => Some(model()?.name.clone()),
            Label::Backend => Some(member()?.backend.of(&config.backends)?.name.clone()),
            Label::Client => {
                let clients = config.clients.as_ref().filter(|_| config.client_label);
                Some(self.client?.of(clients?)?.name.clone())
            }
            Label::Tier => {
                let own = member()?.priority;
                let all = model()?.pool.iter().map(|other| other.priority);
                let before = tiers(all.filter(|other| *other < own));
                Some(before.len().saturating_add(1).to_string())
            }
            // It is no part of the file (`with_digest`).
            Label::Digest => None,
            Label::Word(..) => Some(self.word?.to_owned()),
        }
    }
}

/// The name under which Envoy keeps what is said of the configuration with this digest.
pub fn with_digest(metric: Metric, digest: &str) -> String {
    format!("{}.{}={};", metric.definition().name, Label::Digest.name(), escaped(digest))
}

/// A value as it stands in a name.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if c.is_ascii_control() || ODD.contains(&c) {
            let _ = write!(text, "%{:02X}", c as u32);
        } else {
            text.push(c);
        }
    }
    text
}

/// What is written with `%`.
const ODD: [char; 6] = ['%', ';', '=', '"', '\\', ' '];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Id;
    use crate::config::check;
    use crate::testing::test;

    fn config(model: &str) -> Config {
        check(&serde_json::json!({
            "backends": { "a": { "url": "http://a" }, "b": { "url": "http://b" } },
            "models": { model: { "pool": [
                { "backend": "a", "priority": 20 }, { "backend": "b", "priority": 3 },
            ] } },
            "clients": [{ "name": "chat.app", "key": "${KEY}" }],
        }))
        .expect("a right file")
    }

    #[test]
    fn labels_stand_in_the_name_in_the_definitions_order() {
        let config = config("gpt-4.1");
        let series = Series::of(Metric::Requests)
            .model(Some(Id::at(0)))
            .member(Some(1))
            .client(Some(Id::at(0)));
        assert_eq!(
            series.word("answered").name(&config),
            "spillway_requests_total.model=gpt-4.1;.backend=b;.client=chat.app;.outcome=answered;"
        );
        assert_eq!(
            Series::of(Metric::Requests).word("rejected").name(&config),
            "spillway_requests_total.outcome=rejected;"
        );
        assert_eq!(Series::of(Metric::OwnTime).name(&config), "spillway_own_time_microseconds");
    }

    #[test]
    fn a_tier_is_a_priority_by_its_rank() {
        let config = config("m");
        let tier =
            |member| Series::of(Metric::PoolMember).model(Some(Id::at(0))).member(Some(member));
        assert!(tier(0).name(&config).ends_with(".backend=a;.tier=2;"));
        assert!(tier(1).name(&config).ends_with(".backend=b;.tier=1;"));
    }

    #[test]
    fn no_models_name_can_pass_for_a_label() {
        let config = config("x;.backend=y;\"\\%/模型");
        let name = Series::of(Metric::Errors).model(Some(Id::at(0))).name(&config);
        assert_eq!(name, "spillway_errors_total.model=x%3B.backend%3Dy%3B%22%5C%25/模型;");
    }

    #[test]
    fn what_is_not_in_the_configuration_is_no_label() {
        let config = config("m");
        let series = Series::of(Metric::Attempts).model(Some(Id::at(9))).member(Some(9)).word("ok");
        assert_eq!(series.name(&config), "spillway_attempts_total.cause=ok;");
    }
}
