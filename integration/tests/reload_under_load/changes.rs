//! Files that differ in everything a reload may change, and files that are wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use fastrand::Rng;
use spillway_simulator::Region;

/// The models that are always served.
pub(crate) const MODELS: [&str; 2] = ["gpt-4o", "gpt-4o-mini"];

/// A right file, and where the requests for each model may go.
pub(crate) struct Change {
    pub(crate) text: String,
    pub(crate) allowed: BTreeMap<&'static str, BTreeSet<String>>,
}

/// Any right file: backends come and go and move to other regions, pools, weights, breakers,
/// time-outs and clients change. `client-a` stays.
pub(crate) fn right(rng: &mut Rng, regions: &[Region]) -> Change {
    let mut text = String::new();
    let mut places: Vec<usize> = (0..regions.len()).collect();
    rng.shuffle(&mut places);
    // Not all of them: somebody must have been removed.
    let backends = rng.usize(2..regions.len());
    let mut at = BTreeMap::new();
    text.push_str("backends:\n");
    for place in places.into_iter().take(backends) {
        let region = &regions[place];
        // A name that often means another region than before.
        let name = loop {
            let name = format!("backend-{}", rng.usize(0..regions.len()));
            if !at.contains_key(&name) {
                break name;
            }
        };
        let (url, variable) = (region.url(), region.name().to_uppercase());
        let _ = write!(text, "  {name}: {{ url: \"{url}\", api_key: \"${{KEY_{variable}}}\"");
        if rng.bool() {
            let _ = write!(text, ", connect_timeout: {}s", rng.u32(3..6));
        }
        text.push_str(" }\n");
        at.insert(name, region.name().to_owned());
    }
    text.push_str("models:\n");
    let mut allowed = BTreeMap::new();
    for model in MODELS {
        let _ = write!(text, "  {model}:\n    pool:\n");
        let mut names: Vec<&String> = at.keys().collect();
        rng.shuffle(&mut names);
        names.truncate(rng.usize(1..=names.len()));
        for name in &names {
            let (priority, weight) = (rng.u32(1..3), rng.u32(1..9));
            let _ = writeln!(
                text,
                "      - {{ backend: {name}, priority: {priority}, weight: {weight} }}"
            );
        }
        if rng.bool() {
            text.push_str("    session_affinity: { cookie: Pin }\n");
        }
        if rng.bool() {
            let _ = writeln!(text, "    circuit_breaker: {{ failures: {} }}", rng.u32(2..9));
        }
        allowed.insert(model, names.into_iter().map(|name| at[name].clone()).collect());
    }
    if rng.bool() {
        let _ = writeln!(
            text,
            "  extra-{}: {{ pool: [{}] }}",
            rng.u32(0..9),
            at.keys().next().unwrap()
        );
    }
    let _ = writeln!(text, "timeouts: {{ first_byte: {}s, request: 10s }}", rng.u32(8..20));
    text.push_str("clients:\n  - { name: client-a, key: \"${CLIENT_A}\" }\n");
    for other in ["B", "C"] {
        if rng.bool() {
            let _ = writeln!(
                text,
                "  - {{ name: client-{}, key: \"${{CLIENT_{other}}}\" }}",
                other.to_lowercase()
            );
        }
    }
    let _ = writeln!(text, "# {}", rng.u64(..));
    Change { text, allowed }
}

/// A wrong file, and what must be said of it.
pub(crate) fn wrong(rng: &mut Rng, right: &str) -> (String, &'static str) {
    let (text, said) = match rng.u32(0..7) {
        0 => (format!("{right}\nmodels: ["), "not valid YAML"),
        1 => (format!("{right}\nretires: 3\n"), "retires: unknown field"),
        2 => (
            right.replacen("- { backend: backend-", "- { backend: nobody-", 1),
            "is not one of `backends`",
        ),
        3 => (right.replacen("${KEY_", "${NO_KEY_", 1), "is not set or empty"),
        4 => (right.replacen("http://", "ftp://", 1), "backends.backend-"),
        5 => (right.replacen("weight: ", "weight: -", 1), "weight: "),
        _ => (right.lines().next().unwrap_or_default().to_owned(), "problem"),
    };
    // Never the same twice: an unchanged file is no change.
    (format!("{text}\n# {}", rng.u64(..)), said)
}
