//! What must hold for every run: nothing is served beyond the capacity, and nobody is forgotten.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::rc::Rc;

use proptest::prelude::*;
use serde_json::json;
use spillway::config::{ModelId, check};
use spillway::gateway::Gateway;
use spillway::time::Millis;
use spillway_command::simulate::plan::{Announces, Outage, RegionPlan, Span, Traffic};
use spillway_command::simulate::{CLIENT_KEY, Metering, Plan, figures, play};

/// Three regions in two tiers, with everything on that leads to other effects.
fn gateway() -> Rc<Gateway> {
    let config = check(&json!({
        "backends": {
            "a": { "url": "http://a" }, "b": { "url": "http://b" }, "c": { "url": "http://c" },
        },
        "models": { "gpt-4o/é%": {
            "pool": [{ "backend": "a", "priority": 1 }, { "backend": "b", "priority": 2 },
                { "backend": "c", "priority": 2 }],
            "session_affinity": true,
            "headroom": true,
            "retry": { "budget": "20%" },
            "timeouts": { "first_byte": "3s" },
            "circuit_breaker": { "failure_ratio": "50%" },
        } },
        "clients": [{ "name": "app", "key": "${KEY}" }],
        "path_prefix": "/inference",
    }));
    Rc::new(Gateway::new(config.unwrap(), |_| Some(CLIENT_KEY.into())).unwrap())
}

fn spans() -> impl Strategy<Value = Span> {
    (0u64..50, 1u64..30).prop_map(|(from, length)| Span {
        from: Millis::from_secs(from),
        to: Millis::from_secs(from + length),
    })
}

fn regions() -> impl Strategy<Value = RegionPlan> {
    let metering = prop_oneof![Just(Metering::Provisioned), Just(Metering::Standard)];
    let announces =
        prop_oneof![Just(Announces::Exact), Just(Announces::Seconds), Just(Announces::Nothing)];
    let outage = prop_oneof![Just(Outage::Fails), Just(Outage::Refuses), Just(Outage::Hangs)];
    let capacity = (metering, 5000u64..100_000);
    let outages = prop::collection::vec((spans(), outage), 0..3);
    (capacity, announces, 1u64..5000, 1u64..100, outages).prop_map(
        |(capacity, announces, latency, round_trip, outages)| RegionPlan {
            capacity: Some(capacity),
            announces,
            latency: Millis(latency),
            round_trip: Millis(round_trip),
            outages,
        },
    )
}

fn plans() -> impl Strategy<Value = Plan> {
    let regions = prop::collection::vec(regions(), 3);
    let surges = prop::collection::vec((spans(), 0.0..15.0), 0..3);
    (regions, surges, 0.0..5.0, 1usize..12, 1usize..4, 0u32..4, any::<u64>()).prop_map(
        |(regions, surges, rate, gateways, workers, retries, seed)| Plan {
            gateway: gateway(),
            model: ModelId::at(0),
            gateways,
            workers,
            traffic: Traffic { rate, surges, tokens: (1, 3000), retries },
            regions,
            length: Millis::from_secs(70),
            interval: Millis::from_secs(7),
            seed,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_call_is_answered_once_and_every_attempt_reaches_one_region(plan in plans()) {
        let record = play(&plan);
        let errors: u64 = record.errors.values().sum();
        prop_assert_eq!(record.calls, record.answered + errors);
        prop_assert_eq!(record.answered, record.times.values().sum::<u64>());
        let requests: u64 = record.attempts.values().sum();
        let most = record.calls * u64::from(1 + plan.traffic.retries);
        prop_assert!((record.calls..=most).contains(&requests));
        let attempts: u64 = record.attempts.iter().map(|(n, count)| u64::from(*n) * count).sum();
        let all = record.backends();
        prop_assert_eq!(attempts, all.served + all.throttled + all.failed);
        prop_assert!(record.attempts.keys().all(|attempts| *attempts <= 3), "each member once");
    }

    #[test]
    fn no_region_serves_more_than_its_capacity(plan in plans()) {
        let record = play(&plan);
        for (at, region) in plan.regions.iter().enumerate() {
            let (metering, per_minute) = region.capacity.unwrap();
            let tokens: Vec<u64> = record.intervals.iter().map(|i| i.regions[at].tokens).collect();
            // Nine intervals of seven seconds are two minutes that are not whole.
            let most = match metering {
                Metering::Standard => 2 * per_minute,
                Metering::Provisioned => per_minute * 64 / 60 + 3000,
            };
            for recent in tokens.windows(9) {
                prop_assert!(recent.iter().sum::<u64>() <= most, "{at}: {recent:?} of {most}");
            }
        }
    }

    #[test]
    fn a_run_is_the_same_every_time_and_its_figures_are_shares(plan in plans()) {
        let record = play(&plan);
        prop_assert_eq!(&record, &play(&plan));
        let figures = figures(&plan, &record);
        prop_assert!(figures.utilisation.is_none_or(|share| (0.0..1.3).contains(&share)));
    }
}
