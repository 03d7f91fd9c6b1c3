//! What must hold for any bytes and any order of events.
//!
//! Each target is a function of bytes that panics where something does not hold. `make fuzz` has
//! libFuzzer look for such bytes, a minute for each target; `tests/corpus.rs` replays what was
//! found worth keeping (`fuzz/corpus/`) with every other test, without a fuzzer.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a target fails by panicking; nothing here runs in the filter"
)]

pub mod callbacks;
pub mod config;
pub mod cookie;
pub mod gateway;
pub mod request;
pub mod retry_after;
pub mod stream;
pub mod usage;

/// A target's name and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 8] = [
    ("announced", retry_after::run),
    ("callbacks", callbacks::run),
    ("config", config::run),
    ("cookie", cookie::run),
    ("gateway", gateway::run),
    ("request", request::run),
    ("stream", stream::run),
    ("usage", usage::run),
];
