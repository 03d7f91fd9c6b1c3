//! Where a secret is found: never the secret itself.
//!
//! A configuration only refers to secrets, so that no file we write, no config dump and no log
//! can hold one. Backends' keys are resolved by Envoy, clients' keys by the filter at start. A
//! problem with a secret never repeats what was written in its place.

mod value;

use super::read::{Node, Reader};
use super::shape::Kind;
use super::{Config, CredentialHeader, Problem, name, path};

pub use value::{key, not_set, wrong_secrets};

/// A reference to a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Secret {
    /// An environment variable of Envoy's process; written `${NAME}`.
    Env(String),
    /// A file that holds the secret and may be replaced while Envoy runs; written `{ file: /path }`.
    File(String),
}

impl Secret {
    /// The environment variable, where it is one.
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::Env(name) => Some(name),
            Self::File(_) => None,
        }
    }
}

impl Config {
    /// Every reference to a secret, with its place in the file.
    pub fn secrets(&self) -> Vec<(String, &Secret)> {
        let backends = self.backends.iter().filter_map(|backend| {
            let credential = backend.credential.as_ref()?;
            let field = match credential.header {
                CredentialHeader::ApiKey => "api_key",
                CredentialHeader::Bearer => "bearer_token",
            };
            let place = path::key(&path::key("backends", &backend.name), field);
            Some((place, &credential.secret))
        });
        backends.chain(self.filter_secrets()).collect()
    }

    /// Those that the filter itself must know: clients' keys and the cookie key. Backends' keys are
    /// Envoy's business, which resolves them and refuses to start without.
    pub fn filter_secrets(&self) -> Vec<(String, &Secret)> {
        let clients = self
            .clients
            .iter()
            .flatten()
            .enumerate()
            .map(|(i, client)| (path::key(&path::index("clients", i), "key"), &client.key));
        let cookie_key = self.cookie_key.iter().map(|key| ("cookie_key".to_owned(), key));
        clients.chain(cookie_key).collect()
    }
}

/// The reference that stands here.
pub(super) fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Secret> {
    let Kind::Secret { file: file_allowed } = *node.kind else { return None };
    let Some(map) = node.value.as_object() else {
        return read_variable(node, reader);
    };
    if !file_allowed {
        reader.say(
            &node.path,
            "a secret in a file is not possible here",
            "files cannot be read inside Envoy's VM: pass it in an environment variable and write `${NAME}`",
        );
        return None;
    }
    let file = map.get("file").filter(|_| map.len() == 1).and_then(serde_json::Value::as_str);
    let Some(file) = file else {
        reader.say(
            &node.path,
            "the object is not a reference to a secret",
            "write `{ file: /path }` and nothing else in it",
        );
        return None;
    };
    if let Err(problem) = absolute(file) {
        reader.problems.push(problem.at(&path::key(&node.path, "file")));
        return None;
    }
    Some(Secret::File(file.to_owned()))
}

fn read_variable(node: &Node<'_>, reader: &mut Reader) -> Option<Secret> {
    let name = node.value.as_str().and_then(name::variable);
    if name.is_none() {
        let found = match node.value {
            serde_json::Value::Null => "nothing",
            serde_json::Value::Array(_) => "a list",
            _ => "a value (not shown here)",
        };
        let hint = "put the secret into an environment variable and write `${NAME}` with its name: \
                    letters, digits and `_`";
        let message = format!("expected a reference to a secret, found {found}");
        reader.say(&node.path, message, hint);
    }
    name.map(|name| Secret::Env(name.to_owned()))
}

/// Whether the path of a file can be found whatever Envoy's working directory is.
pub(super) fn absolute(path: &str) -> Result<(), Problem> {
    if path.contains(char::is_control) {
        return Err(Problem::new("", "the path holds a control character", ""));
    }
    if path.starts_with('/') && path.len() > 1 {
        return Ok(());
    }
    Err(Problem::new("", "the path is not absolute", "write it from `/` on, as Envoy sees it"))
}
