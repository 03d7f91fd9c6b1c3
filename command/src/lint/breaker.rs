//! Circuits that cannot open as they should.

use super::Lints;
use spillway::config::{BreakerRule, Model};

pub(super) fn look(lints: &mut Lints<'_>) {
    for (place, models) in lints.places("circuit_breaker", "minimum_requests") {
        if models.iter().all(|model| model.breaker.failure_ratio.is_none()) {
            let hint = "add `failure_ratio`, or remove it";
            lints.warn(&place, "it only says something about `failure_ratio`", hint);
        } else if models.iter().all(|model| counts_ratio_too_late(&model.breaker)) {
            let hint = "lower it, or make `interval` longer";
            lints.warn(&place, too_many(), hint);
        }
    }
    let unset = BreakerRule::default().minimum_requests;
    for (place, models) in lints.places("circuit_breaker", "interval") {
        let written =
            |rule: &BreakerRule| rule.failure_ratio.is_some() && rule.minimum_requests == unset;
        let late = |rule| written(rule) && counts_ratio_too_late(rule);
        if models.iter().all(|model| late(&model.breaker)) {
            let hint = format!("make it longer, or lower `minimum_requests`, which is {unset}");
            lints.warn(&place, too_many(), hint);
        }
    }
    for (place, models) in lints.places("circuit_breaker", "failures") {
        let counts = |rule: &BreakerRule| rule.failure_ratio.is_none() || rule.combines;
        let late = |rule: &BreakerRule| counts(rule) && too_often(rule.failures, rule);
        if models.iter().all(|model| late(&model.breaker)) {
            let hint = "lower it, or make `interval` longer";
            lints.warn(&place, too_many(), hint);
        }
    }
    for (place, models) in lints.places("circuit_breaker", "abandoned_after") {
        let late = |model: &&Model| {
            let first_byte = model.timeouts.first_byte;
            model.breaker.abandoned_after.is_some_and(|after| after >= first_byte)
        };
        if models.iter().all(late) {
            let hint = "make it shorter than `first_byte`, or remove it";
            lints.warn(&place, "`first_byte` is not longer and comes first", hint);
        }
    }
}

fn counts_ratio_too_late(rule: &BreakerRule) -> bool {
    rule.failure_ratio.is_some() && too_often(rule.minimum_requests, rule)
}

fn too_often(count: u32, rule: &BreakerRule) -> bool {
    u64::from(count).saturating_mul(1000) > rule.interval.0.saturating_mul(A_SECOND)
}

fn too_many() -> String {
    format!(
        "one backend would have to answer more than {A_SECOND} requests a second before its \
         circuit can open"
    )
}

/// What no deployment of a model answers, from one gateway.
const A_SECOND: u64 = 100;
