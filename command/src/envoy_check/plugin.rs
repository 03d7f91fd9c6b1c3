//! What the downstream filter is configured with: spillway.yaml, checked with the same code as ever.

use serde_json::Value;

use super::bootstrap_view::Listener;
use super::{Finding, error};
use crate::envoy::{Abilities, version::Version};
use crate::lint::lint;
use spillway::config::{Config, check, nearest, quoted};
use spillway::failover_mode::FailoverMode;

/// A downstream filter's configuration.
pub(super) struct Read {
    pub file: Value,
    pub config: Config,
    pub envoy: Abilities,
}

/// The configuration, if it is right, and what was found in it.
pub(super) fn read(
    listener: &Listener<'_>,
    envoy: Option<Abilities>,
) -> (Vec<Finding>, Option<Read>) {
    let Some((_, plugin)) = listener.seat("gateway") else { return (Vec::new(), None) };
    let mut found = Vec::new();
    let inside = |path: &str| {
        let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
        format!("{}.config{dot}{path}", plugin.path)
    };
    for key in plugin.said.as_object().into_iter().flat_map(serde_json::Map::keys) {
        if !FIELDS.contains(&key.as_str()) {
            let hint = nearest::nearest(key, FIELDS).map(|near| format!("did you mean `{near}`?"));
            let message = format!("unknown field {}", quoted(key));
            found.push(error(&plugin.path, message, hint.unwrap_or_default()));
        }
    }
    let said = plugin.said.get("failover").unwrap_or(&Value::Null);
    let failover = match said {
        Value::Null => Some(FailoverMode::Retry),
        said => serde_json::from_value(said.clone()).ok(),
    };
    let Some(failover) = failover else {
        let hint = "one of `retry`, `redirect`, `redirect_unheld`, or nothing";
        found.push(error(format!("{}.failover", plugin.path), format!("{said} is unknown"), hint));
        return (found, None);
    };
    let able = envoy.unwrap_or_else(|| abilities(failover));
    if able.failover != failover {
        found.push(error(
            format!("{}.failover", plugin.path),
            format!("says {}; this Envoy needs {}", shown(failover), shown(able.failover)),
            "render it again with `--envoy-version`; docs/older-envoys.md",
        ));
    }
    let Some(file) = plugin.said.get("config") else {
        let hint = "spillway.yaml, as JSON";
        found.push(error(&plugin.path, "missing field `config`", hint));
        return (found, None);
    };
    match check(file) {
        Ok(config) => {
            let all = lint(&config, file, able.failover).into_iter().map(|mut one| {
                one.problem.path = inside(&one.problem.path);
                one
            });
            found.extend(all);
            (found, Some(Read { file: file.clone(), config, envoy: able }))
        }
        Err(problems) => {
            let all = problems.into_iter().map(|problem| {
                let path = inside(&problem.path);
                Finding::error(problem.at(&path))
            });
            found.extend(all);
            (found, None)
        }
    }
}

/// What an Envoy can do at least, if what was rendered for it is right.
fn abilities(failover: FailoverMode) -> Abilities {
    let minor = match failover {
        FailoverMode::Retry => return Abilities::default(),
        // 1.37 counts bodies twice, which is asked for only where it is known to be that one.
        FailoverMode::Redirect => 38,
        FailoverMode::RedirectUnheld => 36,
    };
    Version { major: 1, minor, patch: u32::MAX }.abilities()
}

fn shown(failover: FailoverMode) -> String {
    serde_json::to_value(failover).map(|value| value.to_string()).unwrap_or_default()
}

const FIELDS: [&str; 3] = ["seat", "config", "failover"];
