//! Spillway as its users run it: the real Envoy, started by `spillway up`, simulated Azure OpenAI
//! regions behind it, and real clients in front.
//!
//! Everything the filter decides is tested elsewhere in microseconds. What is left is whether
//! Envoy does with the filter and the rendered configuration what both were written for, and only
//! Envoy can tell. So a test here has a gateway, says what the regions do, and looks at both ends:
//! what the client got, and what each region saw. Most are lent one that runs already ([`Lent`]);
//! to start one of its own takes a test a second or so (`turn`).
//!
//! A [`Gateway`] takes free ports, keeps its logs in a folder of its own, shows them only when the
//! test fails, and ends with the test, however that ends. A test never waits for time to pass
//! where it can ask instead ([`eventually`]); where the passing of time is what is tested, it says
//! so with [`time_passes`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

mod admin;
mod authority;
mod call;
pub mod collector;
pub mod find;
mod foreign;
mod gateway;
mod journal;
pub mod log_line;
mod nginx;
pub mod outage;
pub mod page;
mod plain;
mod process;
pub mod prometheus;
pub mod promtool;
mod python;
mod raw;
pub mod recording;
mod regions;
pub mod scraper;
mod turn;
mod volume;
mod wait;

pub use authority::Authority;
pub use call::{Answer, Call, Client};
pub use gateway::{Gateway, Lent, Setup, access_log_in};
pub use journal::{Journal, story};
pub use nginx::Nginx;
pub use plain::Plain;
pub use python::Python;
pub use raw::{Raw, RawAnswer, fields};
pub use regions::{key_of, region, region_with};
pub use volume::Volume;
pub use wait::{eventually, time_passes};
