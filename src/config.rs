//! The configuration after it has been checked: what cannot be wrong any more.
//!
//! A person writes one file in the shape that `shape` describes. `check` reads it, collects
//! every [`Problem`] in it, and only where there is none makes a [`Config`]. The types here make
//! the worst mistakes impossible to hold: a pool has members, its weights do not sum to nothing,
//! and every name that points at a backend has become an index.
//!
//! The same code runs in the command (`spillway check`) and in the filter when Envoy loads it, so
//! both refuse the same things in the same words.

mod allowed_path;
pub mod check;
pub mod duration;
mod id;
pub mod json;
pub mod name;
pub mod nearest;
pub mod path;
pub mod percent;
pub mod problem;
mod read;
mod rule;
pub mod secret;
pub mod shape;
pub mod size;
pub mod status;
mod timeouts;
pub mod url;

use std::collections::BTreeMap;

use crate::time::Millis;

pub use allowed_path::AllowedPath;
pub use check::{check, parse_json};
pub use id::Id;
pub use problem::{Problem, quoted};
pub use rule::{BreakerRule, BreakerScope, RetryRule, StatusSet};
pub use secret::{Secret, wrong_secrets};
pub use timeouts::{FirstEvent, Timeouts};

/// A whole configuration, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The backends, in the order of their names. Everything else names them by [`BackendId`].
    ///
    /// The order is that of the names whatever the file's was, because a file reaches the filter as
    /// an object whose keys have none. An id is then the same in the command and in the filter; what
    /// outlives a configuration, such as shared data and rendered clusters, names the backend.
    pub backends: Vec<Backend>,
    /// The models that are served, in the order of their names.
    pub models: Vec<Model>,
    /// Model names that are refused with 403 unless they are also served.
    pub denied_models: Vec<NamePattern>,
    /// The model whose pool takes requests that name none, such as `GET /openai/models`.
    pub default_model: Option<ModelId>,
    /// Removed from the front of every client's path; empty or `/like-this`.
    pub path_prefix: String,
    /// Paths that are let through besides those of the known operations.
    pub allowed_paths: Vec<AllowedPath>,
    /// Headers of requests that no backend gets, in lower case, besides those that carry credentials.
    pub drop_headers: Vec<String>,
    /// Who may call. `None`: everyone.
    pub clients: Option<Vec<Client>>,
    /// Whether metrics have a label for the client.
    pub client_label: bool,
    /// The key of the affinity cookies' hash. `None`: derived from each backend's name and URL.
    pub cookie_key: Option<Secret>,
    /// What a client is told when no backend may be chosen.
    pub when_exhausted: WhenExhausted,
    /// The shape of the gateway's own refusals for unknown and denied models.
    pub error_format: ErrorFormat,
    /// Which of the gateway's own headers stand on every answer.
    pub answer_headers: AnswerHeaders,
    /// The time-outs that hold where a model has no own.
    pub timeouts: Timeouts,
    /// The longest request body that is taken, in bytes; a longer one gets 413.
    pub max_request_body: u64,
    /// What all request bodies that are held may take together, in bytes; what exceeds it gets 503.
    pub max_held_bodies: u64,
}

/// The position of a backend in [`Config::backends`].
pub type BackendId = Id<Backend>;

/// The position of a model in [`Config::models`].
pub type ModelId = Id<Model>;

/// The position of a client in [`Config::clients`].
pub type ClientId = Id<Client>;

/// Where requests are sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Backend {
    /// Lower-case letters, digits and `-`: it is also the name of Envoy's cluster.
    pub name: String,
    /// Where it answers.
    pub url: BackendUrl,
    /// What Envoy adds to each request; `None`: nothing.
    pub credential: Option<Credential>,
    /// How long a connection to it may take.
    pub connect_timeout: Millis,
    /// How long a connection to it may be idle.
    pub idle_timeout: Millis,
    /// The CA certificates that its certificate is checked against; `None`: the system's.
    pub ca_file: Option<String>,
}

impl Backend {
    /// How long a connection may be idle where the file says nothing: less than Uvicorn's and Node's
    /// 5 seconds, which are the shortest among the common servers.
    pub const IDLE_TIMEOUT: Millis = Millis::from_secs(4);
}

