//! A backend as Envoy knows it: its cluster.

use std::collections::BTreeMap;

use spillway::config::{Config, CredentialHeader, Secret};

use crate::http::Headers;

/// A cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Its name, which is the backend's.
    pub name: String,
    /// What a request to it has as its host.
    pub authority: String,
    /// What Envoy's credential injector sets.
    credential: Option<(&'static str, String)>,
}

impl Cluster {
    /// The clusters of a configuration, whose secrets stand in this environment.
    pub fn all(config: &Config, environment: &BTreeMap<String, String>) -> Vec<Self> {
        let cluster = |backend: &spillway::config::Backend| Self {
            name: backend.name.clone(),
            authority: backend.url.authority(),
            credential: backend.credential.as_ref().and_then(|credential| {
                let Secret::Env(variable) = &credential.secret else { return None };
                let key = environment.get(variable)?.clone();
                Some(match credential.header {
                    CredentialHeader::ApiKey => ("api-key", key),
                    CredentialHeader::Bearer => ("authorization", format!("Bearer {key}")),
                })
            }),
        };
        config.backends.iter().map(cluster).collect()
    }

    /// Envoy's credential injector, behind the upstream filter.
    pub(super) fn inject_credential(&self, headers: &mut Headers) {
        if let Some((name, value)) = &self.credential {
            headers.set(name, value.as_bytes());
        }
    }
}
