//! The worker: its host in memory, its requests, and what must hold after each callback.

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use spillway::breaker::store::{self, BreakerStore};
#[cfg(test)]
use spillway::exchange::effect::RETRY;
use spillway::exchange::repetition::most_retries;
use spillway::failover_mode::FailoverMode;
use spillway::filter::{Action, Call, Filter, Worker};
use spillway::host::{Clock as _, StreamId};
use spillway_model::{Clock, Draw, Memory, Place, Plugins, Shared, Stream};
use spillway_stories::story::environment;

use super::given::{CONFIG, SMALL, request_headers, response_headers, trailers};
use super::{Callback, Step};

/// One worker, and all that happens on it.
pub(super) struct Play {
    host: Memory,
    shared: Shared,
    clock: Clock,
    failover: FailoverMode,
    worker: Worker,
    plugins: Plugins,
    requests: Vec<Request>,
    streams: u32,
    reloads: usize,
}

/// One request: its stream, and the filters that it has now.
#[derive(Default)]
struct Request {
    stream: Stream,
    downstream: Option<Installed>,
    upstream: Option<Installed>,
}

/// A filter, and the bodies as it knows them.
struct Installed {
    filter: Filter,
    request: Body,
    response: Body,
}

/// What is there of a body.
#[derive(Default)]
struct Body {
    bytes: Vec<u8>,
    held: bool,
}

impl Play {
    /// A worker that fails over in this way.
    pub(super) fn new(failover: FailoverMode) -> Self {
        let clock = Clock::new(Cell::new(SystemTime::UNIX_EPOCH + NINE_O_CLOCK));
        let shared = Shared::default();
        let own = clock.clone();
        let millis =
            move || own.get().duration_since(SystemTime::UNIX_EPOCH).map(|s| s.as_millis());
        shared.borrow_mut().draw = Draw::from(move || millis().map_or(0, |millis| millis as u64));
        let host = Memory::new(clock.clone(), shared.clone(), environment());
        let mut worker = Worker::new(&host);
        let mut call = Call { worker: &mut worker, host: &host };
        let plugins = Plugins::configure(&CONFIG, failover, &host, &mut call);
        let (requests, streams, reloads) = (Vec::new(), 0, 0);
        Self { host, shared, clock, failover, worker, plugins, requests, streams, reloads }
    }

    /// Something happens.
    pub(super) fn step(&mut self, step: &Step<'_>) {
        match step {
            Step::Opens => {
                self.requests.push(Request::default());
                self.open(self.requests.len() - 1, Place::Downstream);
            }
            Step::ComesBack { request } => {
                if let Some(at) = self.at(*request) {
                    self.open(at, Place::Downstream);
                }
            }
            Step::Attempts { request } => {
                if let Some(at) = self.at(*request) {
                    self.open(at, Place::Upstream);
                }
            }
            Step::Calls { request, upstream, callback } => {
                if let Some(at) = self.at(*request) {
                    self.call(at, *upstream, callback);
                }
            }
            Step::Ticks { request } => {
                let at = self.at(*request);
                self.swap(at);
                Call { worker: &mut self.worker, host: &self.host }.on_tick();
                self.swap(at);
            }
            Step::Passes(hundredths) => {
                let span = Duration::from_millis(u64::from(*hundredths) * 10);
                self.clock.set(self.clock.get() + span);
            }
            Step::Reloads { small } if self.reloads < MOST_RELOADS => {
                self.reloads += 1;
                let config = if *small { &SMALL } else { &CONFIG };
                let mut call = Call { worker: &mut self.worker, host: &self.host };
                self.plugins = Plugins::configure(config, self.failover, &self.host, &mut call);
            }
            Step::Reloads { .. } => {}
        }
    }

