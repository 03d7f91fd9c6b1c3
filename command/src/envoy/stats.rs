//! Envoy's statistics: how names become labels again, and which buckets histograms have.

use serde_json::{Value, json};

use super::Abilities;
use spillway::metrics::{DEFINITIONS, Kind, Label};

/// `stats_config` of the bootstrap: all that Spillway's metrics need of an Envoy.
///
/// Without it, Envoy prints each series under a name that has its labels run into it.
pub fn config(envoy: Abilities) -> Value {
    json!({ "stats_tags": tags(envoy), "histogram_bucket_settings": buckets() })
}

/// One rule for each label. The first group is what is cut out of the name, the second the value.
/// A value ends at the first `;` (`metrics::series` writes none into it).
///
/// Envoy tries each rule on each name that it meets, 110 for every backend, and takes microseconds
/// for it. So a rule begins with a whole part of the name: that is all that Envoy compares then
/// before it leaves a name alone. And it says what may stand before its label, so that it need not be
/// looked for (ADR 20).
///
/// `wasmcustom.` is Envoy's prefix for what filters count; a name that begins with it is printed
/// without it. Before Envoy 1.39, the filter counts in the scope of what loaded it first, which is a
/// cluster, and the name begins with that. A last rule cuts it off, as a label without a value,
/// which is none to Prometheus. (Envoy's own rule for clusters adds `envoy_cluster_name`, which says
/// nothing here.)
fn tags(envoy: Abilities) -> Vec<Value> {
    let rule = |name: &str, regex: String| json!({ "tag_name": name, "regex": regex });
    let (start, scope) = if envoy.counts_without_scope {
        ("^", None)
    } else {
        (r"^(?:.+?\.)?", Some(rule("scope", r"^(.+?\.())wasmcustom\.spillway_".to_owned())))
    };
    let label = |label: Label| {
        let before: String =
            before(label).into_iter().map(|name| format!(r"(?:\.{name}=[^;]*;)?")).collect();
        let name = label.name();
        let regex = format!(r"{start}wasmcustom\.spillway_[a-z_]*{before}(\.{name}=([^;]*);)");
        rule(name, regex)
    };
    labels().into_iter().map(label).chain(scope).collect()
}

/// Every label once, in an order that is every definition's.
fn labels() -> Vec<Label> {
    let mut labels: Vec<Label> = Vec::new();
    for label in DEFINITIONS.iter().flat_map(|definition| definition.labels) {
        if !labels.iter().any(|known| known.name() == label.name()) {
            labels.push(*label);
        }
    }
    labels
}

/// The labels that may stand before this one in a name.
fn before(label: Label) -> Vec<&'static str> {
    let precedes = |other: &Label| {
        DEFINITIONS.iter().any(|definition| {
            let names = definition.labels.iter().map(|label| label.name());
            let place = |name: &str| names.clone().position(|other| other == name);
            place(other.name()).zip(place(label.name())).is_some_and(|(one, two)| one < two)
        })
    };
    labels().iter().filter(|other| precedes(other)).map(|label| label.name()).collect()
}

/// Envoy's own buckets begin at half a millisecond and know no microseconds.
fn buckets() -> Vec<Value> {
    let bucketed = DEFINITIONS.iter().filter_map(|definition| match definition.kind {
        Kind::Histogram(buckets) => {
            let part = format!("wasmcustom.{}", definition.name);
            Some(json!({ "match": { "contains": part }, "buckets": buckets }))
        }
        _ => None,
    });
    bucketed.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regex_lite::Regex;

    use super::*;
    use spillway::config::{Id, check};
    use spillway::metrics::Series;

    fn older() -> Abilities {
        Abilities { counts_without_scope: false, ..Abilities::default() }
    }

    fn names(tags: &[Value]) -> Vec<&str> {
        tags.iter().filter_map(|tag| tag["tag_name"].as_str()).collect()
    }

    #[test]
    fn every_label_has_one_rule() {
        let all = DEFINITIONS.iter().flat_map(|definition| definition.labels);
        let mut all: BTreeSet<&str> = all.map(|label| label.name()).collect();
        for (envoy, scope) in [(Abilities::default(), None), (older(), Some("scope"))] {
            let tags = tags(envoy);
            all.extend(scope);
            assert_eq!(names(&tags).into_iter().collect::<BTreeSet<_>>(), all);
            assert_eq!(tags.len(), all.len());
        }
    }

    /// What Envoy makes of a name: each rule cuts its first group out of it.
    fn read(name: &str, envoy: Abilities) -> (String, Vec<(String, String)>) {
        let (mut rest, mut labels) = (name.to_owned(), Vec::new());
        for tag in tags(envoy) {
            let rule = Regex::new(tag["regex"].as_str().expect("a rule")).expect("a right rule");
            if let Some(found) = rule.captures(name) {
                rest = rest.replacen(&found[1], "", 1);
                labels.push((
                    tag["tag_name"].as_str().expect("a name").to_owned(),
                    found[2].to_owned(),
                ));
            }
        }
        (rest, labels)
    }

    #[test]
    fn the_rules_read_what_the_filter_writes() {
        let config = check(&json!({
            "backends": { "a": { "url": "http://a" } },
            "models": { "x;.client=y/gpt-4.1": { "pool": ["a"] } },
            "clients": [{ "name": "chat.app", "key": "${KEY}" }],
        }))
        .expect("a right file");
        for definition in DEFINITIONS {
            let bare = Series::of(definition.metric);
            // Any label but the words may be missing.
            for kept in 0..8 {
                let series = bare
                    .model((kept & 1 != 0).then_some(Id::at(0)))
                    .member((kept & 2 != 0).then_some(0))
                    .client((kept & 4 != 0).then_some(Id::at(0)))
                    .word("ok");
                let name = series.name(&config);
                let written: BTreeSet<(String, String)> = name
                    .split_inclusive(';')
                    .filter_map(|part| {
                        let (label, value) = part.strip_suffix(';')?.split_once('=')?;
                        Some((label.rsplit('.').next()?.to_owned(), value.to_owned()))
                    })
                    .collect();
                let (rest, labels) = read(&format!("wasmcustom.{name}"), Abilities::default());
                assert_eq!(rest, format!("wasmcustom.{}", definition.name));
                assert_eq!(labels.into_iter().collect::<BTreeSet<_>>(), written, "{name}");
                let (rest, labels) = read(&format!("cluster.e.us.wasmcustom.{name}"), older());
                assert_eq!(rest, format!("wasmcustom.{}", definition.name));
                assert_eq!(labels.len(), written.len() + 1, "{name}");
            }
        }
    }

    /// As Envoy has it: `^`, letters, digits and `_`, and then a dot.
    #[test]
    fn envoy_need_not_try_the_rules_on_other_names() {
        for tag in tags(Abilities::default()) {
            let regex = tag["regex"].as_str().expect("a rule");
            assert!(regex.starts_with(r"^wasmcustom\."), "{regex}");
        }
    }
}
