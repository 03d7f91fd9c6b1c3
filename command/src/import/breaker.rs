//! Reads a backend's circuit breaker.
//!
//! API Management's rules belong to a backend, Spillway's to the file or to a model. What a rule
//! says in numbers is taken over. What differs is 429: API Management counts it like any failure.
//! Spillway takes it as what it is, a limit that was reached: it opens the circuit at once for the
//! announced time, and afterwards the backend has all of its traffic again. Only with
//! `--faithful` is a 429 that API Management counts to more than one counted here.
//!
//! Limits and meaning: <https://learn.microsoft.com/azure/api-management/backends>, "Circuit
//! breaker"; one rule for each backend, statuses from 200 to 599.

use super::Work;
use super::backend::{DESCRIBES, leave};
use super::duration;
use super::fields::{Entry, Fields};
use spillway::config::path;
use spillway::config::status::merged;
use spillway::time::Millis;

/// A rule as it will stand in the configuration.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// Where it stands in the file.
    pub(super) path: String,
    /// The fields of `circuit_breaker` and their values.
    pub(super) lines: Vec<(&'static str, String)>,
}

/// The rule of this backend.
pub(super) fn read(fields: &Fields<'_>, work: &mut Work) -> Option<Rule> {
    let breaker = fields.object("circuitBreaker", &mut work.problems);
    let rules = breaker.get("rules").map(|entry| entry.items(&mut work.problems));
    leave(&breaker, work);
    let mut rules = rules.unwrap_or_default().into_iter();
    let rule = rules.next().and_then(|entry| entry.object(&mut work.problems));
    for more in rules {
        work.report.without(
            &more.path,
            "a rule after the first",
            "one rule is taken for a backend",
        );
    }
    Some(rule_in(&rule?, work))
}

fn rule_in(fields: &Fields<'_>, work: &mut Work) -> Rule {
    if let Some(entry) = fields.get("name") {
        work.report.without(&entry.path, DESCRIBES, "");
    }
    let condition = fields.object("failureCondition", &mut work.problems);
    let mut lines = Vec::new();
    let statuses = statuses(&condition, work);
    let many = count(&condition, &mut lines, work);
    if let Some(interval) = span(condition.get("interval"), work) {
        lines.push(("interval", interval.to_string()));
    }
    let trip = span(fields.get("tripDuration"), work);
    if let Some(trip) = trip {
        lines.push(("trip", trip.to_string()));
    }
    let accept = fields.get("acceptRetryAfter");
    let accept = accept.and_then(|entry| entry.flag(&mut work.problems)).unwrap_or(false);
    lines.push(("accept_retry_after", accept.to_string()));
    if let Some(trip) = trip.filter(|trip| *trip > MAX_TRIP) {
        lines.push(("max_trip", trip.to_string()));
    }
    failures(&fields.path, statuses, many, &mut lines, work);
    lines.push(("scope", "backend".to_owned()));
    if let Some(entry) = condition.get("errorReasons") {
        let hint = "a connection that fails, is lost or takes too long always counts as a failure";
        work.report.without(&entry.path, "reasons of errors", hint);
    }
    if let Some(entry) = fields.get("failureResponse") {
        work.report.without(&entry.path, "the answer while the circuit is open", EXHAUSTED);
    }
    leave(&condition, work);
    leave(fields, work);
    if accept {
        let message = format!(
            "a time that a backend announces is taken for at most {MAX_TRIP}; API Management has no limit"
        );
        work.report.differs(
            &path::key(&fields.path, "acceptRetryAfter"),
            message,
            "`max_trip` sets the limit",
        );
    }
    let message = "one circuit for a whole backend, as in API Management: a limit of one model stops the others there";
    work.report.differs(
        &fields.path,
        message,
        "remove `scope: backend`: a circuit for each deployment is better",
    );
    let message = "after failures API Management sends all traffic again; Spillway sends one request first, waits twice as long each time it fails, up to `max_trip`, and then sends more over `ramp`";
    work.report.differs(&fields.path, message, "");
    Rule { path: fields.path.clone(), lines }
}

/// How many failures, or which share of them, open the circuit. Tells whether it is more than one.
fn count(condition: &Fields<'_>, lines: &mut Vec<(&'static str, String)>, work: &mut Work) -> bool {
    let count = condition.get("count");
    let percentage = condition.get("percentage");
    if let Some(entry) = count {
        let number = entry.whole(&mut work.problems).unwrap_or(1);
        let within = entry.bounded(number, 1..=10_000, work);
        lines.push(("failures", within.to_string()));
        if let Some(entry) = percentage {
            work.report.without(&entry.path, "a share beside a number: the number is taken", "");
        }
        return within > 1;
    }
    let Some(entry) = percentage else {
        let message = "neither `count` nor `percentage`: Spillway's own 3 failures hold";
        work.report.differs(&condition.path, message, "");
        return true;
    };
    let number = entry.whole(&mut work.problems).unwrap_or(1);
    lines.push(("failure_ratio", format!("{}%", entry.bounded(number, 1..=100, work))));
    if work.faithful {
        lines.push(("minimum_requests", "1".to_owned()));
    } else {
        let message =
            "a share of fewer than 20 answers opens nothing; API Management names no such limit";
        work.report.differs(&entry.path, message, "`minimum_requests` sets the limit");
    }
    true
}

