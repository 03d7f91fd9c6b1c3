//! Spillway, an AI gateway that lives inside Envoy.
//!
//! The pure core decides: time, chance and bytes are its arguments. `filter` holds the filters, ordinary
//! code that asks the core what to do with what happens to a stream. `host` says what a filter needs of
//! whatever runs it, and has the one implementation that calls Envoy. All of it compiles for every
//! target. The `spillway` command, which configures Envoys and runs them, is a package of its own, in
//! `command/`; a model of Envoy that runs the filters in memory is in `model/`.
//!
//! ARCHITECTURE.md has the picture and the life of a request.

pub mod affinity;
pub mod breaker;
pub mod cleaning;
pub mod client_key;
pub mod config;
pub mod cookie;
pub mod credential;
pub mod exchange;
pub mod failover_mode;
pub mod filter;
pub mod gateway;
pub mod held;
pub mod host;
mod json;
pub mod location;
pub mod metrics;
mod missing;
pub mod observation;
pub mod operation;
pub mod outcome;
pub mod pool;
pub mod prompt;
mod prose;
pub mod reason;
pub mod reply;
pub mod retry_after;
pub mod status;
pub mod stream;
pub mod target;
pub mod time;
pub mod usage;
mod varint;
mod words;

#[cfg(test)]
mod testing;
