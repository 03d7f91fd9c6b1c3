//! A backend that is named before the last one has failed, and what becomes of it meanwhile.
//!
//! No stage plays two requests at once, so these are told to the exchange itself.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking; nothing here runs in the filter"
)]

use std::cell::RefCell;
use std::rc::Rc;

use spillway::breaker::board::{Board, Change, Record};
use spillway::breaker::{Blame, CircuitId};
use spillway::config::{BreakerRule, check};
use spillway::exchange::event::Head;
use spillway::exchange::{Effect, Event, Exchange, Shared, World};
use spillway::gateway::Gateway;
use spillway::time::{Millis, Timestamp};
use spillway_scenarios::story::read_config;

const NOW: Timestamp = Timestamp(1_795_165_200_000);
const TRIP: Millis = Millis::from_secs(1);

/// Starts a request whose first backend breaks the connection while the probe of the second is out,
/// and gives what follows.
fn second_attempt(pool: &str) -> Vec<Effect> {
    let config = format!(
        "circuit_breaker: {{ failures: 1, trip: 1s }}\nmodels: {{ gpt-4o: {{ pool: [{pool}] }} }}"
    );
    let config = read_config(&config, |backend| format!("http://{backend}.test"));
    let gateway = Gateway::new(check(&config).expect("checked"), |_| Some("key".into()));
    let gateway = Rc::new(gateway.expect("no secrets are missing"));
    let (mut pools, board) = (gateway.pools(), RefCell::new(Board::default()));
    let mut exchange = Exchange::new(gateway.clone());
    let mut on = |event: Event<'_>, now: Timestamp| {
        let shared = Shared {
            clock: &|| now.into(),
            board: &|| board.borrow().clone(),
            record: &|record: &Record| board.borrow_mut().apply(record),
            draw: &|| 0,
        };
        exchange.on(event, &mut World::new(&mut pools, &shared))
    };
    let path = b"/openai/deployments/gpt-4o/chat/completions".to_vec();
    on(Event::Arrived(Head { path, ..Head::default() }), NOW);
    let named = on(Event::AttemptStarts, NOW);
    assert!(named.contains(&Effect::FailOverTo("westus".into())), "{named:?}");

    let backends = &gateway.config.backends;
    let westus = backends.iter().find(|backend| backend.name == "westus").expect("configured");
    let rule = BreakerRule { failures: 1, trip: TRIP, ..BreakerRule::default() };
    let circuit = CircuitId::new(westus, "gpt-4o", rule.scope);
    let then = NOW + TRIP;
    let by_others = [(Change::Blamed(Blame::Failed(None), 0), NOW), (Change::Claimed(TRIP), then)];
    for (change, at) in by_others {
        let record = Record { circuit, rule: rule.clone(), change, at: at.into() };
        assert!(board.borrow_mut().apply(&record));
    }
    on(Event::AttemptStarts, then)
}

fn has_reply(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Reply(_)))
}

#[test]
fn the_request_goes_on_where_a_third_could_answer() {
    let effects = second_attempt("eastus, westus, uksouth");
    assert!(!has_reply(&effects), "{effects:?}");
    assert!(effects.contains(&Effect::FailOverTo("uksouth".into())), "{effects:?}");
}

#[test]
fn nobody_but_the_probe_is_sent_where_no_other_is_left() {
    let effects = second_attempt("eastus, westus");
    assert!(has_reply(&effects), "{effects:?}");
}
