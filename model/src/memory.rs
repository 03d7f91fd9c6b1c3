//! The host in memory: what the filters ask of Envoy, done on one [`Stream`] at a time.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use spillway::cleaning::Fields;
use spillway::host::{
    Body, Chance, Clock, Declaration, Map, Metrics, Plugin, Set, Store, StreamId, Timer, Version,
};
use spillway::metrics::Kind;
use spillway::time::{Micros, Millis};

use crate::http::{Answer, Headers};
use crate::{Shared, Stream};

/// One worker's host.
#[derive(Debug)]
pub struct Memory {
    clock: crate::Clock,
    shared: Shared,
    environment: BTreeMap<String, String>,
    /// The stream whose callback runs.
    stream: RefCell<Stream>,
    /// The period of the timer, where it runs, and when it fires next.
    pub(crate) timer: Cell<Option<(Duration, SystemTime)>>,
    /// The names in filter state that were declared to outlive a redirect.
    lasting: RefCell<BTreeSet<String>>,
    metrics: RefCell<Vec<(Kind, String)>>,
}

impl Memory {
    /// A host with this environment, on which nothing has happened.
    pub fn new(clock: crate::Clock, shared: Shared, environment: BTreeMap<String, String>) -> Self {
        Self {
            clock,
            shared,
            environment,
            stream: RefCell::default(),
            timer: Cell::default(),
            lasting: RefCell::default(),
            metrics: RefCell::default(),
        }
    }

    /// The stream whose callback runs, to put there what the callback finds and to look at what it
    /// leaves. Not to be kept while a filter is called.
    pub fn stream(&self) -> RefMut<'_, Stream> {
        self.stream.borrow_mut()
    }

    /// What the time is.
    pub(crate) fn time(&self) -> SystemTime {
        self.clock.get()
    }

    fn with<T>(&self, map: Map, act: impl FnOnce(&mut Headers) -> T) -> Option<T> {
        let stream = &mut *self.stream.borrow_mut();
        let headers = match map {
            Map::Request => &mut stream.request,
            Map::RequestTrailers => &mut stream.request_trailers,
            Map::Response => &mut stream.response,
            Map::ResponseTrailers => &mut stream.response_trailers,
        };
        headers.as_mut().map(act)
    }

    fn count(&self, id: u32, act: impl FnOnce(Kind, &mut u64)) {
        let metrics = self.metrics.borrow();
        let (kind, name) = &metrics[id as usize];
        let mut shared = self.shared.borrow_mut();
        match shared.counted.get_mut(name) {
            Some(number) => act(*kind, number),
            None => act(*kind, shared.counted.entry(name.clone()).or_default()),
        }
    }
}

impl spillway::host::Stream for Memory {
    fn headers(&self, map: Map) -> Fields {
        self.with(map, |headers| headers.0.clone()).unwrap_or_default()
    }

    fn header(&self, map: Map, name: &str) -> Option<Vec<u8>> {
        self.with(map, |headers| headers.get(name).map(<[u8]>::to_vec)).flatten()
    }

    fn set_header(&self, map: Map, name: &str, value: &[u8]) {
        assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{name}: {value:?}");
        self.with(map, |headers| headers.set(name, value));
    }

    fn add_header(&self, map: Map, name: &str, value: &[u8]) {
        self.with(map, |headers| headers.add(name, value));
    }

    fn remove_header(&self, map: Map, name: &str) {
        self.with(map, |headers| headers.remove(name));
    }

    fn remove_headers(&self, map: Map) {
        self.with(map, |headers| headers.0.clear());
    }

    fn body(&self, body: Body, place: Range<usize>) -> Vec<u8> {
        let stream = self.stream.borrow();
        let bytes = stream.body(body).unwrap_or_default();
        let end = place.end.min(bytes.len());
        bytes.get(place.start..end).unwrap_or_default().to_vec()
    }

