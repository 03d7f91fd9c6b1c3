//! What a region is told before it starts.
//!
//! Every field has a default that makes the simplest test short: a free loopback
//! port, no key, no limits, no delay. Azure's own shape is kept (a *deployment*
//! is the name callers use, a *model* is what runs behind it), because gateways
//! confuse the two.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::limits::Limits;
use crate::tls::TlsConfig;

/// One Azure OpenAI resource in one region.
#[derive(Clone, Debug)]
pub struct RegionConfig {
    /// Short name, as in `eastus`; scripts match on it.
    pub name: String,
    /// Name told in `x-ms-region`, as in `East US`.
    pub display_name: String,
    /// The key callers must send; `None` lets everyone in.
    pub api_key: Option<String>,
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The deployments this resource has.
    pub deployments: Vec<DeploymentConfig>,
    /// Serve unknown deployments too, under `any_limits`.
    pub any_deployment: bool,
    /// Limits for deployments that only `any_deployment` admits; each has its own count.
    pub any_limits: Limits,
    /// How fast answers flow when nothing is scripted.
    pub latency: Latency,
    /// Serve TLS (ALPN `h2` and `http/1.1`) instead of clear text.
    pub tls: Option<TlsConfig>,
    /// How many requests are remembered; the oldest are forgotten first.
    pub remembered_requests: usize,
}

/// One deployment of a model.
#[derive(Clone, Debug, Default)]
pub struct DeploymentConfig {
    /// The name in the path, or in the body's `model`.
    pub name: String,
    /// The model behind it.
    pub model: String,
    /// How much of it may be used.
    pub limits: Limits,
}

/// How fast answers flow.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// Wait before the status line.
    pub before_headers: Duration,
    /// Wait between two chunks of a stream.
    pub between_chunks: Duration,
    /// Into how many pieces a streamed text is cut.
    pub chunks: usize,
}

// === impl RegionConfig ===

impl RegionConfig {
    /// A region with the given names and every other field at its default.
    pub fn named(name: impl Into<String>, display_name: impl Into<String>) -> Self {
        Self { name: name.into(), display_name: display_name.into(), ..Self::default() }
    }
}

impl Default for RegionConfig {
    fn default() -> Self {
        Self {
            name: "eastus".into(),
            display_name: "East US".into(),
            api_key: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            deployments: Vec::new(),
            any_deployment: false,
            any_limits: Limits::default(),
            latency: Latency::default(),
            tls: None,
            remembered_requests: REMEMBERED_REQUESTS,
        }
    }
}

// === impl DeploymentConfig ===

impl DeploymentConfig {
    /// A deployment named like its model, without limits.
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { model: name.clone(), name, limits: Limits::default() }
    }

    /// The same deployment under `limits`.
    #[must_use]
    pub fn limited(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }
}

// === impl Latency ===

impl Default for Latency {
    fn default() -> Self {
        Self {
            before_headers: Duration::ZERO,
            between_chunks: Duration::ZERO,
            chunks: DEFAULT_CHUNKS,
        }
    }
}

const REMEMBERED_REQUESTS: usize = 20_000;
const DEFAULT_CHUNKS: usize = 8;
