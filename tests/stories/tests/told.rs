//! What an exchange tells an operator: each attempt once, each request once, and how long what took.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; nothing here runs in the filter"
)]

use spillway::announced::Announcement;
use spillway::exchange::event::Answer;
use spillway::exchange::head::Head;
use spillway::exchange::{Effect, Event, Exchange};
use spillway::observation::{Cause, Observation, Outcome};
use spillway::pool::headroom::Remaining;
use spillway::time::{Micros, Millis};
use spillway_stories::by_hand::{ByHand, NINE, chat};

/// One request, at times in microseconds since it arrived.
struct Request {
    gateway: ByHand,
    exchange: Exchange,
    told: Vec<Observation>,
}

impl Request {
    fn of(config: &str) -> Self {
        let gateway = ByHand::of(config);
        Self { exchange: gateway.request(), gateway, told: vec![] }
    }

    fn for_two() -> Self {
        // Nothing has to be added to bodies, so no request waits for its own.
        Self::of(
            "usage: { include_in_streams: false }\n\
             models: { gpt-4o: { pool: [eastus, { backend: westus, priority: 2 }] } }",
        )
    }

    fn at(mut self, micros: u64, event: Event<'_>) -> Self {
        let effects = self.gateway.tell(&mut self.exchange, Micros(NINE.0 + micros), event);
        self.told.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Tell(observation) => Some(observation),
            _ => None,
        }));
        self
    }

    fn arrives(self, has_body: bool) -> Self {
        self.at(0, Event::Arrived(Head { has_body, ..chat() }))
    }

    /// What was told of each attempt.
    fn attempts(&self) -> Vec<(usize, Option<u16>, Cause, bool, Millis)> {
        let attempt = |told: &Observation| match *told {
            Observation::Attempt { member, status, cause, fails_over, took, .. } => {
                Some((member, status, cause, fails_over, took))
            }
            _ => None,
        };
        self.told.iter().filter_map(attempt).collect()
    }
}

fn answered(status: u16) -> Event<'static> {
    let announcement = Announcement { retry_after: Some(b"5".into()), ..Announcement::default() };
    Event::Answered(Answer { status, announcement, has_body: true, ..Answer::default() })
}

fn opening() -> Event<'static> {
    Event::Opening { bytes: b"{}", end: true, readable: true }
}

fn leaving(status: u16) -> Event<'static> {
    Event::Leaving { status, region: None }
}

const ENDED: Event<'static> = Event::Ended { complete: true };

#[test]
fn a_failover_is_two_attempts_and_one_request_with_the_gateways_own_time() {
    let request = Request::for_two()
        .arrives(true)
        .at(40, Event::AttemptStarts)
        .at(9_040, answered(429))
        .at(10_050, Event::AttemptStarts)
        .at(30_050, answered(200))
        .at(31_050, opening())
        .at(31_062, leaving(200))
        .at(45_000, ENDED);
    let first = (0, Some(429), Cause::Throttled, true, Millis(9));
    let second = (1, Some(200), Cause::Ok, false, Millis(20));
    assert_eq!(request.attempts(), [first, second]);
    let Some(Observation::Request { outcome, status, own, first_byte, total, attempts, .. }) =
        request.told.last()
    else {
        panic!("{:?}", request.told)
    };
    assert_eq!((*outcome, *status, *attempts), (Outcome::Answered, Some(200), 2));
    // To the first attempt, between the two, and from the opening, before which it was held.
    assert_eq!(*own, Micros(40 + 1_010 + 12));
    assert_eq!((*first_byte, *total), (Some(Millis(31)), Millis(45)));
}

#[test]
fn an_attempt_that_nobody_answers_is_told_when_the_next_begins_or_envoy_answers() {
    let request = Request::for_two()
        .arrives(false)
        .at(1, Event::AttemptStarts)
        .at(5_000, Event::AttemptStarts)
        .at(9_000, leaving(503))
        .at(9_001, ENDED);
    let failed = |member, fails_over, took| (member, None, Cause::NoAnswer, fails_over, took);
    assert_eq!(request.attempts(), [failed(0, true, Millis(5)), failed(1, false, Millis(4))]);
    let Some(Observation::Request { outcome, .. }) = request.told.last() else { panic!("none") };
    assert_eq!(*outcome, Outcome::Unavailable);
}

