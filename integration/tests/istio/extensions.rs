//! What Istio's proxies are built with: every rendering names only that, and the stock Envoy that plays
//! such a proxy has only that.
//!
//! Istio builds its own Envoy. What it does not link, its proxies refuse, and with it whatever stands in
//! the same resource; a stock Envoy has everything, so a test on it alone would prove nothing.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};
use spillway_integration::find;

use super::mesh;

/// Of this module's folder: what we need, with its source.
const NEEDED: &str = include_str!("extensions.tsv");

/// What the branches link, all of it, where it is there.
const ALL: &str = "../shared/reference/istio-extensions.tsv";

/// What is rendered for each place, and each way to the module.
pub(super) const RENDERINGS: [&[&str]; 3] = [
    &["--attach", "sidecar", "--selector", "app=chat"],
    &["--host", "ai.example.com", "--gateway", "ingress"],
    &[
        "--host",
        "ai.example.com",
        "--gateway",
        "ingress",
        "--wasm",
        "oci://registry.example.com/spillway:0.1",
    ],
];

const CEL: &str = "%CEL";

const BRANCHES: [&str; 5] = ["1.28", "1.29", "1.30", "1.31", "master"];

/// What we need to be true of an extension.
struct Row<'a> {
    /// The type of its configuration; `-`: it is only known to be missing.
    message: &'a str,
    extension: &'a str,
    /// Whether each branch links it.
    linked: Vec<bool>,
}

fn rows() -> Vec<Row<'static>> {
    let lines = NEEDED.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut fields = line.split('\t');
            let mut next = || fields.next().expect("a field");
            let (message, extension) = (next(), next());
            Row { message, extension, linked: fields.map(|field| field == "y").collect() }
        })
        .collect()
}

/// All that the branches link, where that list is at hand: the extension, and whether each does.
fn listed() -> Vec<(String, Vec<bool>)> {
    let file = fs::read_to_string(find::workspace().join(ALL)).unwrap_or_default();
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut fields = line.split('\t');
            let name = fields.next().expect("a name").to_owned();
            (name, fields.map(|field| field == "y").collect())
        })
        .collect()
}

fn place(branch: &str) -> usize {
    BRANCHES.iter().position(|known| *known == branch).expect("a branch")
}

/// The extensions that the proxies of the Istio at hand lack and this Envoy has, as Envoy wants them
/// named to do without them.
pub(super) fn lacking() -> Vec<String> {
    static LACKING: LazyLock<Vec<String>> = LazyLock::new(ask);
    LACKING.clone()
}

fn ask() -> Vec<String> {
    let at = place(mesh::istio());
    let own = rows().into_iter().map(|row| (row.extension.to_owned(), row.linked));
    let lacks = own.chain(listed()).filter(|(_, linked)| !linked[at]);
    let lacks: BTreeSet<String> = lacks.map(|(name, _)| name).collect();
    let output = Command::new(find::envoy())
        .args(["--mode", "validate", "--config-yaml", "{}", "--log-level", "info"])
        .output()
        .expect("Envoy runs");
    // Its log says what it has: `… envoy.filters.http: one, another`.
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut lacking = Vec::new();
    for line in log.lines().filter_map(|line| line.split_once("]   ").map(|(_, said)| said)) {
        let Some((category, names)) = line.split_once(": ") else { continue };
        let found = names.split(", ").filter(|name| lacks.contains(*name));
        lacking.extend(found.map(|name| format!("{category}/{name}")));
    }
    lacking
}

/// Whether the proxies of the Istio at hand choose clusters by a specifier.
pub(super) fn specifies_clusters() -> bool {
    let at = place(mesh::istio());
    rows()
        .iter()
        .any(|row| row.extension.ends_with("cluster_specifier_plugin.matcher") && row.linked[at])
}

#[test]
fn our_list_agrees_with_the_whole_one() {
    let all = listed();
    for row in rows().iter().filter(|row| row.extension != "core" && !all.is_empty()) {
        let linked = all.iter().find(|(name, _)| name == row.extension).map(|(_, linked)| linked);
        assert_eq!(linked, Some(&row.linked), "{}", row.extension);
    }
}

#[test]
fn each_rendering_names_only_what_its_proxies_link() {
    let rows = rows();
    let folder = tempfile::tempdir().expect("a folder");
    for (at, branch) in BRANCHES.into_iter().enumerate() {
        for arguments in RENDERINGS {
            let rendered =
                mesh::render_for(branch, &config().to_string(), folder.path(), arguments);
            let mut named = BTreeSet::new();
            rendered.iter().for_each(|resource| types(resource, &mut named));
            assert!(named.len() > 8, "{branch}: {named:?}");
            for message in named {
                let row = rows.iter().find(|row| row.message == message);
                let row = row.unwrap_or_else(|| panic!("{message} is not in extensions.tsv"));
                assert!(row.linked[at], "{branch} does not link {}", row.extension);
            }
        }
    }
}

/// All that changes what is rendered: keys of both kinds, TLS, another CA, plain HTTP, every time-out.
pub(super) fn config() -> Value {
    json!({
        "backends": {
            "a": { "url": "https://a.openai.azure.com", "api_key": "${A}" },
            "b": { "url": "https://b.example.com", "bearer_token": "${B}", "ca_file": "/ca.pem" },
            "c": { "url": "http://10.0.0.1:8000" },
            "d": { "url": "https://d.openai.azure.com", "api_key": { "file": "/keys/d" } },
        },
        "models": { "m": { "pool": ["a", "b", "c", "d"], "session_affinity": true } },
        "clients": [{ "name": "chat", "key": "${CHAT}" }],
        "timeouts": { "per_try": "30s", "request": "5m" },
    })
}

/// The types of all messages in a value, and the command in format strings that is no part of every Envoy.
fn types(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.values().for_each(|value| types(value, into)),
        Value::Array(items) => items.iter().for_each(|value| types(value, into)),
        Value::String(text) => {
            if let Some(message) = text.strip_prefix("type.googleapis.com/") {
                into.insert(message.to_owned());
            } else if text.contains(CEL) {
                into.insert(CEL.to_owned());
            }
        }
        _ => {}
    }
}
