//! A model of Envoy, as far as Spillway depends on it.
//!
//! It runs one request at a time through both seats the way Envoy's filter chain and router do,
//! with those of Envoy's ways that shape the filter (each was seen on a real one):
//!
//! - The route's cluster comes from filter state: once, when the gateway seat has cleared the
//!   route cache, and again before each retry.
//! - The upstream request's headers stay between attempts, the injected credential included; the
//!   body starts from the original each time.
//! - A retry happens while `x-envoy-max-retries` allows it: after an answer with the retry header,
//!   and after a failure without an answer, of which the backend seat hears nothing.
//! - Request headers cannot be read once the request has passed.
//! - A paused body is handed over as a whole that grows; one that passes, in parts.
//! - An answer that is lost before the router has seen its headers is a failure without an answer.
//!   One that is lost later ends the client's, after the backend seat's last callback. If that
//!   resumes the answer behind the gateway seat, an empty part runs through the writer seat; but
//!   only if the gateway seat held the answer's headers until its first part was there.
//! - A body that has to be held and is longer than may be gets 413.
//! - An Envoy that redirects follows every 307 that has a location: the request runs through all
//!   filters again, with the headers that the last attempt left, the body in one piece, and of
//!   filter state what was declared to last.
//! - An Envoy that does not survive the redirect of an answer that was held panics here too.
//! - Local replies, Envoy's and the filter's, run through the gateway seat's answer path.
//!
//! What sits in the seats is [`Seats`]: the pure core, or the built filter in a host.

mod attempt;
mod backend;
mod patience;
mod redirect;
mod router;
mod stage;
mod stream;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use spillway::failover::Failover;

pub use backend::Backend;
pub use stream::Stream;

use crate::story::Story;
use patience::Patience;

/// What sits in the two seats, on one worker.
pub trait Seats {
    /// A new stream in this seat.
    fn open(&mut self, seat: Seat) -> u32;
    /// Something happens to it.
    fn on(&mut self, context: u32, callback: Callback, stream: &mut Stream) -> Action;
    /// It is over.
    fn close(&mut self, context: u32, stream: &mut Stream);
    /// After how long the next of the filter's timers fires, if one runs.
    fn timer(&self) -> Option<Duration>;
    /// Time has passed: what waits for a time that is over now happens, but for what is held.
    fn time_has_passed(&mut self);
    /// The timer fires.
    fn tick(&mut self, stream: &mut Stream);
}

/// A place in the filter chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// The listener's.
    Gateway,
    /// The listener's, nearer to the client.
    Writer,
    /// A cluster's.
    Backend,
}

/// A callback of Envoy's. `end`: nothing follows. `size`: bytes that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Envoy's")]
pub enum Callback {
    RequestHeaders { end: bool },
    RequestBody { size: usize, end: bool },
    RequestTrailers,
    AnswerHeaders { end: bool },
    AnswerBody { size: usize, end: bool },
    AnswerTrailers,
    Log,
}

impl Callback {
    /// Whether nothing of the answer follows.
    pub fn ends_answer(self) -> bool {
        matches!(
            self,
            Self::AnswerHeaders { end: true }
                | Self::AnswerBody { end: true, .. }
                | Self::AnswerTrailers
        )
    }
}

/// What a callback wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Go on.
    Continue,
    /// Hold the stream.
    Pause,
}

/// The clock that everyone looks at.
pub type Clock = Rc<Cell<SystemTime>>;

/// What every worker shares and no reload clears: the host's shared data.
pub type Shared = Rc<RefCell<SharedData>>;

/// Values by key, each with the number of its last change.
#[derive(Debug, Default)]
pub struct SharedData {
    values: std::collections::BTreeMap<String, (Vec<u8>, u32)>,
    changes: u32,
    /// What everyone draws who asks for chance.
    pub draw: u64,
    /// What was counted, by the names under which Envoy keeps it: sums of counters, values of gauges,
    /// numbers of values in histograms.
    pub counted: std::collections::BTreeMap<String, u64>,
}

impl SharedData {
    /// The value and the number of its last change.
    pub fn get(&self, key: &str) -> Option<&(Vec<u8>, u32)> {
        self.values.get(key)
    }

    /// Sets a value; with a `cas` other than 0 only where its last change has that number, or
    /// where there is no value: then every write is unconditional. Tells whether it was set.
    pub fn set(&mut self, key: &str, value: &[u8], cas: u32) -> bool {
        if self.values.get(key).is_some_and(|(_, last)| cas != 0 && cas != *last) {
            return false;
        }
        self.changes += 1;
        self.values.insert(key.to_owned(), (value.to_vec(), self.changes));
        true
    }
}

/// Makes what sits in a worker's seats from a configuration.
pub type Seating<S> = Box<dyn Fn(&Value, &Clock, &Shared) -> S>;

/// Envoy with workers and backends.
pub struct Envoy<S> {
    seating: Seating<S>,
    config: Value,
    workers: Vec<S>,
    failover: Failover,
    worker: usize,
    clock: Clock,
    shared: Shared,
    backends: Vec<Backend>,
    /// The longest body that is held (`request_body_buffer_limit`).
    most: u64,
    /// How long things may take.
    patience: Patience,
    /// What the last request left for the access log.
    notes: Vec<(String, Vec<u8>)>,
}

impl<S: Seats> Envoy<S> {
    /// An Envoy with one worker and the story's configuration, that fails over in this way.
    pub fn new(story: &Story, failover: Failover, seating: Seating<S>) -> Self {
        let clock = Clock::new(Cell::new(SystemTime::UNIX_EPOCH + NINE_O_CLOCK));
        let shared = Shared::default();
        let config = story.config(|backend| format!("http://{backend}.test"));
        let workers = vec![seating(&config, &clock, &shared)];
        let backends = Backend::all(&config);
        let checked = spillway::config::check(&config).unwrap_or_else(|all| panic!("{all:#?}"));
        Self {
            seating,
            config,
            workers,
            failover,
            worker: 0,
            clock,
            shared,
            backends,
            most: checked.max_request_body,
            patience: Patience::new(&checked.timeouts),
            notes: Vec::new(),
        }
    }
}

/// 2026-11-20 09:00:00 UTC, and a little: not every request comes on the second.
const NINE_O_CLOCK: Duration = Duration::from_millis(1_795_165_200_250);
