//! The numbered behaviours of an AI gateway in front of Azure OpenAI, each on the real Envoy.
//!
//! One test has the number of one behaviour in its name; `integration/README.md` has the table.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

mod admission;
mod affinity;
mod bounds;
mod breaker;
mod broken_streams;
mod closing;
mod command;
mod echo;
mod envoy_check;
mod export;
mod failover;
mod in_place;
mod metrics;
mod metrics_listener;
mod odd_requests;
mod per_backend;
mod pools;
mod readme;
mod recovery;
mod refusal;
mod routing;
mod secrets;
mod shutdown;
mod started;
mod status;
mod streaming;
mod timeouts;
mod tls;
mod too_long;
mod top;
mod tracing;
mod trap;
mod usage;
mod visibility;
mod whose_fault;
mod workers;
