//! The reference of what is rendered for Envoy, from the table of reasons.

use crate::envoy::reasons::{Part, Row, Rule};
use crate::lint::Severity;

/// The text of `docs/rendered/envoy.md`.
pub(super) fn reference() -> String {
    let mut text = String::from(ABOUT);
    for part in Part::ALL {
        let place = part.place();
        text.push_str(&format!("\n## {}\n\n", part.title()));
        if !place.is_empty() {
            text.push_str(&format!("`{place}`\n\n"));
        }
        text.push_str("| field | why | in an Envoy of yours |\n|---|---|---|\n");
        let (yours, asked): (Vec<&Row>, Vec<&Row>) =
            part.rows().iter().partition(|row| row.rule == Rule::Yours);
        for row in asked.iter().chain(&yours) {
            text.push_str(&format!("| `{}` | {} | {} |\n", row.field, row.why, wanted(row)));
        }
    }
    text
}

fn wanted(row: &Row) -> String {
    let wanted = match row.rule {
        Rule::Same => "the same".to_owned(),
        Rule::SameSet => "the same entries, and no others".to_owned(),
        Rule::Holds => "at least these entries".to_owned(),
        Rule::AtLeast => "as much or more".to_owned(),
        Rule::AtMost => "as much or less".to_owned(),
        Rule::NoSooner => "as long or longer; `0s` is for ever".to_owned(),
        Rule::NoLess(least) => format!("{least} or more"),
        Rule::There => "something".to_owned(),
        Rule::Absent => "nothing, and nothing is rendered".to_owned(),
        Rule::Yours => return "as you like".to_owned(),
    };
    let severity = match row.severity {
        Severity::Error => "**error**",
        other => other.name(),
    };
    let alone: Vec<String> = row.unless.iter().map(|field| format!("`{field}`")).collect();
    let unless =
        if alone.is_empty() { String::new() } else { format!("; or {}", alone.join(", ")) };
    format!("{wanted}{unless}; else {severity}")
}

const ABOUT: &str = "\
# What Envoy is told, and why

<!-- Printed by `spillway docs` from command/src/envoy/reasons/. -->

Every field of the bootstrap that `spillway render envoy` prints, with its reason. The last column is
about an Envoy in place: what `spillway check envoy.yaml` wants to find there, compared with what
would be rendered for the same spillway.yaml, and what it says otherwise. An *error* does not work or
fails over wrongly; a *warning* is weaker than what is rendered; a *note* is good to know.

What only names a type (`@type`, and the `name` beside a `typed_config`) is Envoy's own and has no row.
Besides fields, `check` looks at what a table cannot say: that the downstream filter, the last-words filter, and in
each cluster the upstream filter, the key and `upstream_codec` are there and in this order; that all filters
but the writer have the same `vm_config`; that the route leads every backend to its own cluster; that no
key stands in the file; that `admin` is not public.
";
