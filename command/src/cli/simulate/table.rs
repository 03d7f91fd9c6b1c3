//! The runs as CSV: a row for each interval of each run.

use super::Run;
use crate::simulate::figures::{capacity, first_tier};
use spillway::config::Member;

/// The whole table. Names of backends have no commas in them.
pub(super) fn csv(runs: &[Run]) -> String {
    let Some(first) = runs.first() else { return String::new() };
    let mut text = String::from(
        "gateways,second,offered_tokens,first_tier_capacity,first_tier_tokens,answered,errors",
    );
    let gateway = &first.plan.gateway;
    let pool = gateway.route(first.plan.model).map(|route| &route.model.pool);
    let name = |member: &Member| gateway.backend(member).map(|backend| backend.name.as_str());
    for name in pool.into_iter().flatten().filter_map(name) {
        text.push_str(&format!(",{name}_tokens,{name}_served,{name}_throttled,{name}_failed"));
    }
    text.push('\n');
    for run in runs {
        let capacity = capacity(&run.plan).unwrap_or_default();
        for (number, interval) in run.record.intervals.iter().enumerate() {
            let second = number as f64 * run.plan.interval.0 as f64 / 1000.0;
            let served = first_tier(&run.plan, interval);
            text.push_str(&format!(
                "{},{second},{},{capacity},{served},{},{}",
                run.plan.gateways, interval.offered, interval.answered, interval.errors
            ));
            for deeds in &interval.regions {
                text.push_str(&format!(
                    ",{},{},{},{}",
                    deeds.tokens, deeds.served, deeds.throttled, deeds.failed
                ));
            }
            text.push('\n');
        }
    }
    text
}
