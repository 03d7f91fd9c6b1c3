//! A model of Envoy, as far as Spillway depends on it.
//!
//! It runs requests through both filters the way Envoy's filter chains and router do, with those of
//! Envoy's ways that shape the filters (each was seen on a real one):
//!
//! - The route's cluster comes from filter state: once, when the downstream filter has cleared the
//!   route cache, and again before each retry.
//! - The upstream request's headers stay between attempts, the injected credential included; the
//!   body starts from the original each time.
//! - A retry happens while `x-envoy-max-retries` allows it: after an answer with the retry header,
//!   and after a failure without an answer, of which the upstream filter hears nothing.
//! - Request headers cannot be read once the request has passed.
//! - A paused body is handed over as a whole that grows; one that passes, in parts.
//! - An answer that is lost before the router has seen its headers is a failure without an answer.
//!   One that is lost later ends the client's, after the upstream filter's last callback. If that
//!   resumes the answer behind the downstream filter, an empty part runs through the last-words filter;
//!   but only if the downstream filter held the answer's headers until its first part was there.
//! - The same holds for what the upstream filter resumes when trailers end an answer.
//! - A body that has to be held and is longer than may be gets 413.
//! - An Envoy that redirects follows every 307 that has a location: the request runs through all
//!   filters again, with the headers that the last attempt left, the body in one piece, and of
//!   filter state what was declared to last.
//! - An Envoy that does not survive the redirect of an answer that was held panics here too.
//! - Local replies, Envoy's and the filter's, run through the downstream filter's answer path.
//!
//! What runs the filters is a [`Runtime`]: [`Native`], in memory, or the built module in a VM. Time
//! passes and backends answer by order of whoever plays: the stories, simulations, explanations,
//! fuzzing and the counting of instructions all play this one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a model that is used wrongly, or whose rules a filter breaks, ends the play"
)]

mod attempt;
mod cluster;
pub mod http;
mod memory;
mod native;
mod plugins;
mod redirect;
mod response;
mod router;
mod run;
mod runtime;
mod shared;
mod stream;
mod timeouts;

pub use cluster::Cluster;
pub use memory::Memory;
pub use native::Native;
pub use plugins::Plugins;
pub use router::{Envoy, Passage, Sent, Step};
pub use runtime::{Action, Callback, Place, Runtime};
pub use shared::{Clock, Draw, Shared, SharedData};
pub use stream::Stream;
