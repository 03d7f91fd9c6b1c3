//! The filters of one worker, and callbacks in any order: also in orders that no Envoy has, from
//! several requests at once, with reloads and ticks of the timer in between.
//!
//! Two things hold whatever comes, because every Envoy keeps them: a request has one attempt at a
//! time, and a body that is held only grows.

mod given;
mod play;

use arbitrary::{Arbitrary, Unstructured};
use play::Play;
use spillway::failover_mode::FailoverMode;

/// Something that happens.
#[derive(Debug, Arbitrary)]
enum Step<'a> {
    /// A request's stream begins in front of the router.
    Opens,
    /// The same for a request that Envoy brings back.
    ComesBack { request: u8 },
    /// An attempt's stream begins behind the router.
    Attempts { request: u8 },
    /// A filter is called.
    Calls { request: u8, upstream: bool, callback: Callback<'a> },
    /// The timer fires, while this request's stream is at hand.
    Ticks { request: u8 },
    /// Time passes, in hundredths of a second.
    Passes(u16),
    /// The worker gets another configuration, a few times.
    Reloads { small: bool },
}

/// A callback of Envoy's.
#[derive(Debug, Arbitrary)]
enum Callback<'a> {
    RequestHeaders { path: u8, length: Option<&'a [u8]>, cookie: Option<&'a [u8]>, end: bool },
    RequestBody { bytes: &'a [u8], times: u8, end: bool },
    RequestTrailers { value: &'a [u8] },
    ResponseHeaders { status: u16, kind: u8, header: u8, value: &'a [u8], end: bool },
    ResponseBody { bytes: &'a [u8], times: u8, end: bool },
    ResponseTrailers { value: &'a [u8] },
    Log,
    Done { connected: bool },
    Delete,
}

/// The first byte says how Envoy is made to fail over. Plays steps until the bytes are used up. No
/// callback panics, sends a request and replies to it, goes on after a reply, names a backend outside
/// of every pool, or allows more retries than the pool has other members; and the host in memory sees
/// to it that only bytes that pass are replaced, and that no header is two.
pub fn run(bytes: &[u8]) {
    let failover = match bytes.first() {
        Some(0) => FailoverMode::Redirect,
        Some(1) => FailoverMode::RedirectUnheld,
        _ => FailoverMode::Retry,
    };
    let mut play = Play::new(failover);
    let mut steps = Unstructured::new(bytes);
    while let (false, Ok(step)) = (steps.is_empty(), Step::arbitrary(&mut steps)) {
        play.step(&step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(upstream: bool, callback: Callback<'_>) -> Step<'_> {
        Step::Calls { request: 0, upstream, callback }
    }

    fn response(status: u16, kind: u8) -> Callback<'static> {
        Callback::ResponseHeaders { status, kind, header: 0, value: b"20", end: false }
    }

    fn body(bytes: &'static [u8]) -> Callback<'static> {
        Callback::ResponseBody { bytes, times: 0, end: true }
    }

    /// A chat request, to the end of its body.
    fn asks(play: &mut Play) {
        let (length, cookie) = (Some(&b"2"[..]), None);
        play.step(&Step::Opens);
        let headers = Callback::RequestHeaders { path: 0, length, cookie, end: false };
        play.step(&call(false, headers));
        play.step(&call(false, Callback::RequestBody { bytes: b"{}", times: 0, end: true }));
    }

    #[test]
    fn callbacks_in_envoys_order_fail_over_and_answer() {
        let mut play = Play::new(FailoverMode::Retry);
        asks(&mut play);
        let first = play.backend(0).expect("a backend is chosen");
        let starts = || {
            let headers =
                Callback::RequestHeaders { path: 0, length: None, cookie: None, end: false };
            [Step::Attempts { request: 0 }, call(true, headers)]
        };
        starts().iter().for_each(|step| play.step(step));
        play.step(&call(true, response(429, 0)));
        let second = play.backend(0).expect("the next one is chosen");
        assert_ne!(first, second);
        assert!(play.asks_again(0), "the answer is marked");
        starts().iter().for_each(|step| play.step(step));
        play.step(&call(true, response(200, 0)));
        play.step(&call(true, body(b"{\"usage\":{\"completion_tokens\":7}}")));
        play.step(&call(false, response(200, 0)));
        play.step(&call(false, body(b"{}")));
        play.step(&call(false, Callback::Log));
        assert_eq!(play.told(0, "completion_tokens").as_deref(), Some("7"));
        assert_eq!(play.told(0, "outcome").as_deref(), Some("answered"));
    }

    #[test]
    fn a_request_keeps_its_configuration_when_the_worker_gets_another() {
        let mut play = Play::new(FailoverMode::Retry);
        play.step(&Step::Opens);
        play.step(&Step::Reloads { small: true });
        asks(&mut play);
        let (length, cookie) = (Some(&b"2"[..]), None);
        let headers = Callback::RequestHeaders { path: 1, length, cookie, end: false };
        play.step(&call(false, headers));
        play.step(&call(false, Callback::RequestBody { bytes: b"{}", times: 0, end: true }));
        assert!(play.backend(0).is_some(), "the model is known to the older one");
    }
}
