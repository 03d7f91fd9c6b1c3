//! A gateway whose requests are told by hand what happens to them, and when.
//!
//! For what no stage plays: two requests at once, times to the microsecond, what an exchange tells
//! besides what a client sees.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use spillway::breaker::store::{self, Record};
use spillway::config::{BackendId, Id, check};
use spillway::exchange::head::Head;
use spillway::exchange::{Context, Effect, Exchange};
use spillway::failover_mode::FailoverMode;
use spillway::gateway::Gateway;
use spillway::pool::PoolState;
use spillway::time::Micros;
use spillway_model::{Clock, Memory, Shared};

use crate::story::read_config;

/// Nine o'clock, 2026-11-20 09:00:00 UTC.
pub const NINE: Micros = Micros(1_795_165_200_000_000);

/// A gateway, its circuits, and its turns. Chance always draws 0.
pub struct ByHand {
    gateway: Rc<Gateway>,
    pools: Vec<PoolState>,
    clock: Clock,
    host: Memory,
}

impl ByHand {
    /// The gateway of a file without its backends, as in stories. All secrets are `key`.
    pub fn of(config: &str) -> Self {
        Self::failing_over(config, FailoverMode::Retry)
    }

    /// The same, that fails over in this way.
    pub fn failing_over(config: &str, failover: FailoverMode) -> Self {
        let config = read_config(config, |backend| format!("http://{backend}.test"));
        let gateway = Gateway::new(check(&config).expect("checked"), |_| Some("key".into()));
        let gateway = Rc::new(gateway.expect("no secrets are missing").with_failover(failover));
        let clock = Clock::new(Cell::new(SystemTime::UNIX_EPOCH));
        let host = Memory::new(clock.clone(), Shared::default(), BTreeMap::new());
        Self { pools: gateway.pools(), gateway, clock, host }
    }

    /// What it runs by.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// The backend of this name.
    pub fn backend(&self, name: &str) -> BackendId {
        let mut backends = Id::each(&self.gateway.config.backends);
        backends.find(|(_, backend)| backend.name == name).expect("configured").0
    }

    /// A request that has not arrived.
    pub fn request(&self) -> Exchange {
        Exchange::new(Rc::clone(&self.gateway))
    }

    /// Tells a request what happens at a moment: how it goes on, and what is to be done besides. What
    /// it says of circuits is carried out; the rest is its caller's.
    pub fn tell<R>(
        &mut self,
        request: &mut Exchange,
        at: Micros,
        event: impl FnOnce(&mut Exchange, &mut Context<'_>) -> R,
    ) -> (R, Vec<Effect>) {
        self.clock.set(SystemTime::UNIX_EPOCH + Duration::from_micros(at.0));
        let mut effects = Vec::new();
        let mut cx = Context::new(&mut self.pools, &self.host, &mut effects);
        let flow = event(request, &mut cx);
        for effect in &effects {
            if let Effect::Record(record) = effect {
                self.record(record);
            }
        }
        (flow, effects)
    }

    /// Records something of a circuit, as a request does or another worker. Returns whether that
    /// changed anything.
    pub fn record(&self, record: &Record) -> bool {
        store::record(&self.host, record).is_some()
    }
}

impl fmt::Debug for ByHand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByHand").finish_non_exhaustive()
    }
}

/// The head of a chat completion for `gpt-4o`, without a body.
pub fn chat() -> Head {
    let path = b"/openai/deployments/gpt-4o/chat/completions".to_vec();
    Head { path, ..Head::default() }
}
