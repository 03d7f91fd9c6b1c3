//! Prometheus' rules: their own test is a good one, every error is read by an alert, and every alert is
//! explained.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use spillway::metrics::{DEFINITIONS, Label};
use spillway_integration::find;

#[test]
fn promtool_takes_the_rules_and_they_fire_when_they_should() {
    for (what, name) in [("check", "rules.yaml"), ("test", "rules_test.yaml")] {
        let output = promtool(what, &file(name));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A rule that could say anything would pass: so each expression is broken in turn, and the rules'
/// own test must see it.
#[test]
fn a_wrong_rule_is_seen_by_its_test() {
    let mut unseen = Vec::new();
    for (name, right, wrong) in WRONG {
        let mut broken = concerned(name);
        let rule = broken.iter_mut().find(|rule| is_called(rule, name)).expect("a rule");
        let expression = rule["expr"].as_str().expect("an expression").to_owned();
        assert!(expression.contains(right), "{name}: {right}");
        let directory = tempfile::tempdir().expect("a folder");
        let run = |rules: &[Value]| {
            let put = |name: &str, what: Value| {
                fs::write(directory.path().join(name), what.to_string()).expect("a file");
            };
            put("rules.yaml", json!({ "groups": [{ "name": "spillway", "rules": rules }] }));
            put("rules_test.yaml", tests_of(rules));
            promtool("test", &directory.path().join("rules_test.yaml"))
        };
        rule["expr"] = json!(expression.replace(right, wrong));
        let output = run(&broken);
        if output.status.success() {
            unseen.push(format!("{name}: {wrong} is as good as {right}"));
        }
        let complained = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!complained.contains("parse error"), "{name}: {wrong} is no rule\n{complained}");
    }
    assert_eq!(unseen, [""; 0]);
}

/// The rule of this name, what it reads, and the alerts that read it.
fn concerned(name: &str) -> Vec<Value> {
    let recorded = |rule: &Value| rule["record"].is_string() && !is_called(rule, name);
    let reads = |rule: &Value| rule["expr"].as_str().is_some_and(|text| text.contains(name));
    let mut all = rules();
    all.retain(|rule| recorded(rule) || is_called(rule, name) || reads(rule));
    all
}

fn is_called(rule: &Value, name: &str) -> bool {
    rule["alert"] == name || rule["record"] == name
}

/// What the rules' own test says of these.
fn tests_of(rules: &[Value]) -> Value {
    let mut file: Value = serde_saphyr::from_str(&read("rules_test.yaml")).expect("YAML");
    let alerts: Vec<&str> = rules.iter().filter_map(|rule| rule["alert"].as_str()).collect();
    let tests = file["tests"].as_array_mut().expect("tests");
    tests.retain(|test| alerts.iter().any(|alert| test.to_string().contains(alert)));
    assert!(!tests.is_empty(), "{alerts:?} have no test");
    for test in tests {
        for (kind, field) in [("alert_rule_test", "alertname"), ("promql_expr_test", "expr")] {
            if let Some(questions) = test[kind].as_array_mut() {
                let asked =
                    |question: &Value| question[field].as_str().unwrap_or_default().to_owned();
                questions
                    .retain(|question| alerts.iter().any(|name| asked(question).contains(name)));
            }
        }
    }
    file
}

#[test]
fn every_rule_is_broken_once() {
    let broken: BTreeSet<&str> = WRONG.iter().map(|(name, ..)| *name).collect();
    let all = rules();
    let name = |rule: &Value| rule["alert"].as_str().or(rule["record"].as_str()).map(str::to_owned);
    let all: BTreeSet<String> = all.iter().filter_map(name).collect();
    assert_eq!(broken, all.iter().map(String::as_str).collect());
}

/// A client that gets an error is a reason to be told: each class of errors, and each way in which the
/// gateway answers by itself because of a backend, is read by an alert.
#[test]
fn every_class_of_errors_is_read_by_an_alert() {
    let errors = DEFINITIONS.iter().find(|definition| definition.name == "spillway_errors_total");
    let errors = errors.expect("errors are counted");
    let classes = errors.labels.iter().find_map(|label| match label {
        Label::Word("outcome", words) => Some(*words),
        _ => None,
    });
    let read: BTreeSet<String> = rules()
        .iter()
        .filter(|rule| rule["alert"].is_string())
        .filter_map(|rule| rule["expr"].as_str().map(str::to_owned))
        .flat_map(|expression| outcomes(&expression))
        .collect();
    let classes: BTreeSet<String> =
        classes.expect("by outcome").iter().map(|word| (*word).to_owned()).collect();
    assert_eq!(read, classes);
}

/// The classes that an expression reads: `spillway_errors_total{outcome=~"a|b"}` reads two.
fn outcomes(expression: &str) -> Vec<String> {
    let mut found = Vec::new();
    for series in expression.split("spillway_errors_total{").skip(1) {
        let matchers = series.split('}').next().unwrap_or_default();
        for matcher in matchers.split(',') {
            let words = matcher.strip_prefix("outcome=").map(|words| words.trim_start_matches('~'));
            let words = words.into_iter().flat_map(|words| words.trim_matches('"').split('|'));
            found.extend(words.map(str::to_owned));
        }
    }
    found
}

#[test]
fn every_alert_is_explained_and_every_explanation_has_an_alert() {
    let docs =
        fs::read_to_string(find::workspace().join("docs/alerts.md")).expect("docs/alerts.md");
    let explained: BTreeSet<&str> =
        docs.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let rules = rules();
    let mut names = BTreeSet::new();
    for rule in &rules {
        let expression = rule["expr"].as_str().expect("an expression");
        let ours = |word: &&str| word.starts_with("spillway_");
        let words = expression.split(|c: char| !c.is_alphanumeric() && c != '_').filter(ours);
        for word in words {
            let ends = ["", "_bucket", "_count", "_sum"];
            let is = |name: &str| ends.iter().any(|end| word.strip_suffix(end) == Some(name));
            assert!(DEFINITIONS.iter().any(|definition| is(definition.name)), "{word}");
        }
        let Some(name) = rule["alert"].as_str() else { continue };
        let anchor = format!("docs/alerts.md#{}", name.to_lowercase());
        assert_eq!(rule["annotations"]["runbook"], anchor);
        names.insert(name);
    }
    assert_eq!(explained, names);
}

fn rules() -> Vec<Value> {
    let rules: Value = serde_saphyr::from_str(&read("rules.yaml")).expect("YAML");
    rules["groups"][0]["rules"].as_array().expect("rules").clone()
}

fn promtool(what: &str, file: &Path) -> Output {
    let promtool = find::prometheus("promtool");
    Command::new(promtool).args([what, "rules"]).arg(file).output().expect("promtool runs")
}

fn file(name: &str) -> PathBuf {
    find::workspace().join("deploy/prometheus").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(file(name)).expect("a file")
}

/// A rule, what stands in it, and what would be wrong.
const WRONG: &[(&str, &str, &str)] = &[
    ("spillway:credential_refused", "\"refused\"", "~\"refused|server_error\""),
    ("spillway:credential_refused", "last_over_time(spillway:credential_refused[1h])", "x"),
    ("spillway:credential_refused", "or spillway_attempts_total * 0", ""),
    ("spillway:credential_refused", "offset 1d", "offset 1w"),
    ("spillway:credential_refused", "cause=\"ok\"", "cause=\"client_error\""),
    ("spillway:first_byte_p95:seconds", "0.95", "0.05"),
    ("spillway:first_byte_p95:seconds", "/ 1000", ""),
    ("spillway:first_byte_p95:seconds", ", streamed", ""),
    ("SpillwayClientsFail", "|broken", ""),
    ("SpillwayClientsFail", "|backend_refused", ""),
    ("SpillwayClientsFail", "unavailable|", "unavailable|client_error|"),
    ("SpillwayClientsFail", "unavailable|", "unavailable|exhausted|"),
    ("SpillwayClientsFail", "unavailable|", "unavailable|shut_down|"),
    ("SpillwayClientsFail", "> 0.05", "> 0.01"),
    ("SpillwayClientsFail", "sum by (model)", "sum by (model, instance)"),
    ("SpillwayClientsThrottled", "> 0.01", "> 0.001"),
    ("SpillwayClientsThrottled", "> 0.01", "> 0.05"),
    ("SpillwayClientsThrottled", "\"exhausted\"", "\"unavailable\""),
    ("SpillwayClientsGiveUp", "~\"3000(\\\\.0)?\"", "\"3000.0\""),
    ("SpillwayClientsGiveUp", "> 0.2", "> 0.05"),
    ("SpillwayClientsGiveUp", "> 5", "> 0"),
    ("SpillwayClientsGiveUp", "_count[10m]", "_count{answer=\"abandoned\"}[10m]"),
    ("SpillwayClientsRejected", "client_error|", ""),
    ("SpillwayClientsRejected", "client_error|rejected", ".*"),
    ("SpillwayClientsRejected", "/ on () group_left () sum(", "/ sum by (model) ("),
    ("SpillwayClientKeysInvalid", "invalid_api_key", ".+"),
    ("SpillwayClientKeysInvalid", "> 0.02", "> 0.05"),
    ("SpillwayClientKeysInvalid", "{reason=\"invalid_api_key\"}", ""),
    ("SpillwayShutdownCutsAnswers", "{outcome=\"shut_down\"}", "{outcome=~\"shut_down|broken\"}"),
    ("SpillwayShutdownCutsAnswers", "> 0.005", "> 0"),
    ("SpillwayShutdownCutsAnswers", "{outcome=\"shut_down\"}[30m]", "{outcome=\"shut_down\"}[5m]"),
    ("SpillwayGatewayFailsAlone", "unless on (job)", "and on (job)"),
    ("SpillwayGatewayFailsAlone", "> 0.05", "> 0.005"),
    ("SpillwayGatewayFailsAlone", "unavailable|broken|backend_refused", "exhausted"),
    ("SpillwayFirstByteSlow", "spillway:first_byte_p95:seconds{streamed=\"yes\"} > 15", "x > 15"),
    ("SpillwayFirstByteSlow", "offset 1h", "offset 1w"),
    ("SpillwayFirstByteSlow", "> 3 *", "> 0.3 *"),
    ("SpillwayFirstByteSlow", "> 2", "> 0.2"),
    ("SpillwayFirstByteSlow", "{streamed=\"yes\"} > 15", " > 15"),
    ("SpillwayTokensSlow", "0.5", "0.99"),
    ("SpillwayTokensSlow", "/ 1000000", ""),
    ("SpillwayTokensSlow", "/ 1000000", "/ 10000000"),
    ("SpillwayFirstTierBypassed", "tier=\"1\"", "tier=\"2\""),
    ("SpillwayFirstTierBypassed", "{tier=\"1\"} == 1", "{tier=\"1\"}"),
    ("SpillwayFirstTierBypassed", "spillway_pool_member_info == 1", "spillway_pool_member_info"),
    ("SpillwayFirstTierBypassed", "< 0.5", "< 0.8"),
    ("SpillwayFirstTierBypassed", "< 0.5", "< 0.1"),
    ("SpillwayFirstTierBypassed", "{cause=\"ok\"}", "{cause=\"throttled\"}"),
    (
        "SpillwayBackendOpen",
        "increase(spillway_breaker_openings_total[30m]) > 0",
        "spillway_breaker_openings_total > 0",
    ),
    (
        "SpillwayBackendOpen",
        "increase(spillway_breaker_openings_total[5m]) > 0",
        "spillway_breaker_openings_total < 0",
    ),
    (
        "SpillwayBackendOpen",
        "max_over_time(spillway_breaker_state[5m]) > 0",
        "spillway_breaker_state == 2",
    ),
    (
        "SpillwayBackendOpen",
        "max_over_time(spillway_breaker_state[5m]) > 0",
        "spillway_breaker_state >= 0",
    ),
    ("SpillwayBackendOpen", "{cause=\"ok\"}[5m]) > 0", "{cause=\"ok\"}[5m]) > 100"),
    ("SpillwayBackendOpen", "spillway_pool_member_info == 1", "spillway_pool_member_info == 0"),
    ("SpillwayBackendOpen", "spillway_pool_member_info == 1", "spillway_pool_member_info"),
    ("SpillwayBackendOpen", "count by (model", "count by (instance, model"),
    ("SpillwayCredentialRefused", "cause=\"refused\"", "cause=~\"refused|server_error\""),
    (
        "SpillwayCredentialRefused",
        "or on (instance, model, backend) spillway:credential_refused",
        "",
    ),
    (
        "SpillwayCredentialRefused",
        "increase(spillway_attempts_total{cause=\"refused\"}[10m]) > 0",
        "x > 0",
    ),
    ("SpillwayCredentialRefused", "spillway_pool_member_info == 1", "spillway_pool_member_info"),
    ("SpillwayFailoverRateHigh", "{cause!=\"throttled\"}", ""),
    ("SpillwayFailoverRateHigh", "> 0.1", "> 0.01"),
    ("SpillwayClientOpensCircuits", "or spillway_client_openings_total * 0", ""),
    ("SpillwayClientOpensCircuits", "offset 30m", "offset 1d"),
    ("SpillwayClientOpensCircuits", ",cause=~\"failed|failure_ratio\"", ""),
    ("SpillwayClientOpensCircuits", "> 0.8", "> 0.3"),
    ("SpillwayClientOpensCircuits", "> 2", "> 1"),
    ("SpillwayClientOpensCircuits", "< 0.5", "< 1"),
    ("SpillwayGatewayDown", "{job=\"spillway\"} == 0)", " == 0)"),
    ("SpillwayGatewayDown", "or absent(up{job=\"spillway\"})", ""),
    (
        "SpillwayAbsent",
        "up{job=\"spillway\"} == 1 unless on (instance, job) spillway_build_info)",
        "up{job=\"spillway\"} unless on (instance, job) spillway_build_info)",
    ),
    ("SpillwayAbsent", "(up{job=\"spillway\"} == 1", "(up == 1"),
    (
        "SpillwayAbsent",
        "unless on (instance, job) spillway_build_info)",
        "and on (instance, job) spillway_build_info)",
    ),
    (
        "SpillwayConfigRefused",
        "(spillway_config_refused_seconds > 0)",
        "(spillway_config_refused_seconds)",
    ),
    ("SpillwayConfigDiffers", "(spillway_config_info == 1)", "(spillway_config_info)"),
    ("SpillwayConfigDiffers", "count by (job) (count by (job, digest)", "count (count by (digest)"),
    ("SpillwayUsageUnknown", "{why=\"unreported\"}", ""),
    ("SpillwayUsageUnknown", "{outcome=\"answered\"}", "{outcome!=\"answered\"}"),
];
