//! The routes that take their cluster from filter state.

use super::at::At;
use super::bootstrap_view::{BootstrapView, Listener, Route};
use super::{Finding, Severity, compare, error, finding};
use crate::envoy::reasons::Part;
use spillway::config::path;

/// What the routes behind this connection manager lack.
pub(super) fn look(
    view: &BootstrapView<'_>,
    listener: &Listener<'_>,
    wanted: &Listener<'_>,
) -> Vec<Finding> {
    let Some(rendered) = wanted.routes.first() else { return Vec::new() };
    if listener.routes.is_empty() {
        return vec![none(view, listener)];
    }
    let mut found = Vec::new();
    for route in &listener.routes {
        found.extend(compare::part(Part::Host, &around(rendered), &around(route)));
        found.extend(compare::part(Part::Route, &action(rendered), &action(route)));
        found.extend(clusters(rendered, route));
        found.extend(switched_on(listener, route));
    }
    found
}

fn none(view: &BootstrapView<'_>, listener: &Listener<'_>) -> Finding {
    if listener.routes_elsewhere {
        return finding(
            Severity::Note,
            listener.manager.path.clone(),
            "its routes are not in this file, so they were not looked at",
            "",
        );
    }
    let inside =
        listener.manager.below("route_config").map_or_else(|| view.root.path.clone(), |at| at.path);
    error(
        inside,
        "no route takes its cluster from the filter",
        "a route needs the `matcher` cluster specifier with the filter state `wasm.spillway.cluster`: \
         `spillway render envoy --piece route spillway.yaml` prints it",
    )
}

/// Where the fields beside an action may stand, the nearest first.
fn around<'a>(route: &Route<'a>) -> [At<'a>; 3] {
    [route.entry.clone(), route.host.clone(), route.table.clone()]
}

/// The action; the virtual host's retry policy holds for routes without one.
fn action<'a>(route: &Route<'a>) -> Vec<At<'a>> {
    let host = route.action.field("retry_policy").is_none().then(|| route.host.clone());
    [route.action.clone()].into_iter().chain(host).collect()
}

/// Every backend must lead to its cluster.
fn clusters(rendered: &Route<'_>, route: &Route<'_>) -> Vec<Finding> {
    let backends = rendered.map.value.as_object().into_iter().flat_map(serde_json::Map::keys);
    backends
        .filter_map(|name| {
            let Some(entry) = route.map.field(name) else {
                return Some(error(
                    path::key(&route.map.path, name),
                    "is not set",
                    format!("without it, requests for the backend `{name}` find no cluster"),
                ));
            };
            let cluster = entry.below("action.typed_config.cluster");
            let says = cluster.as_ref().and_then(At::text);
            (says != Some(name)).then(|| {
                let place = cluster.as_ref().map_or(&entry.path, |at| &at.path);
                error(
                    place,
                    format!("is not the backend's own cluster `{name}`"),
                    "each backend has a cluster of its own name, with its own key",
                )
            })
        })
        .collect()
}

/// A filter that is off until a route wants it, and a route that does not.
fn switched_on(listener: &Listener<'_>, route: &Route<'_>) -> Vec<Finding> {
    let off = listener.filters.iter().filter(|filter| {
        let disabled = filter.at.field("disabled").is_some_and(|at| at.value == true);
        filter.plugin.is_some() && disabled
    });
    let wants = |name: &str| {
        [&route.entry, &route.host, &route.table].into_iter().any(|at| {
            let own = at.field("typed_per_filter_config").and_then(|all| all.field(name));
            own.is_some_and(|own| own.field("disabled").is_none_or(|at| at.value != true))
        })
    };
    off.filter(|filter| !wants(filter.name))
        .map(|filter| {
            error(
                path::key(&route.entry.path_of("typed_per_filter_config"), filter.name),
                "is not set, and the filter is disabled elsewhere",
                "requests of this route do not pass through it; \
                 `spillway render envoy --piece route` switches it on",
            )
        })
        .collect()
}
