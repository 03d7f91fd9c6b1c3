//! Spillway, an AI gateway that lives inside Envoy.
//!
//! The pure core decides; it is everything that is not `filter`. Time, chance and bytes are its
//! arguments, and it compiles for every target. `filter` (wasm32-wasip1 only) turns Envoy's callbacks
//! into events and the core's effects into host calls. The `spillway` command, which configures
//! Envoys and runs them, is a package of its own, in `command/`.
//!
//! ARCHITECTURE.md has the picture and the life of a request.

pub mod affinity;
pub mod announced;
pub mod breaker;
pub mod cleaning;
pub mod client_key;
pub mod config;
pub mod cookie;
pub mod credential;
pub mod exchange;
pub mod failover;
pub mod gateway;
pub mod held;
pub mod location;
pub mod metrics;
pub mod observation;
pub mod operation;
pub mod outcome;
pub mod pool;
pub mod prompt;
pub mod reply;
pub mod status;
pub mod stream;
pub mod target;
pub mod time;
pub mod usage;
mod words;

#[cfg(target_os = "wasi")]
mod filter;

#[cfg(test)]
mod testing;