    fn replace_body(&self, body: Body, place: Range<usize>, with: &[u8]) {
        let mut stream = self.stream.borrow_mut();
        if let Some(bytes) = stream.body_mut(body) {
            assert!(place.end <= bytes.len(), "{place:?} of {} bytes", bytes.len());
            bytes.splice(place, with.iter().copied());
        }
    }

    fn state(&self, name: &str) -> Option<Vec<u8>> {
        self.stream.borrow().filter_state.get(name).cloned()
    }

    fn set_state(&self, name: &str, value: &[u8]) {
        let mut stream = self.stream.borrow_mut();
        if self.lasting.borrow().contains(name) {
            stream.lasting.insert(name.to_owned());
        }
        stream.filter_state.insert(name.to_owned(), value.to_vec());
    }

    fn reply(&self, status: u16, headers: &[(&'static str, String)], body: &[u8]) {
        let own = |(name, value): &(&str, String)| ((*name).to_owned(), value.clone().into_bytes());
        let headers = Headers(headers.iter().map(own).collect());
        let answer = Answer { status, headers, body: body.to_vec(), ..Answer::default() };
        self.stream.borrow_mut().reply = Some(answer);
    }

    fn clear_route_cache(&self) {
        self.stream.borrow_mut().route_cleared = true;
    }

    fn client_uses_tls(&self) -> bool {
        false
    }

    fn connection(&self) -> Option<Vec<u8>> {
        self.stream.borrow().connection.clone()
    }

    /// Every callback here has its stream already.
    fn enter(&self, _: StreamId) -> bool {
        true
    }

    fn resume_response(&self) {
        self.stream.borrow_mut().response_resumed = true;
    }

    fn end_response(&self) {
        self.stream.borrow_mut().response_ended = true;
    }
}

impl Store for Memory {
    fn get(&self, key: &str) -> (Vec<u8>, Version) {
        let found = self.shared.borrow().get(key).cloned();
        found.map_or_else(Default::default, |(value, last)| (value, Some(last)))
    }

    fn set(&self, key: &str, value: &[u8], version: Version) -> Set {
        let done = self.shared.borrow_mut().set(key, value, version.unwrap_or_default());
        if done { Set::Done } else { Set::Conflict }
    }
}

impl Clock for Memory {
    fn moment(&self) -> Micros {
        let since = self.clock.get().duration_since(UNIX_EPOCH).expect("after 1970");
        Micros(u64::try_from(since.as_micros()).expect("not that late"))
    }
}

impl Chance for Memory {
    fn draw(&self) -> u64 {
        self.shared.borrow_mut().draw.draw()
    }
}

impl Metrics for Memory {
    fn define(&self, kind: Kind, name: &str) -> Option<u32> {
        let mut metrics = self.metrics.borrow_mut();
        metrics.push((kind, name.to_owned()));
        self.shared.borrow_mut().counted.entry(name.to_owned()).or_default();
        u32::try_from(metrics.len() - 1).ok()
    }

    fn increment(&self, id: u32, by: u64) {
        self.count(id, |_, number| *number += by);
    }

    fn move_gauge(&self, id: u32, by: i64) {
        self.count(id, |_, number| {
            *number = number.checked_add_signed(by).expect("a gauge does not fall below nothing");
        });
    }

    fn record(&self, id: u32, value: u64) {
        self.count(id, |kind, number| match kind {
            Kind::Histogram(_) => *number += 1,
            Kind::Counter | Kind::Gauge => *number = value,
        });
    }

    fn value(&self, id: u32) -> Option<u64> {
        let metrics = self.metrics.borrow();
        self.shared.borrow().counted.get(&metrics[id as usize].1).copied()
    }
}

impl Timer for Memory {
    fn set_timer(&self, period: Millis) {
        let period = Duration::from_millis(period.0);
        let runs = !period.is_zero();
        self.timer.set(runs.then(|| (period, self.clock.get() + period)));
    }
}

impl Plugin for Memory {
    fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(name).cloned()
    }

    fn declare(&self, name: &str, how: Declaration) {
        if how == Declaration::Lasting {
            self.lasting.borrow_mut().insert(name.to_owned());
        }
    }
}