    /// A stream begins. The one that was in this place of the request is gone.
    fn open(&mut self, at: usize, place: Place) {
        let upstream = place == Place::Upstream;
        self.call(at, upstream, &Callback::Done { connected: false });
        self.call(at, upstream, &Callback::Delete);
        self.streams += 1;
        let mut call = Call { worker: &mut self.worker, host: &self.host };
        let filter = self.plugins.filter(place, StreamId(self.streams), &mut call);
        let filter = filter.expect("both places are configured");
        let (request, response) = (Body::default(), Body::default());
        *self.requests[at].place(upstream) = Some(Installed { filter, request, response });
    }

    fn call(&mut self, at: usize, upstream: bool, callback: &Callback<'_>) {
        let Some(mut place) = self.requests[at].place(upstream).take() else { return };
        {
            let stream = &mut self.requests[at].stream;
            (stream.reply, stream.route_cleared) = (None, false);
            place.prepare(stream, upstream, callback);
        }
        self.swap(Some(at));
        let call = &mut Call { worker: &mut self.worker, host: &self.host };
        let action = place.on(callback, call);
        self.swap(Some(at));
        let stream = &mut self.requests[at].stream;
        place.take_back(stream, callback, action);
        let replied = stream.reply.is_some();
        assert!(!(replied && stream.route_cleared), "it is refused, and sent");
        assert!(!replied || action == Some(Action::Pause), "it goes on after {:?}", stream.reply);
        if !matches!(callback, Callback::Delete) {
            *self.requests[at].place(upstream) = Some(place);
        }
        self.holds(at);
    }

    /// What must hold after each callback.
    fn holds(&self, at: usize) {
        if let Some(backend) = self.backend(at) {
            assert!(REGIONS.contains(&backend.as_str()), "{backend}");
        }
        let request = self.requests[at].stream.request.as_ref();
        if let Some(retries) = request.and_then(|headers| headers.text("x-envoy-max-retries")) {
            assert!(
                retries
                    .parse::<usize>()
                    .is_ok_and(|retries| retries <= most_retries(REGIONS.len())),
                "{retries}"
            );
        }
        let now = self.host.now();
        let shared = self.shared.borrow();
        let stored = shared.get(store::KEY).map(|(bytes, _)| bytes.as_slice()).unwrap_or_default();
        let bytes = BreakerStore::decode(stored).encode(now);
        assert_eq!(
            BreakerStore::decode(&bytes).encode(now),
            bytes,
            "a breaker store survives its way"
        );
    }

    /// The backend that the router is told for a request.
    pub(super) fn backend(&self, at: usize) -> Option<String> {
        self.told(at, "cluster")
    }

    /// What the filters have left in a request's filter state.
    pub(super) fn told(&self, at: usize, word: &str) -> Option<String> {
        let value = self.requests[at].stream.filter_state.get(&format!("spillway.{word}"))?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    /// Whether the answer of a request's backend asks the router for another attempt.
    #[cfg(test)]
    pub(super) fn asks_again(&self, at: usize) -> bool {
        let answer = self.requests[at].stream.response.as_ref();
        answer.is_some_and(|headers| headers.get(RETRY).is_some())
    }

    fn at(&self, request: u8) -> Option<usize> {
        usize::from(request).checked_rem(self.requests.len())
    }

    /// Puts a request's stream into the host's hands, or takes it out again.
    fn swap(&mut self, at: Option<usize>) {
        if let Some(request) = at.and_then(|at| self.requests.get_mut(at)) {
            std::mem::swap(&mut *self.host.stream(), &mut request.stream);
        }
    }
}

impl Request {
    const fn place(&mut self, upstream: bool) -> &mut Option<Installed> {
        if upstream { &mut self.upstream } else { &mut self.downstream }
    }
}

impl Installed {
    /// Puts into the stream what the callback is about.
    fn prepare(&mut self, stream: &mut Stream, upstream: bool, callback: &Callback<'_>) {
        match callback {
            Callback::RequestHeaders { path, length, cookie, .. } => {
                // An attempt has the request's headers as the last one left them.
                if !upstream || stream.request.is_none() {
                    stream.request = Some(request_headers(*path, *length, *cookie));
                }
            }
            Callback::RequestBody { bytes, times, .. } => {
                self.request.arrives(bytes, *times);
                stream.request_body = Some(self.request.bytes.clone());
            }
            Callback::RequestTrailers { value } => {
                stream.request_body = self.request.held.then(|| self.request.bytes.clone());
                stream.request_trailers = Some(trailers(value));
            }
            Callback::ResponseHeaders { status, kind, header, value, .. } => {
                if upstream {
                    stream.connection = Some(ADDRESS.to_vec());
                } else {
                    stream.request = None;
                }
                stream.response = Some(response_headers(*status, *kind, *header, value));
            }
            Callback::ResponseBody { bytes, times, .. } => {
                self.response.arrives(bytes, *times);
                stream.response_body = Some(self.response.bytes.clone());
            }
            Callback::ResponseTrailers { value } => {
                stream.response_body = self.response.held.then(|| self.response.bytes.clone());
                stream.response_trailers = Some(trailers(value));
            }
            Callback::Done { connected } => {
                stream.connection = connected.then(|| ADDRESS.to_vec());
            }
            Callback::Log | Callback::Delete => {}
        }
    }

