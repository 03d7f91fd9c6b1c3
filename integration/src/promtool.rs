//! promtool as the judge of a recording: it evaluates rules and expressions as Prometheus would have.
//!
//! It only says where an answer is another one than was expected. So to be told an answer, it is asked
//! for one that cannot be.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::find;

/// One of the series that an expression yields.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// Runs the tests of rules in this file.
///
/// # Panics
///
/// If there is no promtool.
pub fn test_rules(file: &Path) -> Output {
    let promtool = find::prometheus("promtool");
    Command::new(promtool).args(["test", "rules"]).arg(file).output().expect("promtool runs")
}

/// What these expressions yield, each at its moment in seconds, over series with a sample every so many
/// seconds.
///
/// # Panics
///
/// If promtool does not take a question, or says something else than answers.
pub fn ask(
    rules: &Path,
    series: &[Value],
    step: usize,
    questions: &[(String, usize)],
) -> Vec<Vec<Found>> {
    let asked = |(at, (expression, seconds)): (usize, &(String, usize))| {
        json!({
            "expr": format!("label_replace({expression}, \"{NUMBER}\", \"{at}\", \"\", \"\")"),
            "eval_time": format!("{seconds}s"),
            "exp_samples": [{ "labels": "no_such_series", "value": 1 }],
        })
    };
    let test = json!({
        "rule_files": [rules],
        "evaluation_interval": EVALUATED,
        "tests": [{
            "interval": format!("{step}s"),
            "input_series": series,
            "promql_expr_test": questions.iter().enumerate().map(asked).collect::<Vec<_>>(),
        }],
    });
    let directory = tempfile::tempdir().expect("a folder");
    let file = directory.path().join("test.yaml");
    fs::write(&file, test.to_string()).expect("a file");
    let output = test_rules(&file);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let mut answers = vec![Vec::new(); questions.len()];
    let mut told = 0;
    for line in said.lines().map(str::trim) {
        assert!(!line.starts_with("err:"), "{line}");
        let Some(got) = line.strip_prefix("got: ") else { continue };
        told += 1;
        for found in parse(got) {
            let number = found.labels.get(NUMBER).and_then(|number| number.parse::<usize>().ok());
            let number = number.unwrap_or_else(|| panic!("{line}"));
            answers[number].push(found);
        }
    }
    assert_eq!(told, questions.len(), "{said}");
    for found in answers.iter_mut().flatten() {
        found.labels.remove(NUMBER);
    }
    answers
}

/// Reads `{a="b", c="d"} 1E+00, {…} 2E+00`, or `nil`.
fn parse(text: &str) -> Vec<Found> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        rest = &rest[start + 1..];
        let mut labels = BTreeMap::new();
        while !rest.starts_with('}') {
            let (label, value) = rest.split_once("=\"").unwrap_or_else(|| panic!("{text}"));
            let (value, after) = value.split_once('"').unwrap_or_else(|| panic!("{text}"));
            labels.insert(label.to_owned(), value.to_owned());
            rest = after.trim_start_matches(", ");
        }
        let value = rest[1..].trim_start();
        let end = value.find(',').unwrap_or(value.len());
        rest = &value[end..];
        let value = value[..end].parse().unwrap_or_else(|error| panic!("{error}: {text}"));
        all.push(Found { labels, value });
    }
    all
}

/// The label that says which question is answered.
const NUMBER: &str = "question";

/// How often rules are evaluated where Prometheus is told nothing.
pub const EVALUATED: &str = "1m";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_promtool_writes_them() {
        let found = parse("{a=\"b\", c=\"\"} 4.8E+02, {} NaN, {a=\"x, y\"} +Inf");
        let values: Vec<f64> = found.iter().map(|found| found.value).collect();
        assert_eq!(values[0], 480.0);
        assert!(values[1].is_nan() && values[2].is_infinite());
        assert_eq!(found[2].labels["a"], "x, y");
        assert_eq!(parse("nil"), []);
    }
}
