//! What an exchange tells an operator: each attempt once, each request once, and how long what took.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; nothing here runs in the filter"
)]

use spillway::config::Id;
use spillway::exchange::answer_head::Answer;
use spillway::exchange::head::Head;
use spillway::exchange::{Context, Effect, Exchange};
use spillway::observation::{AttemptResult, Observation, Outcome};
use spillway::reason::Reason;
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

    fn at(mut self, micros: u64, event: impl Happens) -> Self {
        let at = Micros(NINE.0 + micros);
        let (_, effects) = self.gateway.tell(&mut self.exchange, at, event);
        self.told.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Tell(observation) => Some(observation),
            _ => None,
        }));
        self
    }

    fn arrives(self, has_body: bool) -> Self {
        self.at(0, arrived(Head { has_body, ..chat() }))
    }

    /// What was told of each attempt.
    fn attempts(&self) -> Vec<(usize, Option<u16>, AttemptResult, bool, Millis)> {
        let attempt = |told: &Observation| match *told {
            Observation::Attempt { member, status, result, fails_over, waited, .. } => {
                Some((member, status, result, fails_over, waited))
            }
            _ => None,
        };
        self.told.iter().filter_map(attempt).collect()
    }
}

/// Something that happens to a request.
trait Happens: FnOnce(&mut Exchange, &mut Context<'_>) {}

impl<F: FnOnce(&mut Exchange, &mut Context<'_>)> Happens for F {}

fn arrived(head: Head) -> impl Happens {
    move |exchange: &mut Exchange, cx: &mut Context<'_>| _ = exchange.on_request_headers(head, cx)
}

fn attempt(exchange: &mut Exchange, cx: &mut Context<'_>) {
    exchange.on_attempt(cx);
}

fn answered(status: u16) -> impl Happens {
    answered_with(status, &[("retry-after", "5")])
}

fn answered_with(status: u16, headers: &[(&str, &str)]) -> impl Happens {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
    let fields = headers.iter().map(own).collect();
    let readable = true;
    answer(Answer { status, fields, has_body: true, readable, ..Answer::default() })
}

fn answer(answer: Answer) -> impl Happens {
    move |exchange: &mut Exchange, cx: &mut Context<'_>| _ = exchange.on_answer_headers(&answer, cx)
}

fn opening(exchange: &mut Exchange, cx: &mut Context<'_>) {
    exchange.on_opening(b"{}", true, cx);
}

fn leaving(status: u16) -> impl Happens {
    move |exchange: &mut Exchange, cx: &mut Context<'_>| {
        exchange.on_response_headers(status, None, cx);
    }
}

fn ended(complete: bool) -> impl Happens {
    move |exchange: &mut Exchange, cx: &mut Context<'_>| exchange.on_end(complete, cx)
}

#[test]
fn a_failover_is_two_attempts_and_one_request_with_the_gateways_own_time() {
    let request = Request::for_two()
        .arrives(true)
        .at(40, attempt)
        .at(9_040, answered(429))
        .at(10_050, attempt)
        .at(30_050, answered(200))
        .at(31_050, opening)
        .at(31_062, leaving(200))
        .at(45_000, ended(true));
    let first = (0, Some(429), AttemptResult::Throttled, true, Millis(9));
    let second = (1, Some(200), AttemptResult::Ok, false, Millis(21));
    assert_eq!(request.attempts(), [first, second]);
    let whole = request.told.iter().filter_map(|told| match *told {
        Observation::Over { member, took, .. } => Some((member, took)),
        _ => None,
    });
    assert_eq!(whole.collect::<Vec<_>>(), [(0, Millis(9)), (1, Millis(35))]);
    let begun = |told: &&Observation| matches!(told, Observation::Begun { .. });
    assert_eq!(request.told.iter().filter(begun).count(), 2, "as many as are over");
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
        .at(1, attempt)
        .at(5_000, attempt)
        .at(9_000, leaving(503))
        .at(9_001, ended(true));
    let failed =
        |member, fails_over, took| (member, None, AttemptResult::NoAnswer, fails_over, took);
    assert_eq!(request.attempts(), [failed(0, true, Millis(5)), failed(1, false, Millis(4))]);
    let Some(Observation::Request { outcome, .. }) = request.told.last() else { panic!("none") };
    assert_eq!(*outcome, Outcome::Unavailable);
}

#[test]
fn a_client_that_leaves_is_told_as_such() {
    let early = Request::for_two().arrives(false).at(1, attempt);
    let early = early.at(9_000, ended(false));
    assert_eq!(early.attempts(), [(0, None, AttemptResult::Abandoned, false, Millis(9))]);
    let late = Request::for_two().arrives(false).at(1, attempt);
    let late = late.at(5, answered(200)).at(6, leaving(200)).at(9, ended(false));
    for (request, status) in [(early, None), (late, Some(200))] {
        let Some(Observation::Request { outcome, status: seen, .. }) = request.told.last() else {
            panic!("{:?}", request.told)
        };
        assert_eq!((*outcome, *seen), (Outcome::ClientLeft, status));
    }
}

#[test]
fn what_the_end_of_the_process_cuts_off_is_nobodys_failure() {
    let shut_down = |exchange: &mut Exchange, cx: &mut Context<'_>| {
        exchange.on_shutdown(cx);
    };
    let waiting = Request::for_two().arrives(false).at(1, attempt).at(9_000, shut_down);
    let waiting = waiting.at(9_001, leaving(503)).at(9_002, ended(true));
    assert_eq!(waiting.attempts(), [(0, None, AttemptResult::Abandoned, false, Millis(9))]);
    let answered = Request::for_two().arrives(true).at(1, attempt).at(5, answered(200));
    let answered = answered.at(6, opening).at(7, leaving(200)).at(9, shut_down);
    let answered = answered.at(10, ended(false));
    assert_eq!(answered.attempts(), [(0, Some(200), AttemptResult::Ok, false, Millis(0))]);
    for request in [waiting, answered] {
        let Some(Observation::Request { outcome, .. }) = request.told.last() else {
            panic!("{:?}", request.told)
        };
        assert_eq!(*outcome, Outcome::ShutDown);
    }
}

