//! The model of Envoy as a stage: its time is virtual, and it can do all that a story may need.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use spillway::config::{Config, check};
use spillway::failover_mode::FailoverMode;
use spillway_model::{Clock, Draw, Envoy, Native, Runtime, Shared, Step};

use crate::backend::Backend;
use crate::http::{Answer, Reaction, Received, Request};
use crate::stage::Stage;
use crate::story::{Story, environment};
use crate::watched::Watched;

/// Starts a worker with a configuration.
pub type Start<R> = Box<dyn Fn(&Value, &Clock, &Shared) -> R>;

/// A modelled Envoy between a client and backends that do as they are told.
pub struct Modelled<R> {
    envoy: Envoy<R>,
    start: Start<R>,
    config: Value,
    worker: usize,
    backends: Vec<Backend>,
    /// What the last request left for the access log.
    notes: Vec<(String, Vec<u8>)>,
}

/// A stage of the filters in memory with this story's configuration, that fails over in this way.
pub fn in_memory(story: &Story, failover: FailoverMode) -> Modelled<Watched<Native>> {
    let start = move |config: &Value, clock: &Clock, shared: &Shared| {
        Watched::new(Native::new(config, failover, clock, shared, &environment()))
    };
    Modelled::new(story, failover, Box::new(start))
}

impl<R: Runtime> Modelled<R> {
    /// An Envoy with one worker and the story's configuration, that fails over in this way.
    pub fn new(story: &Story, failover: FailoverMode, start: Start<R>) -> Self {
        let clock = Clock::new(std::cell::Cell::new(SystemTime::UNIX_EPOCH + NINE_O_CLOCK));
        let shared = Shared::default();
        let config = story.config(|backend| format!("http://{backend}.test"));
        let workers = vec![start(&config, &clock, &shared)];
        let known = checked(&config);
        let names = known.backends.iter().map(|backend| backend.name.clone());
        let backends = names.map(Backend::new).collect();
        let envoy = Envoy::new(&known, failover, workers, clock, shared, &environment());
        Self { envoy, start, config, worker: 0, backends, notes: Vec::new() }
    }
}

/// After every story, each attempt that has begun is over.
impl<R> Drop for Modelled<R> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let shared = self.envoy.shared.borrow();
        let is_left = |(name, count): &(&String, &u64)| {
            name.starts_with("spillway_attempts_in_flight") && **count != 0
        };
        let left: Vec<_> = shared.counted.iter().filter(is_left).collect();
        assert!(left.is_empty(), "attempts that never end: {left:?}");
    }
}

impl<R> fmt::Debug for Modelled<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Modelled").field("config", &self.config).finish_non_exhaustive()
    }
}

fn checked(config: &Value) -> Config {
    check(config).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

impl<R: Runtime> Stage for Modelled<R> {
    fn now(&self) -> SystemTime {
        self.envoy.clock.get()
    }

    fn authority(&self, backend: &str) -> String {
        self.envoy.cluster(backend).expect("a backend of the story").authority.clone()
    }

    fn script(&mut self, backend: &str, reactions: Vec<Reaction>) {
        self.backend_mut(backend).reactions = reactions.into();
    }

    fn set_reachable(&mut self, backend: &str, reachable: bool) {
        self.backend_mut(backend).reachable = reachable;
    }

    fn send(&mut self, request: &Request) -> Answer {
        self.serve(request)
    }

    fn received(&self, backend: &str) -> Vec<Received> {
        self.backend(backend).received.clone()
    }

    fn noted(&self, word: &str) -> String {
        let note = self.notes.iter().find(|(name, _)| *name == format!("spillway.{word}"));
        note.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    }

    #[track_caller]
    fn expect_counted(&mut self, name: &str, labels: &[(&str, &str)], amount: u64) {
        let shared = self.envoy.shared.borrow();
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| format!(".{name}={value};")).collect();
        let is = |key: &str| {
            key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let found = shared.counted.iter().filter(|(key, _)| is(key));
        let found = found.filter(|(key, _)| labels.iter().all(|label| key.contains(label)));
        let sum: u64 = found.map(|(_, amount)| amount).sum();
        assert_eq!(sum, amount, "{name} {labels:?} of {:#?}", shared.counted);
    }

    #[track_caller]
    fn expect_rest(&mut self, backend: &str, rest: Duration, probe: &Request) {
        let asked = |stage: &mut Self| {
            let before = stage.received(backend).len();
            stage.send(probe);
            stage.received(backend).len() > before
        };
        assert!(!asked(self), "{backend} is asked at once");
        self.pass(rest - Duration::from_millis(1));
        assert!(!asked(self), "{backend} is asked before {rest:?} are over");
        self.pass(Duration::from_millis(1));
        assert!(asked(self), "{backend} is not asked although {rest:?} are over");
    }

    fn pass(&mut self, span: Duration) {
        let clock = &self.envoy.clock;
        clock.set(clock.get() + span);
        self.envoy.workers.iter_mut().for_each(Runtime::time_has_passed);
    }

    fn roll(&mut self, draw: u64) {
        self.envoy.shared.borrow_mut().draw = Draw::always(draw);
    }

    fn use_worker(&mut self, worker: usize) {
        while self.envoy.workers.len() <= worker {
            let next = (self.start)(&self.config, &self.envoy.clock, &self.envoy.shared);
            self.envoy.workers.push(next);
        }
        self.worker = worker;
    }

    fn reload(&mut self, config: &Value) {
        self.config = config.clone();
        for at in 0..self.envoy.workers.len() {
            let next = (self.start)(config, &self.envoy.clock, &self.envoy.shared);
            self.envoy.workers[at] = next;
        }
        let config = checked(config);
        self.envoy.configure(&config, &environment());
        let mut old = std::mem::take(&mut self.backends);
        let known = |name: &String| old.iter().position(|backend| backend.name == *name);
        let names: Vec<_> = config.backends.iter().map(|backend| backend.name.clone()).collect();
        let places: Vec<_> = names.iter().map(known).collect();
        self.backends = names
            .into_iter()
            .zip(places)
            .map(|(name, at)| Backend {
                reachable: true,
                ..at.map_or_else(|| Backend::new(name), |at| std::mem::take(&mut old[at]))
            })
            .collect();
    }
}

impl<R: Runtime> Modelled<R> {
    fn serve(&mut self, request: &Request) -> Answer {
        let (mut passage, mut step) = self.envoy.begin(self.worker, request);
        loop {
            step = match step {
                Step::Attempt => self.envoy.attempt(&mut passage),
                Step::Send(sent) => {
                    let reaction = self.backend_mut(&sent.cluster.clone()).receive(sent);
                    self.envoy.reacts(&mut passage, reaction)
                }
                Step::Done(answer) => {
                    self.notes = passage.state().clone().into_iter().collect();
                    return answer;
                }
            };
        }
    }

    fn backend(&self, name: &str) -> &Backend {
        let backend = self.backends.iter().find(|backend| backend.name == name);
        backend.unwrap_or_else(|| panic!("the story has no backend {name}"))
    }

    fn backend_mut(&mut self, name: &str) -> &mut Backend {
        let backend = self.backends.iter_mut().find(|backend| backend.name == name);
        backend.unwrap_or_else(|| panic!("the story has no backend {name}"))
    }
}

/// 2026-11-20 09:00:00 UTC, and a little: not every request comes on the second.
const NINE_O_CLOCK: Duration = Duration::from_millis(1_795_165_200_250);
