//! Where one request would go, and why.
//!
//! "Who gets this request while East US is throttled, and who is asked when that fails too?" The
//! rules are few, but they work together, and a table of them is not an answer. So the request is
//! played: a gateway that has just started, circuits in the states that were asked for
//! (`scene.rs`), and the filters, run in memory on the model of Envoy (`play.rs`). Nothing is decided here. The [`Story`] is what happened; where it gives reasons, it
//! asks the core what it asks itself.

mod play;
mod scene;
pub mod story;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use spillway::breaker::store;
use spillway::config::BackendId;
use spillway::exchange::head::Head;
use spillway::gateway::Gateway;
use spillway::time::{Millis, Timestamp};
use spillway_model::{Clock, Draw, Memory, Shared};

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
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(NOW.0);
    let (clock, shared) = (Clock::new(Cell::new(time)), Shared::default());
    let mut chance = fastrand::Rng::with_seed(0);
    shared.borrow_mut().draw = Draw::from(move || chance.u64(..));
    let store = Memory::new(clock.clone(), shared.clone(), BTreeMap::new());
    scene::set(gateway, &question.circuits, &store, NOW);
    let circuits = store::fetch(&store);
    play::play(gateway, question, (&clock, &shared), &circuits, NOW)
}

/// When it is: 2026-01-01 00:00:00 UTC. Any time would do, and this one makes answers repeatable.
const NOW: Timestamp = Timestamp(1_767_225_600_000);
