//! The gauges of circuits: what the breaker store says, for everyone who shares it.
//!
//! A gauge in Envoy has one value for all workers, and so has a circuit. What a circuit is follows
//! from the breaker store and the time alone, so whoever sets the gauges sets the same; and a circuit whose
//! time is over changes without anybody doing anything, so it is said when that will be.

use super::{Metric, Sample, Series};
use crate::breaker::Admission;
use crate::breaker::store::BreakerStore;
use crate::gateway::Gateway;
use crate::time::{Millis, Timestamp};

/// The gauges of all circuits as the breaker store has them, and when the first of them changes by
/// itself.
pub fn breakers(
    gateway: &Gateway,
    store: &BreakerStore,
    now: Timestamp,
) -> (Vec<Sample>, Option<Timestamp>) {
    let mut samples = Vec::new();
    let mut first: Option<Timestamp> = None;
    for (id, route) in gateway.routes() {
        for (member, circuit) in route.circuits.iter().enumerate() {
            let of = |metric| Series::of(metric).model(Some(id)).member(Some(member));
            let (state, until) = match store.admission(*circuit, &route.model.breaker, now) {
                Admission::Closed | Admission::Accused | Admission::Returning(_) => (CLOSED, None),
                Admission::HalfOpen | Admission::Probed(_) => (HALF_OPEN, None),
                Admission::Shut(until, _) => (OPEN, Some(until)),
            };
            samples.push(of(Metric::BreakerState).by(state));
            let seconds = until.map_or(0, |until| Millis(until.0).as_secs_rounded_up());
            samples.push(of(Metric::OpenUntil).by(seconds));
            first = first.into_iter().chain(until).min();
        }
    }
    (samples, first)
}

const CLOSED: u64 = 0;
const HALF_OPEN: u64 = 1;
const OPEN: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breaker::FailureKind;
    use crate::breaker::store::Change;
    use crate::config::{Id, check};
    use crate::testing::test;

    const T0: Timestamp = Timestamp(1_795_165_200_000);

    fn gateway() -> Gateway {
        let config = check(&serde_json::json!({
            "backends": { "a": { "url": "http://a" }, "b": {
                "url": "http://b", "deployments": { "n": "m" },
            } },
            "models": { "m": { "pool": ["a", "b"] }, "n": { "pool": ["b"] } },
            "circuit_breaker": { "failures": 1 },
        }));
        Gateway::new(config.expect("right"), |_| None).expect("ready")
    }

    fn states(
        gateway: &Gateway,
        store: &BreakerStore,
        now: Timestamp,
    ) -> (Vec<u64>, Option<Timestamp>) {
        let (samples, first) = breakers(gateway, store, now);
        let states = samples.iter().filter(|s| s.series.metric == Metric::BreakerState);
        (states.map(|sample| sample.amount).collect(), first)
    }

    #[test]
    fn gauges_follow_the_store_and_the_time() {
        let gateway = gateway();
        let mut store = BreakerStore::default();
        assert_eq!(states(&gateway, &store, T0), (vec![0, 0, 0], None));
        let route = gateway.route(Id::at(0)).expect("m");
        let throttled = Change::Failed(FailureKind::Throttled(Some(Millis(1500))), 0);
        store.apply(&route.record(0, throttled, T0.into()).expect("a"));
        let failed = Change::Failed(FailureKind::Failed(None), 0);
        store.apply(&route.record(1, failed, T0.into()).expect("b"));
        let first = T0 + Millis(1500);
        assert_eq!(states(&gateway, &store, T0), (vec![2, 2, 2], Some(first)), "n shares b's");
        let (samples, _) = breakers(&gateway, &store, T0);
        let until: Vec<u64> = samples.iter().map(|sample| sample.amount).collect();
        let seconds = T0.0 / 1000;
        assert_eq!(until, [2, seconds + 2, 2, seconds + 60, 2, seconds + 60]);
        let second = T0 + Millis::from_secs(60);
        assert_eq!(states(&gateway, &store, first), (vec![0, 2, 2], Some(second)));
        assert_eq!(states(&gateway, &store, second), (vec![0, 1, 1], None));
    }

    #[test]
    fn a_circuit_that_several_pools_share_is_known_by_all_of_them() {
        let gateway = gateway();
        let circuit = gateway.route(Id::at(1)).expect("n").circuits[0];
        let covered: Vec<_> = gateway.covered(circuit).collect();
        assert_eq!(covered, [(Id::at(0), 1), (Id::at(1), 0)]);
    }
}
