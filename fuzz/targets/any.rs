//! The fuzzer on the target that `TARGET` names: one program for all, because each would be linked
//! and optimised as a whole.
#![no_main]
#![allow(clippy::panic, reason = "a fuzzer that is told nothing cannot start")]

use std::sync::LazyLock;

static RUN: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("TARGET").unwrap_or_default();
    let target = spillway_fuzz::TARGETS.iter().find(|(target, _)| *target == name);
    target.unwrap_or_else(|| panic!("TARGET={name} is none of the targets")).1
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| RUN(bytes));
