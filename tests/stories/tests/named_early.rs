//! A backend that is named before the last one has failed, and what becomes of it meanwhile.
//!
//! No stage plays two requests at once, so these are told to the exchange itself.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking; nothing here runs in the filter"
)]

use spillway::breaker::store::{Change, Record};
use spillway::breaker::{CircuitId, FailureKind, RequestMark};
use spillway::config::{BackendId, BreakerRule};
use spillway::exchange::flow::Passage;
use spillway::exchange::{Effect, Exchange};
use spillway::time::{Micros, Millis};
use spillway_stories::by_hand::{ByHand, NINE, chat};

const TRIP: Millis = Millis::from_secs(1);

/// Starts a request whose first backend breaks the connection while the probe of the second is out,
/// and gives what follows: how it goes on, what is done, and which backend `uksouth` is.
fn second_attempt(pool: &str) -> (Passage, Vec<Effect>, BackendId) {
    let config = format!(
        "circuit_breaker: {{ failures: 1, trip: 1s }}\nmodels: {{ gpt-4o: {{ pool: [{pool}] }} }}"
    );
    let mut gateway = ByHand::of(&config);
    let mut request = gateway.request();
    gateway.tell(&mut request, NINE, |e, cx| e.on_request_headers(chat(), cx));
    let (_, named) = gateway.tell(&mut request, NINE, Exchange::on_attempt);
    assert!(named.contains(&Effect::FailOverTo(gateway.backend("westus"))), "{named:?}");

    let backends = &gateway.gateway().config.backends;
    let westus = backends.iter().find(|backend| backend.name == "westus").expect("configured");
    let rule = BreakerRule { failures: 1, trip: TRIP, ..BreakerRule::default() };
    let circuit = CircuitId::new(westus, "gpt-4o", rule.scope);
    let then = Micros(NINE.0 + 1000 * TRIP.0);
    let failed = Change::Failed(FailureKind::Failed(None), 0);
    for (change, at) in [(failed, NINE), (Change::Claimed(TRIP), then)] {
        assert!(gateway.record(&Record {
            circuit,
            rule: rule.clone(),
            change,
            request: RequestMark::UNKNOWN,
            at
        }));
    }
    let (flow, effects) = gateway.tell(&mut request, then, Exchange::on_attempt);
    (flow, effects, gateway.backend("uksouth"))
}

#[test]
fn the_request_goes_on_where_a_third_could_answer() {
    let (flow, effects, uksouth) = second_attempt("eastus, westus, uksouth");
    assert_eq!(flow, Passage::Continue);
    assert!(effects.contains(&Effect::FailOverTo(uksouth)), "{effects:?}");
}

#[test]
fn nobody_but_the_probe_is_sent_where_no_other_is_left() {
    let (flow, ..) = second_attempt("eastus, westus");
    assert!(matches!(flow, Passage::Reply(_)), "{flow:?}");
}
