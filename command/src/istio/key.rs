//! Backends' keys in a mesh's proxy: from its environment, or from a file that may be replaced.
//!
//! Envoy's `credential_injector` wants a secret in the bootstrap, which a proxy of a mesh has from Istio
//! long before us, or by discovery. istiod has none of this kind, but a file will do: one that says where
//! the key is, and that the proxy's pod brings along ([`super::mount`]). Envoy watches the folder of the
//! key and takes each new one without a restart.
//!
//! A key from the environment needs neither: a header can take its value from there.

use serde_json::{Value, json};

use super::mount;
use crate::envoy::{extension, secret};
use spillway::config::{Backend, CredentialHeader, Secret};

/// Carries a key from the injector to the filter behind it. Clients' own is removed before.
const CARRIER: &str = "x-spillway-key";

/// What the mesh puts on a request, and no company outside of it should see. The filter of the
/// listener cannot remove them: some are written behind it.
const NOT_FOR_BACKENDS: [&str; 6] = [
    "x-envoy-attempt-count",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-decorator-operation",
    "x-envoy-peer-metadata",
    "x-envoy-peer-metadata-id",
    "x-forwarded-client-cert",
];

/// The filters that remove the mesh's headers and add the backend's key, for every attempt anew.
pub(super) fn filters(backend: &Backend) -> Vec<Value> {
    let removed = NOT_FOR_BACKENDS.iter().map(|name| json!({ "remove": name }));
    let Some(credential) = &backend.credential else {
        return vec![headers("spillway.headers", removed.collect())];
    };
    let (header, prefix) = match credential.header {
        CredentialHeader::ApiKey => ("api-key", ""),
        CredentialHeader::Bearer => ("authorization", "Bearer "),
    };
    match &credential.secret {
        // What is rendered, and what a config dump shows, is the variable's name.
        Secret::Env(variable) => {
            let key = append(header, &format!("{prefix}%ENVIRONMENT({variable})%"), ALWAYS);
            vec![headers("spillway.headers", removed.chain([key]).collect())]
        }
        Secret::File(_) => {
            let removed = removed.chain([json!({ "remove": CARRIER })]);
            let source = secret::discovered(&mount::secret(backend), &mount::source(backend));
            vec![
                headers("spillway.headers", removed.collect()),
                secret::injector_of(&source, CARRIER),
                headers("spillway.key", from_carrier(header, prefix)),
            ]
        }
    }
}

/// Moves the key into its own header, unless it is one that no header can carry: such an attempt goes
/// without a key, as `command/src/envoy/secret.rs` has it. A proxy of Istio's links no matcher of filters,
/// but an expression will do, which adds nothing where it says nothing.
fn from_carrier(header: &str, prefix: &str) -> Vec<Value> {
    let key = format!(
        "%CEL('{CARRIER}' in request.headers && request.headers['{CARRIER}'].matches('{KEY}') \
         ? request.headers['{CARRIER}'] : '')%"
    );
    let mut mutations = vec![append(header, &key, ALWAYS)];
    if !prefix.is_empty() {
        mutations.push(append(header, &format!("{prefix}%REQ({header})%"), "OVERWRITE_IF_EXISTS"));
    }
    mutations.push(json!({ "remove": CARRIER }));
    mutations
}

fn append(header: &str, value: &str, action: &str) -> Value {
    json!({ "append": { "header": { "key": header, "value": value }, "append_action": action } })
}

fn headers(name: &str, mutations: Vec<Value>) -> Value {
    extension(
        name,
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        json!({ "mutations": { "request_mutations": mutations } }),
    )
}

const ALWAYS: &str = "OVERWRITE_IF_EXISTS_OR_ADD";

/// [`spillway::config::secret::key`] as a regular expression for the whole value.
const KEY: &str = "^[!-~]([ -~]*[!-~])?$";
