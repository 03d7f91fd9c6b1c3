//! The filters, run in memory.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use spillway::failover_mode::FailoverMode;
use spillway::filter::{self, Call, Filter, Worker};
use spillway::gateway::Gateway;
use spillway::host::StreamId;

use crate::{Action, Callback, Clock, Memory, Place, Plugins, Runtime, Shared, Stream};

/// A worker whose filters run in memory.
#[derive(Debug)]
pub struct Native {
    host: Memory,
    worker: Worker,
    plugins: Plugins,
    last: u32,
    filters: HashMap<u32, Filter>,
}

impl Native {
    /// A worker with this configuration, that fails over in this way.
    pub fn new(
        config: &Value,
        failover: FailoverMode,
        clock: &Clock,
        shared: &Shared,
        environment: &BTreeMap<String, String>,
    ) -> Self {
        let host = Memory::new(clock.clone(), shared.clone(), environment.clone());
        let mut worker = Worker::new(&host);
        let mut call = Call { worker: &mut worker, host: &host };
        let plugins = Plugins::configure(config, failover, &host, &mut call);
        Self { host, worker, plugins, last: LAST_WORDS, filters: HashMap::new() }
    }

    /// A worker with a configuration that is ready.
    pub fn serving(gateway: &Rc<Gateway>, clock: &Clock, shared: &Shared) -> Self {
        let host = Memory::new(clock.clone(), shared.clone(), BTreeMap::new());
        let mut worker = Worker::new(&host);
        let mut call = Call { worker: &mut worker, host: &host };
        let plugins = Plugins::serving(gateway, &mut call);
        Self { host, worker, plugins, last: LAST_WORDS, filters: HashMap::new() }
    }

    /// Calls a filter, with the stream in the host's hands.
    fn call<R>(
        &mut self,
        context: u32,
        stream: &mut Stream,
        with: impl FnOnce(&mut Filter, &mut Call<'_>) -> R,
    ) -> R {
        std::mem::swap(&mut *self.host.stream(), stream);
        let filter = self.filters.get_mut(&context).expect("open");
        let result = with(filter, &mut Call { worker: &mut self.worker, host: &self.host });
        std::mem::swap(&mut *self.host.stream(), stream);
        result
    }

    /// Fires the timer as often as it is due.
    fn fire(&mut self) {
        while let Some((period, due)) = self.host.timer.get() {
            if due > self.host.time() {
                return;
            }
            self.host.timer.set(Some((period, due + period)));
            Call { worker: &mut self.worker, host: &self.host }.on_tick();
        }
    }
}

impl Runtime for Native {
    fn open(&mut self, place: Place) -> u32 {
        if place == Place::LastWords {
            return LAST_WORDS;
        }
        self.last += 1;
        let mut call = Call { worker: &mut self.worker, host: &self.host };
        let filter = self.plugins.filter(place, StreamId(self.last), &mut call);
        self.filters.insert(self.last, filter.expect("it is configured"));
        self.last
    }

    fn on(&mut self, context: u32, callback: Callback, stream: &mut Stream) -> Action {
        if context == LAST_WORDS {
            say_last_words(callback, stream);
            return Action::Continue;
        }
        let action = self.call(context, stream, |filter, call| match callback {
            Callback::RequestHeaders { end } => filter.on_request_headers(end, call),
            Callback::RequestBody { size, end } => filter.on_request_body(size, end, call),
            Callback::RequestTrailers => filter.on_request_trailers(call),
            Callback::ResponseHeaders { end } => filter.on_response_headers(end, call),
            Callback::ResponseBody { size, end } => filter.on_response_body(size, end, call),
            Callback::ResponseTrailers => filter.on_response_trailers(call),
            Callback::Log => {
                filter.on_log(call);
                filter::Action::Continue
            }
        });
        match action {
            filter::Action::Continue => Action::Continue,
            filter::Action::Pause => Action::Pause,
        }
    }

    fn close(&mut self, context: u32, stream: &mut Stream) {
        if context == LAST_WORDS {
            return;
        }
        self.call(context, stream, |filter, call| {
            filter.on_done(call);
            filter.on_delete(call);
        });
        self.filters.remove(&context);
    }

    fn timer(&self) -> Option<Duration> {
        let (_, due) = self.host.timer.get()?;
        let wait = due.duration_since(self.host.time()).unwrap_or_default();
        Some(wait.max(Duration::from_millis(1)))
    }

    fn time_has_passed(&mut self) {
        self.fire();
    }

    fn tick(&mut self, stream: &mut Stream) {
        std::mem::swap(&mut *self.host.stream(), stream);
        self.fire();
        std::mem::swap(&mut *self.host.stream(), stream);
    }
}

/// What `last_words.wat` does: the words that were left go into an empty part.
fn say_last_words(callback: Callback, stream: &mut Stream) {
    if callback == (Callback::ResponseBody { size: 0, end: false })
        && let Some(words) = stream.filter_state.remove("spillway.last_words")
        && let Some(body) = &mut stream.response_body
    {
        body.extend(words);
    }
}

/// Every stream's in the last-words filter, which is told of none.
const LAST_WORDS: u32 = 0;
