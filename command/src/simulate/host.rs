//! One gateway: what Envoy is to the filter. It keeps the shared data for all of its workers, and
//! what each worker knows for itself.
//!
//! The decisions are the filter's own: [`Exchange`], [`World`], [`Board`] and [`window`]. As in
//! Envoy, board and windows pass through bytes, so that nothing is kept here that would not be kept
//! there.

use std::cell::RefCell;
use std::collections::HashMap;

use spillway::breaker::CircuitId;
use spillway::breaker::board::{self, Board, Record};
use spillway::breaker::window;
use spillway::exchange::{Effect, Event, Exchange, Shared, World};
use spillway::gateway::Gateway;
use spillway::pool::Local;
use spillway::time::Timestamp;

/// One gateway's state.
#[derive(Debug)]
pub(crate) struct Host {
    board: RefCell<Vec<u8>>,
    windows: HashMap<CircuitId, Vec<u8>>,
    workers: Vec<Vec<Local>>,
    chance: RefCell<fastrand::Rng>,
}

impl Host {
    pub(crate) fn new(gateway: &Gateway, workers: usize, chance: fastrand::Rng) -> Self {
        Self {
            board: RefCell::default(),
            windows: HashMap::new(),
            workers: (0..workers).map(|_| gateway.pools()).collect(),
            chance: RefCell::new(chance),
        }
    }

    /// Tells an exchange on this worker what happened, and keeps what is to be kept. The other
    /// effects are the request's own.
    pub(crate) fn on(
        &mut self,
        worker: usize,
        exchange: &mut Exchange,
        event: Event<'_>,
        now: Timestamp,
    ) -> Vec<Effect> {
        let Self { board, workers, chance, .. } = self;
        let Some(pools) = workers.get_mut(worker) else { return Vec::new() };
        let shared = Shared {
            clock: &|| now.into(),
            board: &|| Board::decode(&board.borrow()),
            record: &|record| put(board, record),
            draw: &|| chance.borrow_mut().u64(..),
        };
        let mut effects = exchange.on(event, &mut World::new(pools, &shared));
        effects.retain(|effect| !self.keep(effect, now));
        effects
    }

    /// Lets something have happened to a circuit.
    pub(crate) fn happened(&mut self, record: &Record) {
        put(&self.board, record);
    }

    /// What all workers know of the circuits.
    pub(crate) fn board(&self) -> Board {
        Board::decode(&self.board.borrow())
    }

    /// Keeps what all workers share; tells whether the effect was about that.
    fn keep(&mut self, effect: &Effect, now: Timestamp) -> bool {
        match effect {
            Effect::Record(record) => {
                put(&self.board, record);
            }
            Effect::Count { tally, record } => {
                let bytes = self.windows.entry(record.circuit).or_default();
                let (counted, too_many) = window::with(bytes, *tally, &record.rule, now);
                *bytes = counted;
                if too_many {
                    put(&self.board, record);
                }
            }
            _ => return false,
        }
        true
    }
}

/// Puts a record on the board; tells whether that changed it.
fn put(bytes: &RefCell<Vec<u8>>, record: &Record) -> bool {
    let changed = board::with(&bytes.borrow(), record);
    changed.map(|changed| bytes.replace(changed.bytes)).is_some()
}
