//! What runs the filters of one worker.

use std::time::Duration;

use crate::Stream;

/// What runs the filters of one worker.
pub trait Runtime {
    /// A new stream in this place.
    fn open(&mut self, place: Place) -> u32;
    /// Something happens to it.
    fn on(&mut self, context: u32, callback: Callback, stream: &mut Stream) -> Action;
    /// It is over.
    fn close(&mut self, context: u32, stream: &mut Stream);
    /// After how long the next of the filters' timers fires, if one runs.
    fn timer(&self) -> Option<Duration>;
    /// Time has passed: what waits for a time that is over now happens, but for what is held.
    fn time_has_passed(&mut self);
    /// The timer fires.
    fn tick(&mut self, stream: &mut Stream);
}

/// A place in the filter chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The listener's.
    Downstream,
    /// The listener's, nearer to the client: the last-words filter.
    LastWords,
    /// A cluster's.
    Upstream,
}

/// A callback of Envoy's. `end`: nothing follows. `size`: bytes that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Envoy's")]
pub enum Callback {
    RequestHeaders { end: bool },
    RequestBody { size: usize, end: bool },
    RequestTrailers,
    ResponseHeaders { end: bool },
    ResponseBody { size: usize, end: bool },
    ResponseTrailers,
    Log,
}

/// What a callback wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Go on.
    Continue,
    /// Hold the stream.
    Pause,
}
