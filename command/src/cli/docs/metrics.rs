//! `docs/metrics.md`: every metric, from its definition.

use std::fmt::Write as _;

use crate::envoy::{Abilities, stats};
use spillway::metrics::{DEFINITIONS, Kind, Label};

/// The text of `docs/metrics.md`.
pub(super) fn reference() -> String {
    let mut text = String::from(INTRODUCTION);
    let _ = writeln!(text, "| metric | kind | labels |\n|---|---|---|");
    for definition in DEFINITIONS {
        let (name, labels) = (definition.name, labels(definition.labels));
        let _ = writeln!(text, "| [`{name}`](#{name}) | {} | {labels} |", kind(definition.kind));
    }
    for definition in DEFINITIONS {
        let _ = writeln!(text, "\n## `{}`\n", definition.name);
        let _ = writeln!(text, "A {} of {}.", kind(definition.kind), definition.unit);
        let _ = writeln!(text, "{}\n", definition.meaning);
        for label in definition.labels {
            let values = match label {
                Label::Model => "a model's name".to_owned(),
                Label::Backend => "a backend's name".to_owned(),
                Label::Client => "a client's name".to_owned(),
                Label::Tier => "`1`, `2`, …: the rank of the backend's priority".to_owned(),
                Label::Digest => "the first twelve hexadecimal digits of its SHA-256".to_owned(),
                Label::Word("version", _) => "the version".to_owned(),
                Label::Word(_, words) => listed(words),
            };
            let _ = writeln!(text, "- `{}`: {values}", label.name());
        }
        if let Kind::Histogram(buckets) = definition.kind {
            let buckets: Vec<String> = buckets.iter().map(u32::to_string).collect();
            let _ = writeln!(text, "- buckets: {}", buckets.join(", "));
        }
        let alerts = alerts(definition.name);
        if !alerts.is_empty() {
            let links =
                alerts.iter().map(|name| format!("[{name}](alerts.md#{})", name.to_lowercase()));
            let _ = writeln!(text, "- alerts: {}", links.collect::<Vec<_>>().join(", "));
        }
    }
    text.push_str(SERIES);
    text.push_str(TABLE);
    text.push_str(ENVOY);
    let _ = writeln!(text, "```json\n{:#}\n```", stats::config(Abilities::default()));
    text.push_str(ISTIO);
    text
}

fn labels(labels: &[Label]) -> String {
    let names: Vec<String> = labels.iter().map(|label| format!("`{}`", label.name())).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    }
}

/// The alerts whose expression names this metric, or what is recorded of it.
fn alerts(metric: &str) -> Vec<&'static str> {
    let recorded: Vec<&str> =
        rules("- record: ").filter(|(_, rule)| names(rule, metric)).map(|(name, _)| name).collect();
    let reads = |rule: &str| names(rule, metric) || recorded.iter().any(|it| rule.contains(it));
    rules("- alert: ").filter(|(_, rule)| reads(rule)).map(|(name, _)| name).collect()
}

/// The rules of this kind: each with its name and its expression.
fn rules(kind: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let texts = RULES
        .split("\n      - ")
        .filter_map(move |text| text.strip_prefix(kind.trim_start_matches("- "))?.split_once('\n'));
    texts.map(|(name, rest)| (name, rest.split("labels:").next().unwrap_or_default()))
}

/// Whether an expression names this metric.
fn names(expression: &str, metric: &str) -> bool {
    let word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let ends = ["", "_bucket", "_count", "_sum"];
    let is = |text: &str| ends.iter().any(|end| text.strip_suffix(end) == Some(metric));
    expression.split(word).any(is)
}

const RULES: &str = include_str!("../../../../deploy/prometheus/rules.yaml");

const INTRODUCTION: &str = "\
<!-- Printed by `spillway docs` from src/metrics/definitions.rs. Do not edit. -->

# Metrics

Envoy's own `/stats/prometheus`, at its admin interface, has them all, beside Envoy's. They are
counted once for all workers of an Envoy, and stay when the filter is loaded anew; when Envoy starts,
they begin at 0. Several Envoys count each for itself: sum over `instance`.