fn span(entry: Option<Entry<'_>>, work: &mut Work) -> Option<Millis> {
    let entry = entry?;
    let text = entry.text(&mut work.problems)?;
    match duration::parse(text) {
        Ok(span) => Some(span),
        Err(problem) => {
            work.problems.push(problem.at(&entry.path));
            None
        }
    }
}

/// The statuses that count, from 400 to 599.
fn statuses(condition: &Fields<'_>, work: &mut Work) -> Vec<(u16, u16)> {
    let Some(entry) = condition.get("statusCodeRanges") else { return Vec::new() };
    let mut ranges = Vec::new();
    for item in entry.items(&mut work.problems) {
        let Some(fields) = item.object(&mut work.problems) else { continue };
        let mut end = |name, otherwise| match fields.get(name) {
            Some(entry) => entry.whole(&mut work.problems).unwrap_or(otherwise),
            None => otherwise,
        };
        let (min, max) = (end("min", 200), end("max", 599));
        let (from, to) = (min.max(400), max.min(599));
        if min < 400 || max > 599 || min > max {
            let message =
                "only statuses from 400 to 599 can count as failures: the others are left out";
            work.report.differs(&item.path, message, "");
        }
        if let (Ok(from), Ok(to)) = (u16::try_from(from), u16::try_from(to))
            && from <= to
        {
            ranges.push((from, to));
        }
        leave(&fields, work);
    }
    merged(ranges).0
}

/// Writes the statuses, with 429 as Spillway takes it.
fn failures(
    place: &str,
    ranges: Vec<(u16, u16)>,
    many: bool,
    lines: &mut Vec<(&'static str, String)>,
    work: &mut Work,
) {
    let throttled = ranges.iter().any(|(from, to)| (*from..=*to).contains(&429));
    let place = path::key(&path::key(place, "failureCondition"), "statusCodeRanges");
    if !throttled {
        let message =
            "429 is not among the statuses; in Spillway it always opens the circuit at once";
        work.report.differs(&place, message, "");
    }
    let counted = throttled && many && work.faithful;
    let rest = if counted { ranges } else { ranges.into_iter().flat_map(without_429).collect() };
    if throttled && many && !counted {
        let message = "429 is not counted: it opens the circuit at once, for the announced time";
        work.report.differs(&place, message, "`--faithful` counts it like other failures");
    } else if throttled && !counted {
        work.report.taken(&place, "429 opens the circuit at once, without being named");
    }
    if rest.is_empty() && !work.faithful {
        // What API Management does not count at all, Spillway's own rule counts.
        lines.retain(|(field, _)| {
            !matches!(*field, "failures" | "failure_ratio" | "minimum_requests")
        });
        let message = "nothing but 429 counts there; Spillway also leaves a backend alone after 3 failures with 408 or 5xx, or without an answer";
        work.report.differs(&place, message, "`failures` and `statuses` set what counts");
        return;
    }
    let list: Vec<String> = rest.iter().map(|range| written(*range)).collect();
    lines.push(("statuses", format!("[{}]", list.join(", "))));
}

/// The range in up to two parts, without 429.
fn without_429((from, to): (u16, u16)) -> Vec<(u16, u16)> {
    let parts = [(from, to.min(428)), (from.max(430), to)];
    if (from..=to).contains(&429) {
        parts.into_iter().filter(|(from, to)| from <= to).collect()
    } else {
        vec![(from, to)]
    }
}

fn written((from, to): (u16, u16)) -> String {
    if from == to { from.to_string() } else { format!("{from}-{to}") }
}

/// Spillway's own limit of announced times and of trips that grow.
const MAX_TRIP: Millis = Millis::from_secs(600);

/// What takes the place of answers of API Management's own.
pub(super) const EXHAUSTED: &str = "`when_exhausted` says what a client gets";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_429_is_cut_out_of_ranges() {
        assert_eq!(without_429((429, 429)), []);
        assert_eq!(without_429((400, 499)), [(400, 428), (430, 499)]);
        assert_eq!(without_429((429, 431)), [(430, 431)]);
        assert_eq!(without_429((500, 503)), [(500, 503)]);
    }
}
