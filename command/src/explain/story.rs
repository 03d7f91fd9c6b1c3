//! What happened to a request.

use spillway::breaker::Admission;
use spillway::config::ModelId;
use spillway::time::Timestamp;
use spillway_model::http::Headers;

/// A request's way, from its arrival to what its client gets.
#[derive(Debug, Clone)]
pub struct Story {
    /// When it arrived.
    pub now: Timestamp,
    /// Who sent it, where clients are known.
    pub client: Option<String>,
    /// What it is for, and by what that was decided; `None`: it was refused.
    pub model: Option<(ModelId, DecidedBy)>,
    /// The member that its cookie leads to.
    pub pinned: Option<usize>,
    /// What each member's circuit lets through when it arrives.
    pub standings: Vec<Admission>,
    /// Backends that it may be sent to.
    pub allowed: usize,
    /// Those that it was sent to, in this order.
    pub attempts: Vec<Attempt>,
    /// What the client gets.
    pub ending: Ending,
}

/// What says which model a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidedBy {
    /// The deployment in its path.
    Path,
    /// The model in its query.
    Query,
    /// `model` in its body.
    Body,
    /// The affinity cookie, as nothing else does.
    Cookie,
    /// Nothing does, and there is a model for such requests.
    Default,
}

/// One backend that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The member of the pool.
    pub member: usize,
    /// What it answered.
    pub status: u16,
    /// Whether that says that another backend should be asked.
    pub elsewhere: bool,
}

/// What the client gets.
#[derive(Debug, Clone)]
pub struct Ending {
    /// Its status.
    pub status: u16,
    /// Where the gateway answers by itself: with what.
    pub own: Option<Own>,
    /// Whether it gets an affinity cookie.
    pub cookie: bool,
}

/// An answer of the gateway's own.
#[derive(Debug, Clone)]
pub struct Own {
    /// Why, in one word.
    pub reason: String,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
}
