//! The Grafana dashboard as a file: what Grafana would show wrongly, or not at all.
//!
//! That every query returns data says a test with a real Prometheus.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

fn dashboard() -> Value {
    let text = fs::read_to_string("../deploy/grafana/dashboards/spillway.json").unwrap();
    serde_json::from_str(&text).unwrap()
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().unwrap()
}

fn is_row(panel: &&Value) -> bool {
    panel["type"] == "row"
}

fn title(panel: &Value) -> &str {
    panel["title"].as_str().unwrap()
}

/// Left, top, right and bottom, of which the last two are outside.
fn place(panel: &Value) -> [u64; 4] {
    let at = |side: &str| panel["gridPos"][side].as_u64().unwrap();
    [at("x"), at("y"), at("x") + at("w"), at("y") + at("h")]
}

#[test]
fn no_panel_lies_on_another_or_outside_and_there_are_no_holes() {
    let dashboard = dashboard();
    let panels = panels(&dashboard);
    let mut taken = BTreeMap::new();
    for panel in panels {
        let [left, top, right, bottom] = place(panel);
        assert!(right <= WIDTH && left < right && top < bottom, "{}", title(panel));
        for cell in (left..right).flat_map(|x| (top..bottom).map(move |y| (x, y))) {
            let other = taken.insert(cell, title(panel));
            assert_eq!(other, None, "{} lies on it", title(panel));
        }
    }
    let height = panels.iter().map(|panel| place(panel)[3]).max().unwrap();
    assert_eq!(taken.len() as u64, WIDTH * height, "a hole");
}

#[test]
fn every_panel_says_what_it_shows_in_which_unit() {
    let dashboard = dashboard();
    let mut ids = BTreeSet::new();
    let mut titles = BTreeSet::new();
    for panel in panels(&dashboard) {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}: its id is another's", title(panel));
        assert!(titles.insert(title(panel)), "two panels are called {}", title(panel));
    }
    for panel in panels(&dashboard).iter().filter(|panel| !is_row(panel)) {
        let kind = panel["type"].as_str().unwrap();
        assert!(CURRENT.contains(&kind), "{}: {kind}", title(panel));
        let description = panel["description"].as_str().unwrap_or_default();
        assert!(description.ends_with('.'), "{} has no description", title(panel));
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{}", title(panel));
        assert!(!panel["targets"].as_array().unwrap().is_empty(), "{}", title(panel));
    }
}

#[test]
fn every_query_asks_the_chosen_data_source_and_names_variables_that_exist() {
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: BTreeSet<&str> =
        variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    let chosen = json!({ "type": "prometheus", "uid": "${datasource}" });
    let mut used = BTreeSet::from(["datasource".to_owned()]);
    for panel in panels(&dashboard).iter().filter(|panel| !is_row(panel)) {
        assert_eq!(panel["datasource"], chosen, "{}", title(panel));
        let mut references = BTreeSet::new();
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"], chosen, "{}", title(panel));
            assert!(references.insert(target["refId"].as_str().unwrap()), "{}", title(panel));
            used.extend(variables_in(target["expr"].as_str().unwrap()));
        }
    }
    for name in &used {
        assert!(names.contains(name.as_str()) || OWN.contains(&name.as_str()), "${name}");
    }
    let unused: Vec<_> = names.iter().filter(|name| !used.contains(**name)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn it_is_provisioned_where_the_compose_file_mounts_it() {
    let read = |path: &str| -> Value {
        let text = fs::read_to_string(path).unwrap();
        serde_saphyr::from_str(&text).unwrap()
    };
    let compose = read("../docker-compose.yml");
    let grafana = &compose["services"]["grafana"];
    let folder = "/etc/grafana/dashboards";
    let mount = json!(format!("./deploy/grafana/dashboards:{folder}:ro"));
    assert!(grafana["volumes"].as_array().unwrap().contains(&mount));
    let provider = read("../deploy/grafana/provisioning/dashboards/spillway.yaml");
    assert_eq!(provider["providers"][0]["options"]["path"], folder);
    let home = &grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"];
    assert_eq!(*home, format!("{folder}/spillway.json"));
    let source = read("../deploy/grafana/provisioning/datasources/prometheus.yaml");
    assert_eq!(source["datasources"][0]["type"], "prometheus");
    assert_eq!(source["datasources"][0]["url"], "http://prometheus:9090");
}

/// The names behind each `$`.
fn variables_in(expression: &str) -> Vec<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let parts = expression.split('$').skip(1);
    parts.map(|part| part.chars().take_while(|c| word(*c)).collect()).collect()
}

const WIDTH: u64 = 24;

/// Panels that Grafana still has; `graph`, `singlestat` and `table-old` are gone.
const CURRENT: [&str; 4] = ["timeseries", "stat", "state-timeline", "table"];

/// Grafana's own variables.
const OWN: [&str; 2] = ["__rate_interval", "__range"];
