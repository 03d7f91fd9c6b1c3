//! Changes of the file while `spillway up` runs, on the real Envoy.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

mod clients;
mod flight;
mod kept;
mod shown;
#[allow(dead_code, reason = "what others need of it")]
#[path = "../envoy/started.rs"]
mod started;
mod watching;
