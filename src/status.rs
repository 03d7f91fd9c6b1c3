//! What the gateway is doing right now, for people: a page, and the same as JSON.
//!
//! An operator's first questions are which backends take traffic, which do not and until when, and
//! what has just failed over. Metrics answer them a scrape interval later and in another tool. The
//! filter knows the answers: circuits are in the breaker store that all workers share, and what passes,
//! every worker sees for itself. So the same filter, on a listener of its own, answers them.
//!
//! | question | file |
//! |---|---|
//! | what has passed in the last minutes, over all workers? | `activity.rs`, `row.rs`, `cell.rs`, `note.rs` |
//! | who gets the next requests? | `share.rs` |
//! | what is said of it all, in which words? | `report.rs` (the shape), `sources.rs` (the content) |
//! | who may ask, and what is answered? | `endpoint.rs` |
//! | how does it look in a browser? | `page.html`, `page.css`, `page.js` |
//!
//! Only names from the configuration and numbers are told: no key, no URL, nothing that a client
//! or a backend has sent.

pub mod activity;
mod cause;
pub mod cell;
pub mod endpoint;
mod note;
pub mod report;
pub mod row;
mod share;
pub mod sources;

pub use activity::{Activity, RowId, Rows};
pub use report::Report;
