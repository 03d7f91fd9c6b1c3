//! Spillway, an AI gateway that lives inside Envoy.
//!
//! The pure core decides; it is everything that is not `filter`, `envoy` or `cli`. Time, chance
//! and bytes are its arguments, and it compiles for every target. `filter` (wasm32-wasip1 only)
//! turns Envoy's callbacks into events and the core's effects into host calls. `envoy` and `cli`
//! (native only) render Envoy's configuration and run it. `simulate` and `explain` (native only) play
//! the core in virtual time: for many requests, and for one. `import` (native only) reads other
//! gateways' configurations. `surroundings` (native only) looks at what stands around the filter in
//! an Envoy's configuration.
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

#[cfg(not(target_arch = "wasm32"))]
pub mod cli;
#[cfg(not(target_arch = "wasm32"))]
pub mod compose;
#[cfg(not(target_arch = "wasm32"))]
pub mod envoy;
#[cfg(not(target_arch = "wasm32"))]
pub mod explain;
#[cfg(target_os = "wasi")]
mod filter;
#[cfg(not(target_arch = "wasm32"))]
pub mod import;
#[cfg(not(target_arch = "wasm32"))]
pub mod istio;
#[cfg(not(target_arch = "wasm32"))]
pub mod kubernetes;
#[cfg(not(target_arch = "wasm32"))]
pub mod simulate;
#[cfg(not(target_arch = "wasm32"))]
pub mod surroundings;

#[cfg(test)]
mod testing;
