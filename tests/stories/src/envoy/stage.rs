//! The model of Envoy as a stage: its time is virtual, and it can do all that a story may need.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{Backend, Envoy, Seats};
use crate::http::{Answer, Reaction, Received, Request};
use crate::stage::Stage;

impl<S: Seats> Stage for Envoy<S> {
    fn now(&self) -> SystemTime {
        self.clock.get()
    }

    fn authority(&self, backend: &str) -> String {
        self.backend(backend).authority.clone()
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
        let shared = self.shared.borrow();
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
        self.clock.set(self.clock.get() + span);
        self.workers.iter_mut().for_each(Seats::time_has_passed);
    }

    fn roll(&mut self, draw: u64) {
        self.shared.borrow_mut().draw = draw;
    }

    fn use_worker(&mut self, worker: usize) {
        while self.workers.len() <= worker {
            self.workers.push((self.seating)(&self.config, &self.clock, &self.shared));
        }
        self.worker = worker;
    }

    fn reload(&mut self, config: &Value) {
        self.config = config.clone();
        for worker in &mut self.workers {
            *worker = (self.seating)(config, &self.clock, &self.shared);
        }
        let mut backends = Backend::all(config);
        for backend in &mut backends {
            let Some(at) = self.backends.iter().position(|old| old.name == backend.name) else {
                continue;
            };
            backend.received = std::mem::take(&mut self.backends[at].received);
            backend.reactions = std::mem::take(&mut self.backends[at].reactions);
        }
        self.backends = backends;
    }
}

impl<S: Seats> Envoy<S> {
    fn backend(&self, name: &str) -> &Backend {
        let backend = self.backends.iter().find(|backend| backend.name == name);
        backend.unwrap_or_else(|| panic!("the story has no backend {name}"))
    }

    fn backend_mut(&mut self, name: &str) -> &mut Backend {
        let backend = self.backends.iter_mut().find(|backend| backend.name == name);
        backend.unwrap_or_else(|| panic!("the story has no backend {name}"))
    }
}
