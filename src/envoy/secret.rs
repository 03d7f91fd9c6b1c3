//! Backends' keys as Envoy secrets.
//!
//! The key itself stands nowhere in what we render: Envoy reads it from its own environment or
//! from a file, adds it to each attempt in the backend's own filter chain, and redacts it in
//! `/config_dump`. It never enters the VM.

use serde_json::{Value, json};

use super::{Options, any, extension, merge};
use crate::config::{Backend, Config, CredentialHeader, Secret};

/// A file that must stand beside the bootstrap before Envoy starts.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretFile {
    /// Where Envoy looks for it.
    pub path: String,
    /// What stands in it: where the key is found, not the key.
    pub content: Value,
}

/// The secrets that Envoy reads from its environment, once, when it starts.
pub(super) fn secrets(config: &Config) -> Vec<Value> {
    backends_with_keys(config)
        .filter_map(|(backend, secret)| match secret {
            Secret::Env(variable) => Some(json!({
                "name": secret_name(backend),
                "generic_secret": { "secret": { "environment_variable": variable } },
            })),
            Secret::File(_) => None,
        })
        .collect()
}

/// The secrets that Envoy reads from files and reads again when these are replaced.
///
/// Envoy 1.40 ignores `watched_directory` on a static generic secret: the key would stay what it
/// was at start. A secret that comes through the discovery service, if only from a file that names
/// the key's own, is watched.
pub fn secret_files(config: &Config, options: &Options) -> Vec<SecretFile> {
    backends_with_keys(config)
        .filter_map(|(backend, secret)| match secret {
            Secret::Env(_) => None,
            Secret::File(key) => Some(SecretFile {
                path: discovery_path(backend, options),
                content: json!({ "resources": [any(
                    "envoy.extensions.transport_sockets.tls.v3.Secret",
                    json!({
                        "name": secret_name(backend),
                        "generic_secret": { "secret": { "filename": key } },
                    }),
                )]}),
            }),
        })
        .collect()
}

/// The filters that add the backend's key to every attempt, after the backend seat has removed
/// whatever credential the client or an earlier attempt left there.
///
/// Where Envoy cannot write `Bearer` before the key that it injects, another filter does.
pub(super) fn injector(backend: &Backend, options: &Options) -> Vec<Value> {
    let Some(credential) = &backend.credential else { return Vec::new() };
    let (header, prefix) = match credential.header {
        CredentialHeader::ApiKey => ("api-key", ""),
        CredentialHeader::Bearer => ("authorization", "Bearer "),
    };
    let apart = !prefix.is_empty() && !options.envoy.prefixes_keys;
    let mut secret = json!({ "name": secret_name(backend) });
    if let Secret::File(_) = credential.secret {
        merge(
            &mut secret,
            json!({ "sds_config": {
                "path_config_source": { "path": discovery_path(backend, options) },
                "resource_api_version": "V3",
            }}),
        );
    }
    let mut generic = json!({ "credential": secret, "header": header });
    if !prefix.is_empty() && !apart {
        merge(&mut generic, json!({ "header_value_prefix": prefix }));
    }
    let injector = extension(
        "envoy.filters.http.credential_injector",
        "envoy.extensions.filters.http.credential_injector.v3.CredentialInjector",
        json!({
            "overwrite": true,
            "credential": extension(
                "envoy.http.injected_credentials.generic",
                "envoy.extensions.http.injected_credentials.generic.v3.Generic",
                generic,
            ),
        }),
    );
    [injector].into_iter().chain(apart.then(|| prefixed(header, prefix))).collect()
}

fn prefixed(header: &str, prefix: &str) -> Value {
    extension(
        "envoy.filters.http.header_mutation",
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        json!({ "mutations": { "request_mutations": [{ "append": {
            "header": { "key": header, "value": format!("{prefix}%REQ({header})%") },
            "append_action": "OVERWRITE_IF_EXISTS",
        }}]}}),
    )
}

fn backends_with_keys(config: &Config) -> impl Iterator<Item = (&Backend, &Secret)> {
    config.backends.iter().filter_map(|b| Some((b, &b.credential.as_ref()?.secret)))
}

fn secret_name(backend: &Backend) -> String {
    format!("{}-key", backend.name)
}

fn discovery_path(backend: &Backend, options: &Options) -> String {
    format!("{}/{}.json", options.state_dir, secret_name(backend))
}
