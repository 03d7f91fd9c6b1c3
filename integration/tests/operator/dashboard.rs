//! The dashboard's panels, as Grafana would ask for them.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
use spillway_integration::find;

/// What a panel asks for one model, and what it writes to an answer; a panel may ask several questions.
pub(crate) fn questions(title: &str, model: &str) -> Vec<(String, String)> {
    let file = find::workspace().join("deploy/grafana/dashboards/spillway.json");
    let text = fs::read_to_string(file).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let panel = panels.iter().find(|panel| panel["title"] == title);
    let panel = panel.unwrap_or_else(|| panic!("no panel {title}"));
    let targets = panel["targets"].as_array().expect("targets");
    let text = |target: &Value, field: &str| target[field].as_str().expect("text").to_owned();
    let filled_in = |text: String| {
        text.replace("$__rate_interval", "5m")
            .replace("$__range", "20m")
            .replace("$model", model)
            .replace("\"$instance\"", "\".*\"")
            .replace("\"$backend\"", "\".*\"")
            .replace("\"$client\"", "\".*\"")
    };
    let both = |target| (filled_in(text(target, "expr")), text(target, "legendFormat"));
    targets.iter().map(both).collect()
}

/// What a panel writes to an answer with these labels.
pub(crate) fn legend(format: &str, labels: &BTreeMap<String, String>) -> String {
    if format.is_empty() {
        return labels.values().map(String::as_str).collect::<Vec<_>>().join(" ");
    }
    labels.iter().fold(format.to_owned(), |text, (label, value)| {
        text.replace(&format!("{{{{{label}}}}}"), value)
    })
}
