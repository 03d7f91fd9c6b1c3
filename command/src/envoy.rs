//! Envoy's configuration, rendered from ours, and the process that runs it.
//!
//! A person writes backends and models; Envoy wants listeners, routes, clusters and secrets, and
//! several of its defaults quietly undo failover. Everything that must be said to Envoy is said
//! here once, one file for each of Envoy's words, each value that is not obvious with its reason.
//!
//! [`bootstrap()`] is a pure function of the checked configuration and [`Options`]; only
//! [`transport::system_ca`] and the process modules look at the machine.

pub mod abilities;
pub mod access_log;
pub mod admin;
mod bootstrap;
pub(crate) mod cluster;
mod collector;
pub mod discovery;
mod failover;
pub mod find;
pub mod health;
pub(crate) mod listener;
pub(crate) mod local_reply;
mod log;
pub mod metrics_listener;
pub mod pieces;
pub mod process;
mod provider;
pub mod reasons;
pub(crate) mod route;
pub(crate) mod secret;
pub mod start_up;
pub mod stats;
mod status;
mod tracing;
pub mod transport;
pub mod version;
pub(crate) mod wasm;
pub mod xds_state;
pub mod xds_writer;

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::otlp::Exporter;
pub use abilities::Abilities;
pub use access_log::AccessLog;
pub use bootstrap::{bootstrap, following};
pub use secret::{SecretFile, secret_files};

/// What rendering needs besides the configuration itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where clients connect. Port 0: Envoy takes a free one and says so in `/listeners`.
    pub listen: SocketAddr,
    /// Where Envoy's admin interface listens. It can stop Envoy: keep it off public addresses.
    pub admin: SocketAddr,
    /// Where Prometheus finds Envoy's metrics, if anywhere; needs the port of `admin`.
    pub metrics: Option<SocketAddr>,
    /// Where the status page listens; `None`: nowhere. It has no key: loopback unless wanted.
    pub status: Option<SocketAddr>,
    /// The path of `spillway.wasm`.
    pub filter: String,
    /// Where the line for each request goes.
    pub access_log: AccessLog,
    /// The directory of the files that [`secret_files`] lists; absolute.
    pub state_dir: String,
    /// The CA bundle for backends without a `ca_file`, usually [`transport::system_ca`].
    pub ca_bundle: String,
    /// What the Envoy that runs it can do.
    pub envoy: Abilities,
    /// Where spans go. `None`: nowhere.
    pub otlp: Option<Exporter>,
}

/// A typed extension configuration: the message's full name, then its fields.
pub(crate) fn any(message: &str, fields: Value) -> Value {
    let mut typed = serde_json::Map::new();
    typed.insert("@type".into(), json!(format!("type.googleapis.com/{message}")));
    if let Value::Object(fields) = fields {
        typed.extend(fields);
    }
    Value::Object(typed)
}

/// A named extension, which is how Envoy wants most of them.
pub(crate) fn extension(name: &str, message: &str, fields: Value) -> Value {
    json!({ "name": name, "typed_config": any(message, fields) })
}

/// An address as Envoy writes it.
fn socket_address(host: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": host, "port_value": port } })
}

/// A duration in protobuf's JSON form.
fn duration(span: spillway::time::Millis) -> String {
    format!("{}.{:03}s", span.0 / 1000, span.0 % 1000)
}

/// Adds fields to an object.
pub(crate) fn merge(into: &mut Value, fields: Value) {
    if let (Value::Object(into), Value::Object(fields)) = (into, fields) {
        into.extend(fields);
    }
}
