//! A backend that is named before the last one has failed, and what becomes of it meanwhile.
//!
//! No stage plays two requests at once, so these are told to the exchange itself.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking; nothing here runs in the filter"
)]

use spillway::breaker::board::{Change, Record};
use spillway::breaker::{Blame, CircuitId};
use spillway::config::BreakerRule;
use spillway::exchange::{Effect, Event};
use spillway::time::{Micros, Millis};
use spillway_stories::by_hand::{ByHand, NINE, chat};

const TRIP: Millis = Millis::from_secs(1);

/// Starts a request whose first backend breaks the connection while the probe of the second is out,
/// and gives what follows.
fn second_attempt(pool: &str) -> Vec<Effect> {
    let config = format!(
        "circuit_breaker: {{ failures: 1, trip: 1s }}\nmodels: {{ gpt-4o: {{ pool: [{pool}] }} }}"
    );
    let mut gateway = ByHand::of(&config);
    let mut request = gateway.request();
    gateway.tell(&mut request, NINE, Event::Arrived(chat()));
    let named = gateway.tell(&mut request, NINE, Event::AttemptStarts);
    assert!(named.contains(&Effect::FailOverTo("westus".into())), "{named:?}");

    let backends = &gateway.gateway().config.backends;
    let westus = backends.iter().find(|backend| backend.name == "westus").expect("configured");
    let rule = BreakerRule { failures: 1, trip: TRIP, ..BreakerRule::default() };
    let circuit = CircuitId::new(westus, "gpt-4o", rule.scope);
    let then = Micros(NINE.0 + 1000 * TRIP.0);
    let failed = Change::Blamed(Blame::Failed(None), 0);
    for (change, at) in [(failed, NINE), (Change::Claimed(TRIP), then)] {
        assert!(gateway.record(&Record { circuit, rule: rule.clone(), change, at }));
    }
    gateway.tell(&mut request, then, Event::AttemptStarts)
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
