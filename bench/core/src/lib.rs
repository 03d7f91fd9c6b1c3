//! What is counted, and the report of it.
//!
//! A benchmark in time says little on a machine that others use too. Instructions, counted by
//! Valgrind's Callgrind, are the same in every run of the same program, so a change of one percent
//! is a change of the code. They are no times: a report for reviewers, never a gate.
//!
//! They are counted on this machine's own instruction set. In Envoy the same code runs as
//! WebAssembly, which V8 compiles: what takes half the instructions here takes about half there.
//!
//! | what | where |
//! |---|---|
//! | what is counted | `benches/core.rs` |
//! | configurations, bodies and boards for it | `given.rs` |
//! | a request, played through the filters in memory | `request.rs` |
//! | the table, and the change against the committed one | `report.rs` |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what is given here is right; nothing here runs in the filter"
)]

pub mod given;
pub mod report;
pub mod request;
