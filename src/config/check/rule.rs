//! Reads the circuit breaker's rule and the retries' rule, over the rule that holds otherwise.

use crate::config::read::{Fields, Node, Reader};
use crate::config::status::read_set;
use crate::config::{BreakerRule, BreakerScope, RetryRule};
use crate::time::Millis;

/// The circuit breaker's rule: what stands here, else what holds otherwise.
pub(super) fn read_breaker(
    node: Option<&Node<'_>>,
    otherwise: &BreakerRule,
    reader: &mut Reader,
) -> BreakerRule {
    let mut rule = otherwise.clone();
    let Some(fields) = node.and_then(|node| node.fields(reader)) else { return rule };
    let failures = fields.get("failures").and_then(|node| node.whole(reader));
    rule.failures = failures.unwrap_or(rule.failures);
    let ratio = fields.get("failure_ratio").and_then(|node| node.percent(reader));
    // What is stated here replaces what holds otherwise, be it a number or a share.
    (rule.failure_ratio, rule.combines) = match (failures, ratio) {
        (None, None) => (rule.failure_ratio, rule.combines),
        (failures, ratio) => (ratio, failures.is_some() && ratio.is_some()),
    };
    let minimum = fields.get("minimum_requests").and_then(|node| node.whole(reader));
    rule.minimum_requests = minimum.unwrap_or(rule.minimum_requests);
    rule.interval = read_duration(&fields, "interval", reader).unwrap_or(rule.interval);
    rule.trip = read_duration(&fields, "trip", reader).unwrap_or(rule.trip);
    rule.ramp = read_duration(&fields, "ramp", reader).unwrap_or(rule.ramp);
    rule.accept_retry_after =
        read_flag(&fields, "accept_retry_after", reader).unwrap_or(rule.accept_retry_after);
    rule.max_trip = read_duration(&fields, "max_trip", reader).unwrap_or(rule.max_trip);
    let statuses = fields.get("statuses").and_then(|node| read_set(&node, reader));
    rule.statuses = statuses.unwrap_or(rule.statuses);
    rule.abandoned_after =
        read_duration(&fields, "abandoned_after", reader).or(rule.abandoned_after);
    rule.scope = match fields.get("scope").and_then(|node| node.word(reader)) {
        Some("deployment") => BreakerScope::Deployment,
        Some("backend") => BreakerScope::Backend,
        _ => rule.scope,
    };
    let stated = fields.get("max_trip").or_else(|| fields.get("trip"));
    if let Some(stated) = stated
        && rule.max_trip < rule.trip
    {
        let message =
            format!("`max_trip` is {}, shorter than `trip`, which is {}", rule.max_trip, rule.trip);
        let hint = format!("set `max_trip` to `{}` or more, or shorten `trip`", rule.trip);
        reader.say(&stated.path, message, hint);
    }
    rule
}

/// The retries' rule: what stands here, else what holds otherwise.
pub(super) fn read_retry(
    node: Option<&Node<'_>>,
    otherwise: &RetryRule,
    reader: &mut Reader,
) -> RetryRule {
    let mut rule = otherwise.clone();
    let Some(fields) = node.and_then(|node| node.fields(reader)) else { return rule };
    rule.attempts = fields.get("attempts").and_then(|node| node.whole(reader)).or(rule.attempts);
    let statuses = fields.get("statuses").and_then(|node| read_set(&node, reader));
    rule.statuses = statuses.unwrap_or(rule.statuses);
    rule.failover_on_refusal =
        read_flag(&fields, "failover_on_refusal", reader).unwrap_or(rule.failover_on_refusal);
    rule.budget = fields.get("budget").and_then(|node| node.percent(reader)).unwrap_or(rule.budget);
    rule
}

fn read_duration(fields: &Fields<'_>, field: &str, reader: &mut Reader) -> Option<Millis> {
    fields.get(field)?.duration(reader)
}

fn read_flag(fields: &Fields<'_>, field: &str, reader: &mut Reader) -> Option<bool> {
    fields.get(field)?.flag(reader)
}
