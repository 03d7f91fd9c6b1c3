//! The judge is promtool: it evaluates the rules on a recording, as Prometheus would have.
//!
//! What it is asked is what Prometheus says about its own alerts: the series `ALERTS`. Each question
//! has the whole answer beside it, and promtool says where they differ.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use spillway_integration::promtool::{self, EVALUATED};

/// From one moment to another, each the number of a scrape.
pub(crate) type Span = (usize, usize);

/// What is asked of a recording.
pub(crate) struct Judge {
    /// Seconds between two scrapes.
    step: usize,
    questions: Vec<Value>,
}

impl Judge {
    /// For a recording with a scrape every so many seconds.
    pub(crate) const fn new(step: usize) -> Self {
        Self { step, questions: Vec::new() }
    }

    /// Between these two moments, these alerts fired about a model, each given by its labels, and no
    /// other did. `ignored` is a regular expression of alerts that may have.
    pub(crate) fn fired(&mut self, span: Span, model: &str, alerts: &[String], ignored: &str) {
        self.ask(span, &format!("model=\"{model}\",alertname!~\"{ignored}\""), alerts);
    }

    /// Between these two moments only these alerts fired, but for those about these models.
    pub(crate) fn quiet(&mut self, span: Span, but_for: &[String], alerts: &[String]) {
        self.ask(span, &format!("model!~\"{}\"", but_for.join("|")), alerts);
    }

    fn ask(&mut self, (from, to): Span, which: &str, answer: &[String]) {
        let (at, span) = (to * self.step, (to - from) * self.step);
        let firing = format!("max_over_time(ALERTS{{alertstate=\"firing\",{which}}}[{span}s])");
        let sample = |labels: &String| json!({ "labels": labels, "value": 1 });
        self.questions.push(json!({
            "expr": format!("group by (model, alertname, backend, cause) ({firing})"),
            "eval_time": format!("{at}s"),
            "exp_samples": answer.iter().map(sample).collect::<Vec<_>>(),
        }));
    }

    /// Fails the test with promtool's words where an answer is another one.
    pub(crate) fn judge(self, rules: &Path, series: &[Value]) {
        let step = format!("{}s", self.step);
        let test = json!({
            "rule_files": [rules],
            "evaluation_interval": EVALUATED,
            "tests": [{
                "interval": step,
                "input_series": series,
                "promql_expr_test": self.questions,
            }],
        });
        let directory = tempfile::tempdir().expect("a folder");
        let file = directory.path().join("test.yaml");
        fs::write(&file, test.to_string()).expect("a file");
        let promtool = promtool::test_rules(&file);
        let said = String::from_utf8_lossy(&promtool.stdout);
        let complained = String::from_utf8_lossy(&promtool.stderr);
        assert!(promtool.status.success(), "{}\n{complained}", said.trim());
    }
}
