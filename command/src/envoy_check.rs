//! What stands around the filter in an Envoy's configuration, and what is missing there.
//!
//! Failover needs more than the filter: a flag that lets it wait for the body, a route that asks
//! for the cluster again, room to hold a body, a second filter in every cluster. Envoy accepts a
//! bootstrap without any of these, and most requests even work.
//!
//! What must be there follows from spillway.yaml, which the downstream filter's configuration holds:
//! what `spillway render envoy` would print for it is compared with what is there, field by field,
//! by the table of reasons ([`crate::envoy::reasons`]). So `check` asks for nothing that `render`
//! does not print. The files below this one add what a table of fields cannot say: which filters
//! there are and in which order, which clusters a route can choose, and where keys stand.
//!
//! An *error* is what does not work, or fails over wrongly; a *warning*, what is weaker than what
//! would be rendered.

mod at;
mod backends;
mod bootstrap_view;
mod compare;
mod earlier;
mod keys;
mod listeners;
mod matching;
mod plugin;
mod routes;
mod vm;

use serde_json::Value;

use crate::envoy::{Abilities, AccessLog, Options, bootstrap, reasons::Part};
use crate::lint::{Finding, Severity};
use bootstrap_view::{BootstrapView, Listener};
use spillway::config::{Config, Problem};

/// Whether this is a bootstrap of Envoy's, or a file of resources that its discovery reads.
pub fn is_envoys(value: &Value) -> bool {
    let has = |key: &str| value.get(key).is_some();
    let camel = ["staticResources", "dynamicResources"];
    let own = ["static_resources", "dynamic_resources", "overload_manager", "resources"];
    !has("models") && (own.into_iter().chain(camel).any(has) || (has("node") && has("admin")))
}

/// Everything that was found, and what the filter is configured with, where it is there and right.
#[derive(Debug)]
pub struct EnvoyCheck {
    /// What is wrong, weak, or good to know.
    pub found: Vec<Finding>,
    /// spillway.yaml, as the downstream filters hold it.
    pub configs: Vec<Config>,
}

/// Looks at a bootstrap. `envoy`: what the Envoy that runs it can do, where that is known; else
/// what the downstream filter was told.
pub fn look(value: &Value, envoy: Option<Abilities>) -> EnvoyCheck {
    let view = BootstrapView::of(value);
    let mut all = EnvoyCheck { found: Vec::new(), configs: Vec::new() };
    if view.listeners.is_empty() {
        all.found.extend(listeners::none(&view));
        return all;
    }
    all.found.extend(listeners::admin(&view));
    all.found.extend(keys::look(&view));
    let reference = vm::common(&view);
    all.found.extend(vm::look(&view, reference));
    for (i, listener) in view.listeners.iter().enumerate() {
        let (found, read) = plugin::read(listener, envoy);
        all.found.extend(found);
        if let Some(read) = read {
            let rendered = bootstrap(&read.config, &read.file, &options(read.envoy));
            let rendered = BootstrapView::of(&rendered);
            if let Some(wanted) = rendered.listeners.first() {
                all.found.extend(door_against(&view, listener, wanted, &read.config));
                // Clusters are asked once, though several doors may lead to them.
                if i == 0 {
                    all.found.extend(vm::rows(reference, wanted));
                    all.found.extend(compare::one(Part::Bootstrap, &rendered.root, &view.root));
                    all.found.extend(backends::look(&view, &rendered, listener, &read));
                }
            }
            all.configs.push(read.config);
        }
    }
    all
}

/// One listener's side: the listener, the connection manager, its filters and its routes.
fn door_against(
    view: &BootstrapView<'_>,
    listener: &Listener<'_>,
    wanted: &Listener<'_>,
    config: &Config,
) -> Vec<Finding> {
    let mut found = compare::one(Part::Listener, &wanted.listener, &listener.listener);
    found.extend(compare::one(Part::Manager, &wanted.manager, &listener.manager));
    if let (Some(rendered), Some(router)) = (wanted.router(), listener.router()) {
        found.extend(compare::one(Part::Router, &rendered, &router));
    }
    found.extend(listeners::look(listener, wanted, config));
    found.extend(routes::look(view, listener, wanted));
    found.extend(earlier::look(listener, config));
    found
}

/// What is rendered to compare with; addresses and paths are the reader's own.
fn options(envoy: Abilities) -> Options {
    Options {
        listen: ([127, 0, 0, 1], 0).into(),
        admin: ([127, 0, 0, 1], 0).into(),
        metrics: None,
        otlp: None,
        status: None,
        filter: String::new(),
        access_log: AccessLog::Stdout,
        state_dir: String::new(),
        ca_bundle: String::new(),
        envoy,
    }
}

fn finding(
    severity: Severity,
    path: impl Into<String>,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> Finding {
    Finding { severity, problem: Problem::new(path, message, hint) }
}

fn error(path: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Finding {
    finding(Severity::Error, path, message, hint)
}

fn warning(
    path: impl Into<String>,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> Finding {
    finding(Severity::Warning, path, message, hint)
}

#[cfg(test)]
mod tests;
