//! Backends that nobody asks, and keys that everybody can read.

use std::net::IpAddr;

use super::{Lints, model_path};
use spillway::config::path::key;
use spillway::config::{Backend, CredentialHeader, Id, Model, quoted};

pub(super) fn look(lints: &mut Lints<'_>) {
    let config = lints.config;
    for (id, backend) in Id::each(&config.backends) {
        let place = key("backends", &backend.name);
        let asks = |model: &Model| model.pool.iter().any(|member| member.backend == id);
        if !config.models.iter().any(asks) {
            let hint = "add it to the `pool` of a model, or remove it";
            lints.warn(&place, "it is in no pool, so it is never asked", hint);
        }
        in_clear(backend, &place, lints);
        let deployments = lints.written(&["backends", &backend.name, "deployments"]);
        for name in
            deployments.and_then(|names| names.as_object()).into_iter().flat_map(|o| o.keys())
        {
            let model = config.models.iter().find(|model| model.name == *name);
            if model.is_some_and(|model| !asks(model)) {
                let message = format!("the pool of {} does not have this backend", quoted(name));
                let hint = format!("add it to `{}.pool`, or remove the line", model_path(name));
                lints.warn(&key(&key(&place, "deployments"), name), message, hint);
            }
        }
    }
}

/// A key on a connection that is not encrypted, unless it stays on this machine or in a network whose
/// names mean nothing outside of it, as those of containers.
fn in_clear(backend: &Backend, place: &str, lints: &mut Lints<'_>) {
    let Some(credential) = &backend.credential else { return };
    if backend.url.tls || is_here(&backend.url.host) {
        return;
    }
    let field = match credential.header {
        CredentialHeader::ApiKey => "api_key",
        CredentialHeader::Bearer => "bearer_token",
    };
    let message = "the key is sent in clear, as `url` is `http`";
    lints.warn(&key(place, field), message, "make `url` an `https` URL");
}

fn is_here(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => !host.contains('.'),
    }
}
