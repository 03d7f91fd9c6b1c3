//! A backend: Envoy's cluster for it, and the server behind.

use std::collections::VecDeque;

use serde_json::Value;
use spillway::config::{CredentialHeader, Secret, check};

use crate::http::{Answer, Headers, Reaction, Received, healthy};
use crate::story::environment;

/// A backend.
pub struct Backend {
    pub(super) name: String,
    pub(super) authority: String,
    /// What Envoy's credential injector sets.
    credential: Option<(&'static str, String)>,
    pub(super) reachable: bool,
    pub(super) reactions: VecDeque<Reaction>,
    pub(super) received: Vec<Received>,
}

impl Backend {
    /// The backends of a configuration.
    pub fn all(config: &Value) -> Vec<Self> {
        let config = check(config).unwrap_or_else(|problems| panic!("{problems:#?}"));
        let environment = environment();
        let backend = |backend: &spillway::config::Backend| Self {
            name: backend.name.clone(),
            authority: backend.url.authority(),
            credential: backend.credential.as_ref().map(|credential| {
                let Secret::Env(variable) = &credential.secret else { panic!("no files here") };
                let key = environment[variable].clone();
                match credential.header {
                    CredentialHeader::ApiKey => ("api-key", key),
                    CredentialHeader::Bearer => ("authorization", format!("Bearer {key}")),
                }
            }),
            reachable: true,
            reactions: VecDeque::new(),
            received: Vec::new(),
        };
        config.backends.iter().map(backend).collect()
    }

    /// Envoy's credential injector, after the backend seat.
    pub(super) fn inject_credential(&self, headers: &mut Headers) {
        if let Some((name, value)) = &self.credential {
            headers.set(name, value.as_bytes());
        }
    }

    /// Takes a request and reacts.
    pub(super) fn receive(
        &mut self,
        headers: &Headers,
        body: Vec<u8>,
        trailers: Option<&Headers>,
    ) -> Reaction {
        if let Some(length) = headers.text("content-length") {
            assert_eq!(length, body.len().to_string(), "content-length and body disagree");
        }
        let mut received = Received {
            method: headers.text(":method").unwrap_or_default(),
            path: headers.get(":path").unwrap_or_default().to_vec(),
            headers: headers.clone(),
            body,
            trailers: trailers.cloned().unwrap_or_default(),
        };
        received.headers.set("host", headers.get(":authority").unwrap_or_default());
        let reaction = self.reactions.pop_front();
        let reaction = reaction.unwrap_or_else(|| Reaction::Answer(healthy(&self.name, &received)));
        self.received.push(received);
        reaction
    }
}

/// An answer's headers as Envoy has them.
pub(super) fn with_status(answer: &Answer) -> Headers {
    let mut headers = Headers(vec![(":status".to_owned(), answer.status.to_string().into_bytes())]);
    headers.0.extend(answer.headers.0.iter().cloned());
    headers
}