    fn on(&mut self, callback: &Callback<'_>, call: &mut Call<'_>) -> Option<Action> {
        let (filter, request, response) =
            (&mut self.filter, self.request.bytes.len(), self.response.bytes.len());
        Some(match callback {
            Callback::RequestHeaders { end, .. } => filter.on_request_headers(*end, call),
            Callback::RequestBody { end, .. } => filter.on_request_body(request, *end, call),
            Callback::RequestTrailers { .. } => filter.on_request_trailers(call),
            Callback::ResponseHeaders { end, .. } => filter.on_response_headers(*end, call),
            Callback::ResponseBody { end, .. } => filter.on_response_body(response, *end, call),
            Callback::ResponseTrailers { .. } => filter.on_response_trailers(call),
            Callback::Log => {
                filter.on_log(call);
                return None;
            }
            Callback::Done { .. } => {
                filter.on_done(call);
                return None;
            }
            Callback::Delete => {
                filter.on_delete(call);
                return None;
            }
        })
    }

    /// Takes out of the stream what the filter has left of bodies, and keeps what is held.
    fn take_back(&mut self, stream: &mut Stream, callback: &Callback<'_>, action: Option<Action>) {
        let body = match callback {
            Callback::RequestHeaders { .. }
            | Callback::RequestBody { .. }
            | Callback::RequestTrailers { .. } => &mut self.request,
            Callback::ResponseHeaders { .. }
            | Callback::ResponseBody { .. }
            | Callback::ResponseTrailers { .. } => &mut self.response,
            Callback::Log | Callback::Done { .. } | Callback::Delete => return,
        };
        body.held = action == Some(Action::Pause);
        let left = stream.request_body.take().or(stream.response_body.take());
        if let Some(left) = left {
            body.bytes = left;
        }
        (stream.request_trailers, stream.response_trailers) = (None, None);
    }
}

impl Body {
    /// A part arrives, made of these bytes and longer than they are: behind what is held.
    fn arrives(&mut self, bytes: &[u8], times: u8) {
        if !self.held {
            self.bytes.clear();
        }
        for _ in 0..=times % 16 {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

/// 2026-11-20 09:00:00 UTC.
const NINE_O_CLOCK: Duration = Duration::from_millis(1_795_165_200_000);

/// The backends that are in pools.
const REGIONS: [&str; 3] = ["eastus", "westus", "uksouth"];

/// A reload costs as much as hundreds of callbacks.
const MOST_RELOADS: usize = 4;

/// This side's of every connection to a backend.
const ADDRESS: &[u8] = b"127.0.0.1:40000";
