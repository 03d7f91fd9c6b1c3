//! Python clients: real SDKs, unmodified, in environments of their own.

use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

use crate::find;

/// A Python with one version of the `openai` SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Python {
    /// The oldest 1.x that runs.
    Old,
    /// 1.109.1, which like its elders takes `Retry-After` up to a minute.
    One,
    /// 2.41.1, the last that does.
    Two,
    /// The newest.
    New,
    /// OpenTelemetry's SDK.
    Traces,
    /// No SDK, but what drives a browser.
    Browser,
}

impl Python {
    /// Runs a script of `integration/python` and gives each line it printed as JSON.
    pub async fn run(self, script: &str, arguments: &[&str]) -> Vec<Value> {
        let output = self.start(script, arguments).await;
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        );
        assert!(output.status.success(), "{script} with {self:?} failed\n{out}\n{err}");
        out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    async fn start(self, script: &str, arguments: &[&str]) -> Output {
        let python = match self {
            Self::Old => find::python("SPILLWAY_PYTHON_OLD", "openai-oldest"),
            Self::One => find::python("SPILLWAY_PYTHON_1", "openai-1"),
            Self::Two => find::python("SPILLWAY_PYTHON_2", "openai-2"),
            Self::New => find::python("SPILLWAY_PYTHON_NEW", "openai-newest"),
            Self::Traces => find::otel("python"),
            Self::Browser => find::python("SPILLWAY_PYTHON_BROWSER", "browser"),
        };
        Command::new(python)
            .arg(find::workspace().join("integration/python").join(script))
            .args(arguments)
            .env_remove("HTTP_PROXY")
            .env_remove("http_proxy")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .kill_on_drop(true)
            .output()
            .await
            .expect("python starts")
    }
}
