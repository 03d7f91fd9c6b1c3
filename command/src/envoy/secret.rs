//! Backends' keys as Envoy secrets.
//!
//! The key itself stands nowhere in what we render: Envoy reads it from its own environment or
//! from a file, adds it to each attempt in the backend's own filter chain, and redacts it in
//! `/config_dump`. It never enters the VM.
//!
//! A file may be replaced by one that holds no key: an empty one, or one with a line break inside.
//! By itself, Envoy then answers the client: 401 where there is nothing to inject, 503 where its
//! codec refuses the header. An answer that is made in a backend's own filter chain ends the request,
//! so no other backend is asked, and nothing counts against this one. So an attempt whose key
//! is bad goes without a key. A backend that checks keys answers 401, which is judged as ever: it
//! counts as this backend's refusal, another backend is asked, and log and metrics say so. A backend
//! that checks no keys serves the request, for which no key was needed. That is two settings: the
//! injector lets a request pass for which it has nothing, and a filter behind it ([`good_key`])
//! takes away what no header carries.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Options, any, extension, merge};
use spillway::config::{Backend, Config, CredentialHeader, Secret};

/// How secrets are named, and so what one stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// After their backends: what a person reads who runs Envoy themselves.
    OfBackends,
    /// After where they are found: where backends change while Envoy runs, a name must go on to mean
    /// what it meant. The variables of the environment are in the bootstrap, all of them, because
    /// neither of the two can change. Nothing but files is discovered: for each thing that Envoy
    /// watches it takes one of the few inotify instances that a user has (128, unless set), and
    /// aborts where there is none.
    OfSources,
}

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
            Secret::Env(variable) => Some(variable_secret(&of_backend(backend), variable)),
            Secret::File(_) => None,
        })
        .collect()
}

/// A secret for each of these environment variables.
pub(super) fn environment(variables: &BTreeSet<String>) -> Vec<Value> {
    variables.iter().map(|name| variable_secret(&of_variable(name), name)).collect()
}

fn variable_secret(name: &str, variable: &str) -> Value {
    json!({ "name": name, "generic_secret": { "secret": { "environment_variable": variable } } })
}

/// The secrets that Envoy reads from files and reads again when these are replaced.
///
/// Envoy 1.40 ignores `watched_directory` on a static generic secret: the key would stay what it
/// was at start. A secret that comes through the discovery service, if only from a file that names
/// the key's own, is watched.
pub fn secret_files(config: &Config, options: &Options) -> Vec<SecretFile> {
    files(config, Keys::OfBackends, options)
}

/// The same under these names; each file once.
pub(super) fn files(config: &Config, keys: Keys, options: &Options) -> Vec<SecretFile> {
    let file = |(backend, secret): (&Backend, &Secret)| {
        let Secret::File(key) = secret else { return None };
        let name = secret_name(backend, secret, keys);
        Some(SecretFile { path: discovery_path(&name, options), content: discovery(&name, key) })
    };
    let mut files: Vec<SecretFile> = backends_with_keys(config).filter_map(file).collect();
    let mut seen = BTreeSet::new();
    files.retain(|file| seen.insert(file.path.clone()));
    files
}

/// What the discovery service answers who asks for this secret: the key is in this file.
pub(crate) fn discovery(name: &str, key: &str) -> Value {
    json!({ "resources": [any(
        "envoy.extensions.transport_sockets.tls.v3.Secret",
        json!({ "name": name, "generic_secret": { "secret": { "filename": key } } }),
    )]})
}

/// The secret of this name, which the file at this path is the discovery service of.
pub(crate) fn discovered(name: &str, path: &str) -> Value {
    json!({
        "name": name,
        "sds_config": {
            "path_config_source": { "path": path },
            "resource_api_version": "V3",
        },
    })
}

/// Adds a secret to each attempt in this header, and lets an attempt pass for which there is none.
pub(crate) fn injector_of(secret: &Value, header: &str) -> Value {
    extension(
        "envoy.filters.http.credential_injector",
        "envoy.extensions.filters.http.credential_injector.v3.CredentialInjector",
        json!({
            "overwrite": true,
            "allow_request_without_credential": true,
            "credential": extension(
                "envoy.http.injected_credentials.generic",
                "envoy.extensions.http.injected_credentials.generic.v3.Generic",
                json!({ "credential": secret, "header": header }),
            ),
        }),
    )
}