#[test]
fn a_switch_of_protocols_is_an_answer_where_it_was_asked_for() {
    for (switches, result, fails_over) in
        [(true, AttemptResult::Ok, false), (false, AttemptResult::BadStart, true)]
    {
        let switch = Answer { status: 101, switches, has_body: true, ..Answer::default() };
        let request = Request::for_two().arrives(true).at(1, attempt);
        let request = request.at(2, answer(switch));
        assert_eq!(request.attempts(), [(0, Some(101), result, fails_over, Millis(0))]);
    }
}

#[test]
fn a_refusal_tells_its_reason_and_no_backend() {
    let config = "models: { gpt-4o: { pool: [eastus] } }\nclients: [{ name: chat, key: \"${K}\" }]";
    let request = Request::of(config).at(0, arrived(chat()));
    let request = request.at(3, leaving(401)).at(5, ended(true));
    let [
        Observation::Request {
            model: None, client: None, member: None, outcome, reason, own, ..
        },
    ] = request.told[..]
    else {
        panic!("{:?}", request.told)
    };
    assert_eq!((outcome, reason), (Outcome::Rejected, Some(Reason::InvalidApiKey)));
    assert_eq!(own, Micros(3));
}

#[test]
fn a_client_is_told_by_its_place_and_headroom_as_it_was_announced() {
    let config = "
models: { gpt-4o: { pool: [eastus, { backend: westus, priority: 2 }], headroom: true } }
clients: [{ name: chat, key: \"${K}\" }]";
    let head = chat().with_key(b"key".into());
    let remaining = [("x-ratelimit-remaining-tokens", "250"), ("x-ratelimit-limit-tokens", "1000")];
    let request = Request::of(config)
        .at(0, arrived(head))
        .at(1, attempt)
        .at(2, answered_with(200, &remaining))
        .at(4, leaving(200))
        .at(5, ended(true));
    let headroom = Observation::Headroom { model: Id::at(0), member: 0, share: 250 };
    assert_eq!(request.told.iter().filter(|told| **told == headroom).count(), 1);
    let Some(Observation::Request { client, model, member, .. }) = request.told.last() else {
        panic!("{:?}", request.told)
    };
    assert_eq!((*client, *model, *member), (Some(Id::at(0)), Some(Id::at(0)), Some(0)));
}

#[test]
fn a_pool_at_its_limits_tells_of_its_model_and_of_the_last_429() {
    let request = Request::for_two()
        .arrives(false)
        .at(1, attempt)
        .at(2, answered(429))
        .at(3, attempt)
        .at(4, answered(429))
        .at(5, leaving(429))
        .at(6, ended(false));
    assert_eq!(request.attempts().iter().filter(|(.., over, _)| *over).count(), 1);
    let Some(Observation::Request { outcome, reason, status, .. }) = request.told.last() else {
        panic!("{:?}", request.told)
    };
    let told = (*outcome, *reason, *status);
    assert_eq!(told, (Outcome::Exhausted, Some(Reason::Exhausted), Some(429)));
}