/// A backend's URL, in the parts that Envoy and the rewriting of requests need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendUrl {
    /// `https` rather than `http`.
    pub tls: bool,
    /// A DNS name or an IP address; an IPv6 address without brackets.
    pub host: String,
    /// The port, the scheme's own where the file names none.
    pub port: u16,
    /// Empty, or a path that starts with `/` and does not end with one.
    pub base_path: String,
}

impl BackendUrl {
    /// What goes into the `Host` header: the port only where it is not the scheme's own.
    pub fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = if self.tls { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }
}

/// A backend's own key: where it is found and in which header it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Where the key is found. Its value never enters the filter.
    pub secret: Secret,
    /// How it is sent.
    pub header: CredentialHeader,
}

/// The header that carries a backend's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialHeader {
    /// `api-key: KEY`, as Azure OpenAI wants it.
    ApiKey,
    /// `Authorization: Bearer KEY`, as OpenAI and most compatible servers want it.
    Bearer,
}

/// A model that clients may ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Exact and case-sensitive: the deployment in the path, or `model` in the body.
    pub name: String,
    /// Who can serve it. Never empty, no backend twice.
    pub pool: Vec<Member>,
    /// The cookie that keeps a client with its backend, where wanted.
    pub affinity: Option<Affinity>,
    /// When a backend is left alone, and for how long.
    pub breaker: BreakerRule,
    /// What is tried again elsewhere, and how often.
    pub retry: RetryRule,
    /// Whether weights follow what backends say is left of their limits.
    pub headroom: bool,
    /// How long its requests may take.
    pub timeouts: Timeouts,
    /// How far its streams are held back at their start.
    pub first_event: FirstEvent,
    /// Whether its streams are made to report their tokens where the client did not ask for it.
    pub usage_in_streams: bool,
}

impl Model {
    /// How long at most nothing may be heard of an attempt: what takes longer has ended.
    pub fn longest_silence(&self) -> Millis {
        self.timeouts.first_byte.min(self.timeouts.stream_idle)
    }
}

/// A backend's place in a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The backend.
    pub backend: BackendId,
    /// Lower is chosen first.
    pub priority: u32,
    /// The share among members of the same priority; at least 1.
    pub weight: u32,
    /// What the model is called at this backend.
    pub deployment: String,
}

/// Session affinity by cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affinity {
    /// The cookie's name.
    pub cookie: String,
    /// Whether it is marked `Secure`.
    pub secure: SecureCookie,
    /// Whether a client whose backend may not be chosen is refused rather than sent to another.
    pub required: bool,
    /// Whether a client leaves its backend as soon as one of a better tier may be chosen.
    pub returns: bool,
}

/// When an affinity cookie is marked `Secure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecureCookie {
    /// Only where the client's own connection is TLS: HTTP clients drop `Secure` cookies on plain HTTP.
    Auto,
    /// Always, for a gateway behind a proxy that ends TLS.
    Always,
    /// Never.
    Never,
}

/// Someone who may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The name that stands in logs.
    pub name: String,
    /// Where the key is found.
    pub key: Secret,
}

/// A model name, or the start of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamePattern {
    /// Exactly this name.
    Exact(String),
    /// Every name that starts so; written with a `*` at the end.
    Prefix(String),
}

impl NamePattern {
    /// Whether the name is meant.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Prefix(prefix) => name.starts_with(prefix.as_str()),
        }
    }
}

/// What a client is told when no backend may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenExhausted {
    /// 429 with `Retry-After`: the SDKs wait and then succeed.
    RetryLater,
    /// API Management's answer: an empty 503.
    ServiceUnavailable,
}

/// The shape of the gateway's own refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorFormat {
    /// `{"error": {"message", "type", "param", "code"}}`.
    OpenAi,
    /// `{"error": "text"}` for unknown and denied models, as in the API Management labs.
    ApiManagement,
}

/// Which of the gateway's own headers stand on every answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerHeaders {
    /// `x-spillway-backend`.
    pub backend: bool,
    /// `x-spillway-attempts`.
    pub attempts: bool,
    /// `x-backend-region`: the backend's `x-ms-region`, or `unknown`.
    pub region: bool,
}

/// Names of deployments where they differ from the model's, by model.
pub type DeploymentNames = BTreeMap<String, String>;
