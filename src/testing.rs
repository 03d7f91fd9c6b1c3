//! `#[test]` for the core's unit tests, wherever they run.
//!
//! They also run in Node, compiled to wasm32-unknown-unknown, because a `usize` has 32 bits in the
//! filter. Its runner looks for an attribute of its own, which a module of tests gets by importing
//! this name. A module that does not is only tested natively.

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub(crate) use core::prelude::v1::test;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub(crate) use wasm_bindgen_test::wasm_bindgen_test as test;
