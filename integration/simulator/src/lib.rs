//! An Azure OpenAI region on a loopback port.
//!
//! A gateway is only as good as the failures it has met. Real regions meter,
//! throttle, stall and break in ways that cannot be ordered at will, so this
//! crate plays them: same paths, same headers, same error texts, same streams,
//! and any fault on demand.
//!
//! A [`Region`] is one resource in one Azure region. Tests start as many as they
//! need inside their own process, each on a free port, script them with
//! [`Script`] and read back what arrived with [`Region::requests`]. The binary
//! `azure-openai-simulator` starts the same regions from flags; what Rust callers
//! do by method, others do under `/_sim/` on the region's port.
//!
//! How a request travels: `connection` accepts the socket; `service` reads the `input`
//! and leaves a record by `receipt`; `credentials`, `script`, `route` and `limiter` may
//! each answer it; else an `operation` does; `pace` decides how the bytes flow.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod answer;
mod config;
mod connection;
mod control;
mod credentials;
mod errors;
mod fault;
mod input;
mod journal;
mod limiter;
mod limits;
mod multipart;
mod operation;
mod pace;
mod receipt;
mod region;
mod route;
mod script;
mod service;
mod state;
mod stats;
mod tls;
mod usage;

pub use config::{DeploymentConfig, Latency, RegionConfig};
pub use fault::{Fault, Reset, RetryAfter, Stall, Times};
pub use journal::SeenRequest;
pub use limits::{Limits, RequestWindow, WindowKind};
pub use region::Region;
pub use script::Script;
pub use stats::{DeploymentStats, Stats};
pub use tls::TlsConfig;
pub use usage::Usage;
