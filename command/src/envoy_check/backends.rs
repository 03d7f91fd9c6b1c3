//! The clusters: one for each backend, with a filter, its key, and what sends the request.

use super::at::At;
use super::bootstrap_view::{BootstrapView, Cluster, GOOD_KEY, Listener};
use super::plugin::Read;
use super::{Finding, Severity, compare, error, finding, vm, warning};
use crate::envoy::reasons::Part;
use spillway::config::path;

/// What the clusters of the backends lack.
pub(super) fn look(
    view: &BootstrapView<'_>,
    rendered: &BootstrapView<'_>,
    listener: &Listener<'_>,
    read: &Read,
) -> Vec<Finding> {
    let elsewhere = view.root.below("dynamic_resources.cds_config").is_some()
        || view.root.field("resources").is_some();
    let mut found = Vec::new();
    let mut unseen = Vec::new();
    for wanted in &rendered.clusters {
        match view.cluster(wanted.name) {
            Some(cluster) => found.extend(one(cluster, wanted)),
            None if elsewhere => unseen.push(format!("`{}`", wanted.name)),
            None => found.push(missing(view, listener, wanted.name)),
        }
    }
    if !unseen.is_empty() {
        let message =
            format!("not in this file, and not looked at: the clusters {}", unseen.join(", "));
        found.push(finding(Severity::Note, "", message, ""));
    }
    found.extend(secrets(view, read));
    found.extend(name(view));
    found
}

/// Envoy's own name, without which it follows no file with a key.
fn name(view: &BootstrapView<'_>) -> Option<Finding> {
    let follows = |cluster: &Cluster<'_>| {
        let injector = cluster.injector();
        injector.is_some_and(|own| own.below(&format!("{CREDENTIAL}.sds_config")).is_some())
    };
    let named = view.root.field("node").is_some() || view.root.field("resources").is_some();
    (!named && view.clusters.iter().any(follows)).then(|| {
        warning(
            "node",
            "is not set, and a key comes from a file",
            "Envoy refuses that without `node.id` and `node.cluster`, unless it is started with \
             `--service-node` and `--service-cluster`",
        )
    })
}

fn missing(view: &BootstrapView<'_>, listener: &Listener<'_>, name: &str) -> Finding {
    let entry = listener.routes.first().and_then(|route| route.map.field(name));
    let place = entry.map_or_else(|| view.root.path_of("static_resources.clusters"), |at| at.path);
    error(
        place,
        format!("the backend `{name}` has no cluster of this name"),
        "`spillway render envoy --piece clusters spillway.yaml` prints it",
    )
}

fn one(cluster: &Cluster<'_>, wanted: &Cluster<'_>) -> Vec<Finding> {
    let part = |part, rendered: Option<At<'_>>, actual: Option<At<'_>>| match (rendered, actual) {
        (Some(rendered), Some(actual)) => compare::one(part, &rendered, &actual),
        _ => Vec::new(),
    };
    let mut found = part(Part::Cluster, Some(wanted.at.clone()), Some(cluster.at.clone()));
    found.extend(part(Part::Tls, wanted.tls(), cluster.tls()));
    found.extend(part(Part::Protocol, wanted.protocol.clone(), cluster.protocol.clone()));
    found.extend(filters(cluster, wanted));
    let generic =
        |at: &At<'_>| at.below("credential.typed_config").is_some_and(|own| own.is("Generic"));
    found.extend(part(Part::Injector, wanted.injector(), cluster.injector().filter(generic)));
    found.extend(part(Part::GoodKey, wanted.good_key(), cluster.good_key()));
    found
}

/// The filters of every attempt, in their order.
fn filters(cluster: &Cluster<'_>, wanted: &Cluster<'_>) -> Vec<Finding> {
    let inside = cluster.protocol.as_ref().unwrap_or(&cluster.at);
    let all = inside.path_of("http_filters");
    let at = |i: usize| path::index(&all, i);
    let mut found = Vec::new();
    let seat = cluster.seat();
    match (seat, wanted.seat()) {
        (Some((_, plugin)), Some((_, rendered))) => {
            found.extend(vm::filter(&rendered.config, plugin));
        }
        _ => found.push(error(
            &all,
            "the upstream filter is missing",
            "it sets the backend's host and path, judges its answers and marks what is tried \
             elsewhere; it is the first filter of the cluster",
        )),
    }
    let behind_seat = |i: usize| seat.is_none_or(|(seat, _)| seat < i);
    match (cluster.filter("CredentialInjector"), wanted.injector()) {
        (Some((i, _)), _) if !behind_seat(i) => found.push(error(
            at(i),
            "stands before the upstream filter, which removes every key",
            "the upstream filter comes first, then the backend's own key",
        )),
        (None, Some(_)) => found.push(error(
            &all,
            format!("nothing adds the key of the backend `{}`", wanted.name),
            "the upstream filter removes whatever key is on the request; a `credential_injector` \
             behind it adds the backend's own",
        )),
        _ => {}
    }
    match (cluster.filter("HeaderMutation"), wanted.filter("HeaderMutation")) {
        (None, Some(_)) => found.push(error(
            &all,
            "nothing writes `Bearer` before the key",
            "Envoy 1.36 has no `header_value_prefix`; a `header_mutation` behind the injector does it",
        )),
        (Some((i, _)), Some(_)) if !behind_seat(i) => found.push(error(
            at(i),
            "stands before the upstream filter, which removes every key",
            "it writes `Bearer` before the key that the injector adds, so it comes last but one",
        )),
        _ => {}
    }
    let keys = ["CredentialInjector", "HeaderMutation"];
    let last_key = keys.iter().filter_map(|name| Some(cluster.filter(name)?.0)).max();
    match (cluster.filter(GOOD_KEY), last_key) {
        (None, Some(_)) if wanted.good_key().is_some() => found.push(warning(
            &all,
            "nothing takes a bad key away",
            "Envoy itself answers the client 503 while the key has a line break inside; with the \
             filter `spillway.good_key` behind the injector, another backend is asked",
        )),
        (Some((i, _)), Some(key)) if i < key => found.push(warning(
            at(i),
            "stands before the filter that adds the key",
            "it looks at the key that was added, so it comes behind that filter",
        )),
        _ => {}
    }
    let codec = cluster.filter("UpstreamCodec").map(|(i, _)| i);
    if codec.is_none_or(|codec| codec + 1 != cluster.filters.len()) {
        found.push(error(
            codec.map_or_else(|| all.clone(), at),
            "`envoy.filters.http.upstream_codec` is not the last filter",
            "it is what sends the request; filters behind it never run, and without it Envoy \
             refuses the cluster",
        ));
    }
    found
}

/// Keys that the clusters ask for and nobody has.
fn secrets(view: &BootstrapView<'_>, read: &Read) -> Vec<Finding> {
    let known = |name: &str| view.secrets.iter().any(|secret| secret.text_in("name") == Some(name));
    let of_backends = read.config.backends.iter().filter_map(|backend| view.cluster(&backend.name));
    of_backends
        .filter_map(|cluster| {
            let wanted = cluster.injector()?.below(CREDENTIAL)?;
            let name = wanted.field("name")?;
            let found = wanted.field("sds_config").is_some() || known(name.text()?);
            (!found).then(|| {
                error(
                    &name.path,
                    format!("there is no secret `{}`", name.text().unwrap_or_default()),
                    "`spillway render envoy --piece secrets spillway.yaml` prints it, for \
                     `static_resources.secrets`",
                )
            })
        })
        .collect()
}

/// Where the filter that adds the key names it.
const CREDENTIAL: &str = "credential.typed_config.credential";
