//! Routes that take Spillway's requests before Spillway's own route does.
//!
//! Of a virtual host's routes Envoy takes the first that matches. An earlier one that matches the
//! same paths sends them to a cluster of its own, with the client's key, and nothing of Spillway sees
//! them. What "the same paths" are is told by examples: the paths that clients call, of those that
//! Spillway's route takes. So `/health` before a route for `/` is fine.
//!
//! An *error* is a route that takes all of them; a *warning*, one that takes some of them. A route
//! that asks for more than a path, such as a header, may be meant: it is a *note*. So is a virtual
//! host that Envoy prefers for some domains, because its domains say more.

use std::collections::BTreeSet;

use super::at::At;
use super::bootstrap_view::{Listener, Route};
use super::matching::Matching;
use super::{Finding, Severity, finding};
use spillway::config::Config;

/// What clients call below the configured prefix, besides each model's deployment.
const CALLED: [&str; 8] = [
    "/openai/v1/chat/completions",
    "/openai/v1/responses",
    "/openai/responses",
    "/openai/models",
    "/v1/chat/completions",
    "/v1/embeddings",
    "/models/chat/completions",
    "/anthropic/v1/messages",
];

/// The routes that come before those of Spillway behind this connection manager.
pub(super) fn look(listener: &Listener<'_>, config: &Config) -> Vec<Finding> {
    let own: BTreeSet<&str> =
        listener.routes.iter().map(|route| route.entry.path.as_str()).collect();
    let mut found = Vec::new();
    let mut said = BTreeSet::new();
    for route in &listener.routes {
        let paths = paths(route, config);
        let before = |entry: &At<'_>| entry.path != route.entry.path;
        let earlier = route.host.list("routes").into_iter().take_while(before);
        let earlier = earlier.filter(|entry| !own.contains(entry.path.as_str()));
        for entry in earlier {
            if !said.contains(&entry.path)
                && let Some(taken) = taken(&entry, &paths)
            {
                found.push(in_its_way(&entry, &taken, route));
                said.insert(entry.path.clone());
            }
        }
        found.extend(preferred(route, &own, &paths));
    }
    found
}

/// What an earlier route takes.
struct Taken<'p> {
    /// One of the paths.
    example: &'p str,
    all: bool,
    conditional: bool,
}

fn taken<'p>(entry: &At<'_>, paths: &'p [String]) -> Option<Taken<'p>> {
    let matching = Matching::of(&entry.field("match")?);
    let mut takes = paths.iter().filter(|path| matching.takes(path));
    let example = takes.next()?;
    let all = takes.count() + 1 == paths.len();
    Some(Taken { example, all, conditional: matching.conditional })
}

fn in_its_way(entry: &At<'_>, taken: &Taken<'_>, route: &Route<'_>) -> Finding {
    let severity = match taken {
        Taken { conditional: true, .. } => Severity::Note,
        Taken { all: true, .. } => Severity::Error,
        Taken { .. } => Severity::Warning,
    };
    let example = taken.example;
    let message = match taken {
        Taken { conditional: true, .. } => {
            format!("an earlier route takes some requests for these paths, such as `{example}`")
        }
        Taken { all: true, .. } => "an earlier route takes these paths".to_owned(),
        Taken { .. } => format!("an earlier route takes some of these paths, such as `{example}`"),
    };
    let gets = if entry.field("route").is_some() {
        ": its cluster gets these requests, with the client's key"
    } else {
        ""
    };
    let hint =
        format!("put it behind Spillway's route, `{}`, or narrow it{gets}", route.entry.path);
    finding(severity, entry.path_of("match"), message, hint)
}

/// Virtual hosts that Envoy prefers to the route's own for some of its domains, and whose routes take
/// these paths.
fn preferred(route: &Route<'_>, own: &BTreeSet<&str>, paths: &[String]) -> Vec<Finding> {
    let domains = |host: &At<'_>| -> Vec<String> {
        let all = host.list("domains");
        all.iter().filter_map(|at| at.text().map(str::to_ascii_lowercase)).collect()
    };
    let mine = domains(&route.host);
    let others = route.table.list("virtual_hosts").into_iter();
    let others = others.filter(|host| host.path != route.host.path);
    others
        .filter_map(|host| {
            let narrower =
                |domain: &String| mine.iter().any(|mine| mine != domain && covers(mine, domain));
            let domain = domains(&host).into_iter().find(narrower)?;
            let first = host.list("routes").into_iter().find(|e| taken(e, paths).is_some())?;
            (!own.contains(first.path.as_str())).then(|| {
                finding(
                    Severity::Note,
                    first.path_of("match"),
                    format!("takes these paths for `{domain}`, and not Spillway's route"),
                    "if clients call Spillway by this name, put Spillway's route into this virtual \
                     host too, as its first route",
                )
            })
        })
        .collect()
}

/// Whether a domain of a virtual host matches all that another one matches: `*`, `*.example.com` and
/// `example.*` are Envoy's wildcards.
fn covers(wide: &str, narrow: &str) -> bool {
    match (wide.strip_prefix('*'), wide.strip_suffix('*')) {
        (Some(end), _) => narrow.ends_with(end),
        (None, Some(start)) => narrow.starts_with(start),
        (None, None) => wide == narrow,
    }
}

/// Paths that clients call and the route takes; where they are others, what the route itself says.
fn paths(route: &Route<'_>, config: &Config) -> Vec<String> {
    let Some(matching) = route.entry.field("match") else { return Vec::new() };
    let takes = Matching::of(&matching);
    let models = config.models.iter();
    let deployments =
        models.map(|model| format!("/openai/deployments/{}/chat/completions", model.name));
    let below = deployments.chain(CALLED.map(str::to_owned));
    let called = below.map(|path| format!("{}{path}", config.path_prefix));
    let called: Vec<String> = called.filter(|path| takes.takes(path)).collect();
    if !called.is_empty() {
        return called;
    }
    let fields = ["prefix", "path", "path_separated_prefix"];
    let says = fields.iter().filter_map(|field| matching.text_in(field));
    says.map(str::to_owned).filter(|path| takes.takes(path)).collect()
}
