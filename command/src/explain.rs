//! Where one request would go, and why.
//!
//! "Who gets this request while East US is throttled, and who is asked when that fails too?" The
//! rules are few, but they work together, and a table of them is not an answer. So the request is
//! played: a gateway that has just started ([`Host`]), circuits in the states that were asked for
//! (`scene.rs`), and the exchange of the filter, driven by the events that Envoy would bring
//! (`play.rs`). Nothing is decided here. The [`Story`] is what happened; where it gives reasons, it
//! asks the core what it asks itself.

mod play;
mod scene;
pub mod story;

use std::rc::Rc;

use crate::simulate::host::Host;
use spillway::config::BackendId;
use spillway::exchange::head::Head;
use spillway::gateway::Gateway;
use spillway::time::{Millis, Timestamp};

pub use story::Story;

/// A request, and the world that it comes into.
#[derive(Debug, Clone)]
pub struct Question {
    /// Its head.
    pub head: Head,
    /// Its body.
    pub body: Vec<u8>,
    /// What is known of backends when it arrives. Of all others nothing is: they may be chosen.
    pub circuits: Vec<(BackendId, State)>,
    /// What backends answer that answer otherwise than the others.
    pub answers: Vec<(BackendId, u16)>,
    /// What the others answer.
    pub answer: u16,
}

/// What is known of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has just asked for less traffic, for so long.
    Throttled(Option<Millis>),
    /// It has just failed too often, and may have said for how long it will.
    Tripped(Option<Millis>),
    /// It failed too often, and its time is over.
    HalfOpen,
}

/// Plays the request.
pub fn explain(gateway: &Rc<Gateway>, question: &Question) -> Story {
    let mut host = Host::new(gateway, 1, fastrand::Rng::with_seed(0));
    scene::set(gateway, &question.circuits, &mut host, NOW);
    play::play(gateway, question, &mut host, NOW)
}

/// When it is: 2026-01-01 00:00:00 UTC. Any time would do, and this one makes answers repeatable.
const NOW: Timestamp = Timestamp(1_767_225_600_000);
