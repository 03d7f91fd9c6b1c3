//! Where a secret is found: never the secret itself.
//!
//! A configuration only refers to secrets, so that no file we write, no config dump and no log
//! can hold one. Backends' keys are resolved by Envoy, clients' keys by the filter at start.

/// A reference to a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Secret {
    /// An environment variable of Envoy's process; written `${NAME}`.
    Env(String),
    /// A file that holds the secret and may be replaced while Envoy runs; written `{ file: /path }`.
    File(String),
}
