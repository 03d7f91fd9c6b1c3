//! What the filters need of whatever runs them.
//!
//! Envoy offers it as host calls of a WebAssembly VM (`wasm`); a test, a simulation or another kind
//! of Envoy extension offers the same in its own way. The traits say what a host does and leave it no
//! decision: everything that decides is in the filters ([`crate::filter`]) and in the core.
//!
//! Each callback gets the host as `&dyn Host`. What belongs to one request ([`Stream`]) is about the
//! stream whose callback runs, or about the one that was entered last ([`Stream::enter`]).

#[cfg(target_os = "wasi")]
pub mod wasm;

use std::ops::Range;

use crate::cleaning::Fields;
use crate::metrics::Kind;
use crate::time::{Micros, Millis, Timestamp};

/// Everything that a filter may ask of its host.
pub trait Host: Stream + Outside + Metrics + Timer {}

impl<T: Stream + Outside + Metrics + Timer> Host for T {}

/// What lies outside of a worker and decides with it: the time, what all workers share, and chance.
pub trait Outside: Clock + Store + Chance {}

impl<T: Clock + Store + Chance> Outside for T {}

/// One run of a request through one filter, as the host numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u32);

/// Which headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Map {
    /// The request's.
    Request,
    /// The request's, after its body; only in the callback that has them.
    RequestTrailers,
    /// The response's.
    Response,
    /// The response's, after its body; only in the callback that has them.
    ResponseTrailers,
}

/// Which body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// The request's.
    Request,
    /// The response's.
    Response,
}

/// The stream of a request: what passes, and what its filters leave for each other.
///
/// What is not there any more cannot be changed, and is read as nothing: a filter does not fail
/// because its client has left.
pub trait Stream {
    /// All headers of a map, with names in lower case.
    fn headers(&self, map: Map) -> Fields;

    /// The first header of this name.
    fn header(&self, map: Map, name: &str) -> Option<Vec<u8>>;

    /// Has this one value stand under this name.
    fn set_header(&self, map: Map, name: &str, value: &[u8]);

    /// Adds a value next to those that are there.
    fn add_header(&self, map: Map, name: &str, value: &[u8]);

    /// Removes all values of this name.
    fn remove_header(&self, map: Map, name: &str);

    /// Removes all headers of a map.
    fn remove_headers(&self, map: Map);

    /// These bytes of the part of a body that is there, as far as they are.
    fn body(&self, body: Body, place: Range<usize>) -> Vec<u8>;

    /// Puts bytes in the place of these. An empty place of a response is behind all that is there.
    fn replace_body(&self, body: Body, place: Range<usize>, with: &[u8]);

    /// What was left under this name in the stream's filter state, by any filter.
    fn state(&self, name: &str) -> Option<Vec<u8>>;

    /// Leaves this in the stream's filter state: for other filters, the router and the access log.
    fn set_state(&self, name: &str, value: &[u8]);

    /// Answers the client with this; the request goes nowhere.
    fn reply(&self, status: u16, headers: &[(&'static str, String)], body: &[u8]);

    /// Has the route's cluster chosen again.
    fn clear_route_cache(&self);

    /// Whether the client's own connection is TLS.
    fn client_uses_tls(&self) -> bool;

    /// This side's address of the connection that the current attempt has to its backend, or had;
    /// `None` if there never was one.
    fn connection(&self) -> Option<Vec<u8>>;

    /// Has what follows be about this stream. Returns `false` if it is gone.
    fn enter(&self, stream: StreamId) -> bool;

    /// Lets the response go on that this filter holds.
    fn resume_response(&self);

    /// Breaks the response off, behind what goes on.
    fn end_response(&self);
}

/// Values that all workers share.
pub trait Store {
    /// The value of this key, empty where there is none, and the version that it has.
    fn get(&self, key: &str) -> (Vec<u8>, Version);

    /// Sets the value if it still has this version.
    fn set(&self, key: &str, value: &[u8], version: Version) -> Set;
}

/// Which value of a key it is; `None`: nothing was ever set, and whoever sets it first may.
pub type Version = Option<u32>;

/// What came of setting a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// It is set.
    Done,
    /// Another worker was faster.
    Conflict,
    /// The host does not take it.
    Refused,
}

/// The time.
pub trait Clock {
    /// Microseconds since the epoch.
    fn moment(&self) -> Micros;

    /// The same in milliseconds, cut off.
    fn now(&self) -> Timestamp {
        self.moment().cut_off()
    }
}

/// Chance.
pub trait Chance {
    /// Any number.
    fn draw(&self) -> u64;
}

/// Numbers for operators. One number for all workers stands behind each name.
pub trait Metrics {
    /// Finds the metric of this name, or makes it.
    fn define(&self, kind: Kind, name: &str) -> Option<u32>;

    /// Adds to a counter.
    fn increment(&self, id: u32, by: u64);

    /// Moves a gauge, up or down.
    fn move_gauge(&self, id: u32, by: i64);

    /// Sets a gauge, or puts a value into a histogram.
    fn record(&self, id: u32, value: u64);

    /// Where a gauge is.
    fn value(&self, id: u32) -> Option<u64>;
}

/// The timer of a worker.
pub trait Timer {
    /// Has the timer fire after each such span; after none: never.
    fn set_timer(&self, period: Millis);
}

/// What a host offers while a filter is configured.
pub trait Plugin {
    /// A variable of the environment that the filter is given.
    fn variable(&self, name: &str) -> Option<String>;

    /// Says what a name in the stream's filter state is like, before it is set for the first time.
    fn declare(&self, name: &str, how: Declaration);
}

/// What a name in filter state is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declaration {
    /// It stays when Envoy redirects the request inside itself. Otherwise it ends with the first run
    /// through the filters.
    Lasting,
    /// It is text for Envoy's expressions, which make numbers of it. Otherwise it is bytes.
    Text,
    /// It is a list for Envoy's expressions, in protobuf ([`crate::exchange::attempt_list`]).
    List,
}

/// Changes a shared value, and again the newer one where another worker was faster. Returns whether it
/// was changed; `None` from `to` leaves it as it is.
pub fn change<S: Store + ?Sized>(
    store: &S,
    key: &str,
    mut to: impl FnMut(&[u8]) -> Option<Vec<u8>>,
) -> bool {
    for _ in 0..MOST_TRIES {
        let (bytes, version) = store.get(key);
        let Some(changed) = to(&bytes) else { return false };
        match store.set(key, &changed, version) {
            Set::Conflict => {}
            result => return result == Set::Done,
        }
    }
    log::warn!("`{key}` was busy {MOST_TRIES} times; an observation was dropped");
    false
}

/// Makes sure that there is a value to compare with: on a key that was never written, two workers'
/// first writes would both be unconditional, and one be lost. Filters are configured on one thread
/// before any worker serves.
pub fn lay_out(store: &dyn Store, key: &str, value: &[u8]) {
    if let (_, None) = store.get(key) {
        store.set(key, value, None);
    }
}

/// Each time it fails, another worker has written: as many in a row do not happen by contention.
const MOST_TRIES: u32 = 1000;