/// The filters that add the backend's key to every attempt, after the upstream filter has removed
/// whatever credential the client or an earlier attempt left there.
///
/// Where Envoy cannot write `Bearer` before the key that it injects, another filter does. The last
/// one takes a key away that no header can carry.
pub(super) fn injector(backend: &Backend, keys: Keys, options: &Options) -> Vec<Value> {
    let Some(credential) = &backend.credential else { return Vec::new() };
    let (header, prefix) = match credential.header {
        CredentialHeader::ApiKey => ("api-key", ""),
        CredentialHeader::Bearer => ("authorization", "Bearer "),
    };
    let apart = !prefix.is_empty() && !options.envoy.prefixes_keys;
    let name = secret_name(backend, &credential.secret, keys);
    let secret = match credential.secret {
        Secret::Env(_) => json!({ "name": name }),
        Secret::File(_) => discovered(&name, &discovery_path(&name, options)),
    };
    let mut injector = injector_of(&secret, header);
    let generic = injector.pointer_mut("/typed_config/credential/typed_config");
    if let Some(generic) = generic.filter(|_| !prefix.is_empty() && !apart) {
        merge(generic, json!({ "header_value_prefix": prefix }));
    }
    let mut filters = vec![injector];
    filters.extend(apart.then(|| prefixed(header, prefix)));
    // Before no key at all, the filter apart writes `Bearer -`.
    let short = if apart { "[!-,.-~]" } else { "[!-~]" };
    let key = format!("({short}|[!-~][ -~]*[!-~])");
    filters.push(good_key(header, &format!("{prefix}[[:blank:]]*{key}[[:blank:]]*")));
    filters
}

fn prefixed(header: &str, prefix: &str) -> Value {
    mutation(&json!({ "append": {
        "header": { "key": header, "value": format!("{prefix}%REQ({header})%") },
        "append_action": "OVERWRITE_IF_EXISTS",
    }}))
}

/// Takes the key away again, unless it is one that a header can carry: [`spillway::config::secret::key`]
/// in Envoy's own words, as a regular expression for the header's whole value.
fn good_key(header: &str, regex: &str) -> Value {
    let input = extension(
        "envoy.matching.inputs.request_headers",
        "envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
        json!({ "header_name": header }),
    );
    extension(
        "spillway.good_key",
        "envoy.extensions.common.matching.v3.ExtensionWithMatcher",
        json!({
            "extension_config": mutation(&json!({ "remove": header })),
            "xds_matcher": { "matcher_list": { "matchers": [{
                "predicate": { "single_predicate": {
                    "input": input,
                    "value_match": { "safe_regex": { "google_re2": {}, "regex": regex } },
                }},
                "on_match": { "action": extension(
                    "skip",
                    "envoy.extensions.filters.common.matcher.action.v3.SkipFilter",
                    json!({}),
                )},
            }]}},
        }),
    )
}

fn mutation(one: &Value) -> Value {
    extension(
        "envoy.filters.http.header_mutation",
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        json!({ "mutations": { "request_mutations": [one] } }),
    )
}

fn backends_with_keys(config: &Config) -> impl Iterator<Item = (&Backend, &Secret)> {
    config.backends.iter().filter_map(|b| Some((b, &b.credential.as_ref()?.secret)))
}

fn secret_name(backend: &Backend, secret: &Secret, keys: Keys) -> String {
    match (keys, secret) {
        (Keys::OfBackends, _) => of_backend(backend),
        (Keys::OfSources, Secret::Env(variable)) => of_variable(variable),
        (Keys::OfSources, Secret::File(path)) => {
            let digest = Sha256::digest(path.as_bytes());
            let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            format!("file-{hex}")
        }
    }
}

fn of_backend(backend: &Backend) -> String {
    format!("{}-key", backend.name)
}

fn of_variable(variable: &str) -> String {
    format!("env-{variable}")
}

fn discovery_path(secret: &str, options: &Options) -> String {
    format!("{}/{secret}.json", options.state_dir)
}
