//! The filters: what happens to a stream becomes what happens to an exchange, and what an exchange
//! wants is carried out on the stream.
//!
//! Ordinary code: a callback gets the worker's state and the host ([`crate::host`]), and says whether the
//! stream goes on. The filters hold what belongs to streams: what is held, for what, and from which
//! byte on. Everything that decides about requests is in the exchange ([`crate::exchange`]).
//!
//! | what | file |
//! |---|---|
//! | a request in front of the router, seen once | `downstream.rs` |
//! | an attempt behind it | `upstream.rs` |
//! | a request for the status | `status.rs` |
//! | what a plugin's configuration makes of a filter | `configuration.rs` |
//! | what a worker knows, for all of its streams | `worker.rs`, `requests.rs`, `instance.rs` |
//! | how effects are carried out | `carry_out.rs`, `meters.rs` |
//! | what waits for a time | `timer.rs`, `held_streams.rs`, `held_bodies.rs`, `activity.rs` |
//! | the end of the process | `shutdown.rs` |

mod activity;
mod carry_out;
pub mod configuration;
mod connections;
mod downstream;
mod held_bodies;
mod held_streams;
mod instance;
mod meters;
mod requests;
mod shutdown;
mod silent_streams;
mod status;
mod timer;
mod upstream;
mod worker;

pub use carry_out::CLUSTER_HEADER;
pub use configuration::Plugin;
pub use instance::{Clusters, Instance};
pub use worker::Worker;

use downstream::Downstream;
use status::Status;
use upstream::Upstream;

use crate::host::Host;
use crate::reply::Reply;

/// Whether a stream goes on after a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It goes on.
    Continue,
    /// It is held.
    Pause,
}

/// What a callback may use: its worker's state, and the host.
pub struct Call<'a> {
    /// The worker's state.
    pub worker: &'a mut Worker,
    /// The host.
    pub host: &'a dyn Host,
}

/// The filter of one stream, by its place.
#[derive(Debug)]
pub enum Filter {
    /// In front of the router.
    Downstream(Downstream),
    /// Behind it, for each attempt.
    Upstream(Upstream),
    /// On the status listener.
    Status(Status),
    /// In front of the router of a process that ends.
    Closed,
}

/// Envoy's callbacks. `end`: nothing follows. `size`: bytes that can be read.
impl Filter {
    /// The head of a request.
    pub fn on_request_headers(&mut self, end: bool, call: &mut Call<'_>) -> Action {
        match self {
            Self::Downstream(filter) => filter.on_request_headers(end, call),
            Self::Upstream(filter) => filter.on_request_headers(call),
            Self::Status(filter) => filter.on_request_headers(call),
            Self::Closed => call.refuse(&Reply::shutting_down()),
        }
    }

    /// Some of a request's body, or all that is held of it.
    pub fn on_request_body(&mut self, size: usize, end: bool, call: &mut Call<'_>) -> Action {
        match self {
            Self::Downstream(filter) => filter.on_request_body(size, end, call),
            Self::Upstream(filter) => filter.on_request_body(size, call),
            Self::Status(_) | Self::Closed => Action::Continue,
        }
    }

    /// The trailers of a request: its body has ended.
    pub fn on_request_trailers(&mut self, call: &mut Call<'_>) -> Action {
        match self {
            Self::Downstream(filter) => filter.on_request_trailers(call),
            Self::Upstream(_) | Self::Status(_) | Self::Closed => Action::Continue,
        }
    }

    /// The head of a response.
    pub fn on_response_headers(&mut self, end: bool, call: &mut Call<'_>) -> Action {
        match self {
            Self::Downstream(filter) => filter.on_response_headers(end, call),
            Self::Upstream(filter) => filter.on_response_headers(end, call),
            Self::Status(_) | Self::Closed => Action::Continue,
        }
    }

    /// Some of a response's body, or all that is held of it.
    pub fn on_response_body(&mut self, size: usize, end: bool, call: &mut Call<'_>) -> Action {
        match self {
            Self::Downstream(filter) => filter.on_response_body(end),
            Self::Upstream(filter) => filter.on_response_body(size, end, call),
            Self::Status(_) | Self::Closed => Action::Continue,
        }
    }

    /// The trailers of a response: its body has ended.
    pub fn on_response_trailers(&mut self, call: &mut Call<'_>) -> Action {
        match self {
            Self::Downstream(filter) => filter.on_response_trailers(),
            Self::Upstream(filter) => filter.on_response_trailers(call),
            Self::Status(_) | Self::Closed => Action::Continue,
        }
    }

    /// The access log is about to be written.
    pub fn on_log(&mut self, call: &mut Call<'_>) {
        if let Self::Downstream(filter) = self {
            filter.on_log(call);
        }
    }

    /// The stream is over, however that came.
    pub fn on_done(&mut self, call: &mut Call<'_>) {
        if let Self::Upstream(filter) = self {
            filter.on_done(call);
        }
    }

    /// The filter is about to go.
    pub fn on_delete(&mut self, call: &mut Call<'_>) {
        if let Self::Downstream(filter) = self {
            filter.on_delete(call);
        }
    }
}
