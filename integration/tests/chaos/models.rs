//! What clients may ask for, and the gateway's configuration.
//!
//! Each model has circuits of its own at every backend. For each there are also models with only
//! one backend, which share these circuits because the deployment is the same: through them the
//! test asks whether a circuit lets traffic through.

use std::fmt::Write as _;

use spillway_integration::outage::Backend;

/// A model that clients ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Model {
    /// Its name.
    pub(crate) name: &'static str,
    affinity: bool,
}

/// For whole answers.
pub(crate) const PLAIN: Model = Model { name: "gpt-4o", affinity: false };
/// For event streams.
pub(crate) const STREAM: Model = Model { name: "gpt-4o-stream", affinity: false };
/// For both, with a cookie.
pub(crate) const STICKY: Model = Model { name: "gpt-4o-sticky", affinity: true };
/// All of them.
pub(crate) const MODELS: [Model; 3] = [PLAIN, STREAM, STICKY];

impl Model {
    /// What it is called at this backend: something else at one of them, so that paths and bodies
    /// have to be rewritten between two attempts.
    pub(crate) fn at(self, backend: &str) -> String {
        let suffix = if backend == RENAMES { "-under-another-name" } else { "" };
        format!("{}{suffix}", self.name)
    }

    /// The same deployments, but only at this backend.
    pub(crate) fn only_at(self, backend: &str) -> String {
        format!("{}-only-{backend}", self.name)
    }
}

/// The file: these backends, by tier, with these rules.
pub(crate) fn config(rules: &str, tiers: &[(u32, &Backend)]) -> String {
    let mut text = format!("{rules}\nbackends:\n");
    for (_, backend) in tiers {
        let (name, url, ca) = (backend.name, backend.url(), backend.ca());
        let key = backend.key_variable();
        let _ = write!(text, "  {name}: {{ url: \"{url}\", api_key: \"${{{key}}}\"{ca}, ");
        let mut deployments = Vec::new();
        for model in MODELS {
            deployments.push(format!("{}: {}", model.name, model.at(name)));
            deployments.push(format!("{}: {}", model.only_at(name), model.at(name)));
        }
        let _ = writeln!(text, "deployments: {{ {} }} }}", deployments.join(", "));
    }
    text.push_str("models:\n");
    for model in MODELS {
        let member = |(tier, backend): &(u32, &Backend)| {
            format!("{{ backend: {}, priority: {tier} }}", backend.name)
        };
        let pool: Vec<String> = tiers.iter().map(member).collect();
        let (name, affinity) = (model.name, model.affinity);
        let _ = writeln!(text, "  {name}:\n    session_affinity: {affinity}");
        let _ = writeln!(text, "    pool: [{}]", pool.join(", "));
        for (_, backend) in tiers {
            let only = model.only_at(backend.name);
            let _ = writeln!(text, "  {only}: {{ pool: [{}] }}", backend.name);
        }
    }
    text
}

/// The variable with the clients' key.
pub(crate) const CLIENT_KEY_VARIABLE: &str = "CHAOS_CLIENT_KEY";

const RENAMES: &str = "northeurope";
