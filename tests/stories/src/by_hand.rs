//! A gateway whose requests are told by hand what happens to them, and when.
//!
//! For what no stage plays: two requests at once, times to the microsecond, what an exchange tells
//! besides what a client sees.

use std::cell::RefCell;
use std::rc::Rc;

use spillway::breaker::board::{Board, Record};
use spillway::config::check;
use spillway::exchange::head::Head;
use spillway::exchange::{Effect, Event, Exchange, Shared, World};
use spillway::gateway::Gateway;
use spillway::pool::Local;
use spillway::time::Micros;

use crate::story::read_config;

/// Nine o'clock, 2026-11-20 09:00:00 UTC.
pub const NINE: Micros = Micros(1_795_165_200_000_000);

/// A gateway, its board of circuits, and its turns. Chance always draws 0.
#[derive(Debug)]
pub struct ByHand {
    gateway: Rc<Gateway>,
    pools: Vec<Local>,
    board: RefCell<Board>,
}

impl ByHand {
    /// The gateway of a file without its backends, as in stories. All secrets are `key`.
    pub fn of(config: &str) -> Self {
        let config = read_config(config, |backend| format!("http://{backend}.test"));
        let gateway = Gateway::new(check(&config).expect("checked"), |_| Some("key".into()));
        let gateway = Rc::new(gateway.expect("no secrets are missing"));
        Self { pools: gateway.pools(), gateway, board: RefCell::default() }
    }

    /// What it runs by.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// A request that has not arrived.
    pub fn request(&self) -> Exchange {
        Exchange::new(Rc::clone(&self.gateway))
    }

    /// Tells a request what happens at a moment. What it says of circuits is carried out; the rest
    /// is its caller's.
    pub fn tell(&mut self, request: &mut Exchange, at: Micros, event: Event<'_>) -> Vec<Effect> {
        let board = &self.board;
        let shared = Shared {
            clock: &|| at,
            board: &|| board.borrow().clone(),
            record: &|record: &Record| board.borrow_mut().apply(record),
            draw: &|| 0,
        };
        let effects = request.on(event, &mut World::new(&mut self.pools, &shared));
        for effect in &effects {
            if let Effect::Record(record) = effect {
                self.record(record);
            }
        }
        effects
    }

    /// Writes onto the board, as a request does or another worker. Whether the board took it.
    pub fn record(&self, record: &Record) -> bool {
        self.board.borrow_mut().apply(record)
    }
}

/// The head of a chat completion for `gpt-4o`, without a body.
pub fn chat() -> Head {
    let path = b"/openai/deployments/gpt-4o/chat/completions".to_vec();
    Head { path, ..Head::default() }
}