Labels come from the configuration (`model`, `backend`, `client`) and from closed lists of words.
Nothing that a client or a backend wrote becomes a label, so no request can add a series, and no key,
prompt or completion can stand in one. A label that does not apply is left out, which to Prometheus
is the same as an empty one. In a model's name, `%`, `;`, `=`, `\"`, `\\` and control characters are
written as in a URL (`%3B`).

What alerts and bills read is there from the start, at 0: 23 series for each member of a pool, 10 for
each model, and for each member and client the four kinds of tokens. The others come when they first
move. Counters and gauges move at once, histograms when
Envoy merges those of its workers: every 5 seconds, unless `stats_flush_interval` says otherwise.

";

const SERIES: &str = "
## How many series

At the start there are 28 series, 10 for each model, 23 for each member of a pool, and for each member
and client the four kinds of tokens. Requests add what they move: for a model, a backend and a client
that meet, one for each outcome; for a member, its histograms, which have 20 or 27 series each: the time
of attempts, the time for each token, and the time to the first byte by what came of it. A model has two
or three histograms of its own.

`metrics: { client_label: false }` in the configuration counts all clients together. `spillway check`
warns of a file that makes more than 20,000 series from the start. If you leave the label off, the access
log still says which client has used how many tokens.

Measured on the real Envoy by `make series-table`: at the start, and after each client has asked for each
model once, as a stream. A scrape has Envoy's own metrics in it too.

";

/// Written by `make series-table`.
const TABLE: &str = include_str!("series.md");

const ENVOY: &str = "
## In an Envoy of your own

What `spillway render envoy` prints has this in it. To an Envoy that is configured otherwise, add it
to the bootstrap: without it, every series has its labels run into its name, and histograms have
Envoy's buckets. Envoy reads it at its start and cannot change it later. Where there are `stats_tags`
already, put these after them. This is for Envoy 1.39 and later; for an older one, take what
`spillway render envoy --envoy-version 1.37` prints, whose rules look for the names in every scope.

On an Envoy before 1.39, all series also have a label `envoy_cluster_name`, which says nothing:
Envoy counts there in the scope of the cluster that loaded the filter first.

";

const ISTIO: &str = "
## In Istio

Istio's proxies read the same from their bootstrap. An `EnvoyFilter` for `BOOTSTRAP` does not reach
them any more (istio#48693), and `extraStatTags` is for the spelling of Istio's own metrics alone. What
reaches them is a file that the proxy's agent merges into its bootstrap. Lists are appended, so Istio's
own tags stay. Write the object above into a ConfigMap in the proxies' namespace:

```yaml
apiVersion: v1
kind: ConfigMap
metadata: { name: spillway-stats, namespace: istio-ingress }
data:
  custom_bootstrap.json: |
    { \"stats_config\": … }   # the object above
```

Give it to a gateway by the values of Istio's `gateway` chart, beside those that
`spillway render istio --values` prints:

```yaml
env: { ISTIO_BOOTSTRAP_OVERRIDE: /etc/istio/custom-bootstrap/custom_bootstrap.json }
volumeMounts: [{ name: spillway-stats, mountPath: /etc/istio/custom-bootstrap, readOnly: true }]
volumes: [{ name: spillway-stats, configMap: { name: spillway-stats } }]
```

For a sidecar, the annotation `sidecar.istio.io/bootstrapOverride: spillway-stats` on its pods does the
same. Pods have to be started anew. (Read in Istio's sources; not run here.)

Before Istio 1.31, take the object for an older Envoy. Istio lets through only some of Envoy's
statistics; what begins with `wasm` is among them where the scope is Envoy's own. Before Envoy 1.39
(Istio 1.28 to 1.30), the names begin with `cluster.`: add to the pods' annotations

```yaml
proxy.istio.io/config: |
  proxyStatsMatcher:
    inclusionRegexps: [\".*wasmcustom\\\\.spillway_.*\"]
```

Prometheus finds them at port 15020, `/stats/prometheus`, with all that the pod has.
";
