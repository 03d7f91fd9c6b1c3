//! A runtime that is watched: which callbacks the stories reach.
//!
//! A callback of the filters that no story reaches would be code that the first stage does not test.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use spillway_model::{Action, Callback, Place, Runtime, Stream};

/// A runtime, and the place of each of its streams.
#[derive(Debug)]
pub struct Watched<R> {
    runtime: R,
    places: Vec<(u32, Place)>,
}

static REACHED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Every callback that was reached so far in this process, as `upstream request headers`.
pub fn reached() -> BTreeSet<String> {
    REACHED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Every callback that the filters have.
pub fn all() -> BTreeSet<String> {
    let callbacks = [
        "request headers",
        "request body",
        "request trailers",
        "response headers",
        "response body",
        "response trailers",
        "done",
    ];
    let places = ["downstream", "upstream"];
    let each = places.iter().flat_map(|place| callbacks.map(|name| format!("{place} {name}")));
    each.chain(["downstream log".to_owned(), "timer".to_owned()]).collect()
}

fn note(what: String) {
    REACHED.lock().unwrap_or_else(PoisonError::into_inner).insert(what);
}

impl<R> Watched<R> {
    /// Watches a runtime.
    pub const fn new(runtime: R) -> Self {
        Self { runtime, places: Vec::new() }
    }

    fn note(&self, context: u32, what: &str) {
        let place = match self.places.iter().rev().find(|(known, _)| *known == context) {
            Some((_, Place::Downstream)) => "downstream",
            Some((_, Place::Upstream)) => "upstream",
            Some((_, Place::LastWords)) | None => return,
        };
        note(format!("{place} {what}"));
    }
}

impl<R: Runtime> Runtime for Watched<R> {
    fn open(&mut self, place: Place) -> u32 {
        let context = self.runtime.open(place);
        self.places.push((context, place));
        context
    }

    fn on(&mut self, context: u32, callback: Callback, stream: &mut Stream) -> Action {
        self.note(
            context,
            match callback {
                Callback::RequestHeaders { .. } => "request headers",
                Callback::RequestBody { .. } => "request body",
                Callback::RequestTrailers => "request trailers",
                Callback::ResponseHeaders { .. } => "response headers",
                Callback::ResponseBody { .. } => "response body",
                Callback::ResponseTrailers => "response trailers",
                Callback::Log => "log",
            },
        );
        self.runtime.on(context, callback, stream)
    }

    fn close(&mut self, context: u32, stream: &mut Stream) {
        self.note(context, "done");
        self.runtime.close(context, stream);
        self.places.retain(|(known, _)| *known != context);
    }

    fn timer(&self) -> Option<Duration> {
        self.runtime.timer()
    }

    fn time_has_passed(&mut self) {
        self.runtime.time_has_passed();
    }

    fn tick(&mut self, stream: &mut Stream) {
        note("timer".to_owned());
        self.runtime.tick(stream);
    }
}