#[test]
fn a_client_that_leaves_is_told_as_such() {
    let early = Request::for_two().arrives(false).at(1, Event::AttemptStarts);
    let early = early.at(9_000, Event::Ended { complete: false });
    assert_eq!(early.attempts(), [(0, None, Cause::Abandoned, false, Millis(0))]);
    let late = Request::for_two().arrives(false).at(1, Event::AttemptStarts);
    let late =
        late.at(5, answered(200)).at(6, leaving(200)).at(9, Event::Ended { complete: false });
    for (request, status) in [(early, None), (late, Some(200))] {
        let Some(Observation::Request { outcome, status: seen, .. }) = request.told.last() else {
            panic!("{:?}", request.told)
        };
        assert_eq!((*outcome, *seen), (Outcome::ClientLeft, status));
    }
}

#[test]
fn a_switch_of_protocols_is_an_answer_where_it_was_asked_for() {
    for (switches, cause, fails_over) in [(true, Cause::Ok, false), (false, Cause::BadStart, true)]
    {
        let answer = Answer { status: 101, switches, has_body: true, ..Answer::default() };
        let request = Request::for_two().arrives(true).at(1, Event::AttemptStarts);
        let request = request.at(2, Event::Answered(answer));
        assert_eq!(request.attempts(), [(0, Some(101), cause, fails_over, Millis(0))]);
    }
}

#[test]
fn a_refusal_tells_its_reason_and_no_backend() {
    let config = "models: { gpt-4o: { pool: [eastus] } }\nclients: [{ name: chat, key: \"${K}\" }]";
    let request = Request::of(config).at(0, Event::Arrived(chat()));
    let request = request.at(3, leaving(401)).at(5, ENDED);
    let [
        Observation::Request {
            model: None, client: None, member: None, outcome, reason, own, ..
        },
    ] = request.told[..]
    else {
        panic!("{:?}", request.told)
    };
    assert_eq!((outcome, reason), (Outcome::Rejected, Some("invalid_api_key")));
    assert_eq!(own, Micros(3));
}

#[test]
fn a_client_is_told_by_its_place_and_headroom_as_it_was_announced() {
    let config = "
models: { gpt-4o: { pool: [eastus, { backend: westus, priority: 2 }], headroom: true } }
clients: [{ name: chat, key: \"${K}\" }]";
    let head = chat().with_key(b"key".into());
    let header = |text: &str| Some(text.as_bytes().to_vec());
    let remaining =
        Remaining { tokens: header("250"), token_limit: header("1000"), ..Remaining::default() };
    let request = Request::of(config)
        .at(0, Event::Arrived(head))
        .at(1, Event::AttemptStarts)
        .at(2, answered(200))
        .at(3, Event::Remains(remaining))
        .at(3, Event::Remains(Remaining::default()))
        .at(4, leaving(200))
        .at(5, ENDED);
    let headroom = Observation::Headroom { model: 0, member: 0, share: 250 };
    assert_eq!(request.told.iter().filter(|told| **told == headroom).count(), 1);
    let Some(Observation::Request { client, model, member, .. }) = request.told.last() else {
        panic!("{:?}", request.told)
    };
    assert_eq!((*client, *model, *member), (Some(0), Some(0), Some(0)));
}

#[test]
fn a_pool_at_its_limits_tells_of_its_model_and_of_the_last_429() {
    let request = Request::for_two()
        .arrives(false)
        .at(1, Event::AttemptStarts)
        .at(2, answered(429))
        .at(3, Event::AttemptStarts)
        .at(4, answered(429))
        .at(5, leaving(429))
        .at(6, Event::Ended { complete: false });
    assert_eq!(request.attempts().iter().filter(|(.., over, _)| *over).count(), 1);
    let Some(Observation::Request { outcome, reason, status, .. }) = request.told.last() else {
        panic!("{:?}", request.told)
    };
    let told = (*outcome, *reason, *status);
    assert_eq!(told, (Outcome::Exhausted, Some("exhausted"), Some(429)));
}
