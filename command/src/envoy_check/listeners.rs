//! The filters in front, and what of Envoy is open to everybody.

use std::net::IpAddr;

use super::at::At;
use super::bootstrap_view::{BootstrapView, Listener};
use super::{Finding, Severity, error, finding, vm, warning};
use spillway::config::Config;

/// A file in which no listener has the filter.
pub(super) fn none(view: &BootstrapView<'_>) -> Vec<Finding> {
    if !view.listens && view.clusters.iter().any(|cluster| cluster.seat().is_some()) {
        return vec![finding(
            Severity::Note,
            "",
            "the downstream filter is not in this file, so what it needs is not known",
            "check the file with the listener; it is best checked as one bootstrap with the rest",
        )];
    }
    vec![error(
        "",
        "no HTTP connection manager in this file has Spillway's filter",
        "`spillway render envoy --pieces spillway.yaml` prints what to add, and where",
    )]
}

/// Envoy's admin interface.
pub(super) fn admin(view: &BootstrapView<'_>) -> Option<Finding> {
    let address = view.root.below("admin.address.socket_address")?;
    is_public(&address).then(|| {
        warning(
            address.path_of("address"),
            "the admin interface listens on a public address",
            "whoever reaches it can stop Envoy and read its configuration; use `127.0.0.1`",
        )
    })
}

/// The filters in front of one connection manager, and who can reach it.
pub(super) fn look(
    listener: &Listener<'_>,
    wanted: &Listener<'_>,
    config: &Config,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for seat in ["gateway", "writer"] {
        if let (Some((_, rendered)), Some((_, plugin))) = (wanted.seat(seat), listener.seat(seat)) {
            found.extend(vm::filter(&rendered.config, plugin));
        }
    }
    let Some((gateway, plugin)) = listener.seat("gateway") else { return found };
    let filters = listener.manager.path_of("http_filters");
    match listener.seat("writer") {
        None => found.push(warning(filters, "the last-words filter is missing", WRITER)),
        Some((writer, plugin)) if writer > gateway => {
            found.push(warning(
                &plugin.config.path,
                "the last-words filter is behind the downstream filter",
                WRITER,
            ));
        }
        Some(_) => {}
    }
    let disabled = |seat: &str| {
        let filter =
            listener.filters.iter().find(|f| f.plugin.as_ref().is_some_and(|p| p.seat == seat));
        filter.and_then(|filter| filter.at.field("disabled")).is_some_and(|at| at.value == true)
    };
    if listener.other_routes > 0 && !disabled("gateway") {
        found.push(error(
            &plugin.config.path,
            "the filter also gets the requests of routes that are not Spillway's, and refuses them",
            "set `disabled: true` beside the filter's name, and switch it on in Spillway's route, \
             as `spillway render envoy --pieces` does",
        ));
    }
    found.extend(clear(listener, config));
    found
}

/// Clients' keys on a network that others share.
fn clear(listener: &Listener<'_>, config: &Config) -> Option<Finding> {
    let address = listener.listener.below("address.socket_address")?;
    let plain = listener.chain.field("transport_socket").is_none();
    (plain && config.clients.is_some() && is_public(&address)).then(|| {
        finding(
            Severity::Note,
            address.path_of("address"),
            "clients' keys reach this listener in the clear",
            "let TLS end in front of it, or add a `transport_socket` to its filter chain",
        )
    })
}

fn is_public(socket: &At<'_>) -> bool {
    let ip = socket.text_in("address").and_then(|address| address.parse::<IpAddr>().ok());
    ip.is_some_and(|ip| !ip.is_loopback())
}

const WRITER: &str = "only the filter nearest to the client can end a stream whose backend is \
                      lost with an error that SDKs understand; put it before the downstream filter";
