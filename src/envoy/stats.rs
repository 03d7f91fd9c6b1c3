//! Envoy's statistics: how names become labels again, and which buckets histograms have.

use serde_json::{Value, json};

use crate::metrics::{DEFINITIONS, Kind};

/// `stats_config` of the bootstrap: all that Spillway's metrics need of an Envoy.
///
/// Without it, Envoy prints each series under a name that has its labels run into it.
pub fn config() -> Value {
    json!({ "stats_tags": tags(), "histogram_bucket_settings": buckets() })
}

/// One rule for each label. The first group is what is cut out of the name, the second the value.
/// A value ends at the first `;` (`metrics::series` writes none into it).
///
/// `wasmcustom.` is Envoy's prefix for what filters count; a name that begins with it is printed
/// without it. Before Envoy 1.39, the filter counts in the scope of what loaded it first, which is a
/// cluster, and the name begins with that. A last rule cuts it off, as a label without a value,
/// which is none to Prometheus. (Envoy's own rule for clusters adds `envoy_cluster_name`, which says
/// nothing here.)
fn tags() -> Vec<Value> {
    let mut names: Vec<&str> = Vec::new();
    for label in DEFINITIONS.iter().flat_map(|definition| definition.labels) {
        if !names.contains(&label.name()) {
            names.push(label.name());
        }
    }
    let rule = |name: &str, regex: String| json!({ "tag_name": name, "regex": regex });
    let label =
        |name| rule(name, format!(r"^(?:.+?\.)?wasmcustom\.spillway_.*?(\.{name}=([^;]*);)"));
    let scope = rule("scope", r"^(.+?\.())wasmcustom\.spillway_".to_owned());
    names.into_iter().map(label).chain([scope]).collect()
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

    use super::*;

    #[test]
    fn every_label_has_one_rule() {
        let tags = tags();
        let names: Vec<&str> = tags.iter().filter_map(|tag| tag["tag_name"].as_str()).collect();
        let labels = DEFINITIONS.iter().flat_map(|definition| definition.labels);
        let labels: BTreeSet<&str> = labels.map(|label| label.name()).chain(["scope"]).collect();
        assert_eq!(names.len(), labels.len());
        assert_eq!(names.into_iter().collect::<BTreeSet<_>>(), labels);
    }
}
