//! What Spillway must do, told once, and shown on three stages.
//!
//! A [`Story`] is a small play in three acts: what is given, what happens, what is expected. It
//! knows no gateway, only a [`Stage`] with backends, a client and a clock. The same stories run
//!
//! 1. on the filters in memory (`tests/core.rs`), in milliseconds;
//! 2. on the built `.wasm` in a small host that is as strict as Envoy (`tests/wasm/`);
//! 3. on a real Envoy (the package `integration`).
//!
//! The first two share one model of Envoy ([`spillway_model`]): how its router tries, retries and asks
//! for the cluster again. The third shows that the model is right.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a story fails by panicking; nothing here runs in the filter"
)]

pub mod backend;
pub mod by_hand;
pub mod expect;
pub mod modelled;
pub mod stage;
pub mod stories;
pub mod story;
pub mod watched;

pub use spillway_model::http;
pub use spillway_model::http::{Answer, Headers, Reaction, Received, Request};
pub use stage::Stage;
pub use story::{Means, Need, Story};
