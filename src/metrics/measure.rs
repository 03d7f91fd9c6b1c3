//! From what was observed to what is counted.

use super::{Metric, Sample, Series};
use crate::breaker::OpenReason;
use crate::breaker::store::Transition;
use crate::config::Id;
use crate::gateway::Gateway;
use crate::observation::{AttemptResult, Observation, Outcome};
use crate::reason::Reason;

/// What moves by this observation.
pub fn measure(observation: &Observation) -> Vec<Sample> {
    match *observation {
        Observation::Attempt { model, member, result, fails_over, .. } => {
            let of = |metric| {
                let series = Series::of(metric).model(Some(model)).member(Some(member));
                series.word(result.word()).by(1)
            };
            let mut samples = vec![of(Metric::Attempts)];
            samples.extend(fails_over.then(|| of(Metric::Failovers)));
            samples
        }
        Observation::Circuit { model, member, transition: Transition::Opened { why, .. } } => {
            let series = Series::of(Metric::Openings).model(Some(model)).member(Some(member));
            vec![series.word(word(why)).by(1)]
        }
        // Where a circuit stands is in the breaker store (`breakers`).
        Observation::Circuit { .. } => Vec::new(),
        Observation::Headroom { model, member, share } => {
            let series = Series::of(Metric::Headroom).model(Some(model)).member(Some(member));
            vec![series.by(u64::from(share))]
        }
        Observation::Request { .. } => request(observation),
    }
}

fn request(observation: &Observation) -> Vec<Sample> {
    let Observation::Request {
        model,
        client,
        member,
        status,
        outcome,
        reason,
        first_byte,
        total,
        own,
        streamed,
        generates,
        usage,
        ..
    } = *observation
    else {
        return Vec::new();
    };
    let of = |metric| Series::of(metric).model(model).member(member);
    let mut samples = vec![
        of(Metric::Requests).client(client).word(outcome.word()).by(1),
        Series::of(Metric::OwnTime).by(own.0),
    ];
    if let Some(reason) = reason {
        samples.push(Series::of(Metric::Rejections).word(reason.word()).by(1));
    }
    if let Some(kind) = kind(outcome, reason) {
        samples.push(Series::of(Metric::PoolExhausted).model(model).word(kind).by(1));
    }
    if status == Some(429) {
        samples.push(Series::of(Metric::ClientThrottled).model(model).client(client).by(1));
    }
    if member.is_some() {
        samples.push(of(Metric::Request).by(total.0));
        if let (Some(time), None) = (first_byte, reason) {
            let streamed = if streamed { "yes" } else { "no" };
            samples.push(of(Metric::FirstByte).word(streamed).by(time.0));
        }
    }
    let tokens = [
        ("prompt", usage.prompt),
        ("completion", usage.completion),
        ("cached", usage.cached),
        ("reasoning", usage.reasoning),
    ];
    for (kind, tokens) in tokens {
        let tokens = tokens.filter(|tokens| *tokens > 0);
        let series = || of(Metric::Tokens).client(client).word(kind);
        samples.extend(tokens.map(|tokens| series().by(tokens)));
    }
    if generates && outcome == Outcome::Answered && !usage.is_known() {
        samples.push(of(Metric::UsageUnknown).by(1));
    }
    samples
}

/// Why the request's pool had nobody left, if it had not.
fn kind(outcome: Outcome, reason: Option<Reason>) -> Option<&'static str> {
    match (outcome, reason) {
        (_, Some(Reason::PinnedBackendUnavailable)) => Some("session"),
        (_, Some(Reason::Unavailable)) => Some("failing"),
        (Outcome::Exhausted, _) => Some("throttled"),
        _ => None,
    }
}

const fn word(why: OpenReason) -> &'static str {
    match why {
        OpenReason::Throttled => "throttled",
        OpenReason::Failed => "failed",
        OpenReason::FailedTooOften => "failure_ratio",
        OpenReason::Refused => "refused",
    }
}

/// The series that are there from the start, at 0: what an alert looks at must be seen to grow from
/// nothing to one. Prometheus takes no growth from a series that begins with one.
pub fn from_the_start(gateway: &Gateway) -> Vec<Series> {
    let mut all = vec![Series::of(Metric::HeldBodies)];
    let clients = gateway.config.clients.as_deref().unwrap_or_default();
    for (id, model) in Id::each(&gateway.config.models) {
        let of = |metric| Series::of(metric).model(Some(id));
        let kinds = ["throttled", "failing", "session"];
        all.extend(kinds.map(|kind| of(Metric::PoolExhausted).word(kind)));
        all.push(of(Metric::ClientThrottled));
        all.extend(
            Id::each(clients).map(|(client, _)| of(Metric::ClientThrottled).client(Some(client))),
        );
        for member in 0..model.pool.len() {
            let of = |metric| of(metric).member(Some(member));
            all.push(of(Metric::UsageUnknown));
            let bad = [
                AttemptResult::Throttled,
                AttemptResult::Refused,
                AttemptResult::ServerError,
                AttemptResult::BadStart,
                AttemptResult::NoAnswer,
            ];
            all.push(of(Metric::Attempts).word(AttemptResult::Ok.word()));
            all.extend(bad.map(|result| of(Metric::Attempts).word(result.word())));
            all.extend(bad.map(|result| of(Metric::Failovers).word(result.word())));
            let whys = [
                OpenReason::Throttled,
                OpenReason::Failed,
                OpenReason::FailedTooOften,
                OpenReason::Refused,
            ];
            all.extend(whys.map(|why| of(Metric::Openings).word(word(why))));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::check;
    use crate::testing::test;
    use crate::time::{Micros, Millis, Timestamp};
    use crate::usage::Usage;

    const ANSWERED: Observation = Observation::Request {
        model: Some(Id::at(0)),
        client: Some(Id::at(2)),
        member: Some(1),
        status: Some(200),
        outcome: Outcome::Answered,
        reason: None,
        attempts: 1,
        first_byte: Some(Millis(120)),
        total: Millis(900),
        own: Micros(70),
        streamed: true,
        generates: true,
        usage: Usage { prompt: Some(10), completion: Some(5), cached: Some(0), reasoning: None },
    };

    fn found(observation: &Observation, metric: Metric) -> Vec<Sample> {
        let mut samples = measure(observation);
        samples.retain(|sample| sample.series.metric == metric);
        samples
    }

    #[test]
    fn a_healthy_request_moves_five_series_and_one_for_each_kind_of_token() {
        let attempt = Observation::Attempt {
            model: Id::at(0),
            member: 1,
            status: Some(200),
            result: AttemptResult::Ok,
            fails_over: false,
            pinned: false,
            took: Millis(100),
        };
        let tokens = found(&ANSWERED, Metric::Tokens);
        assert_eq!(tokens.iter().map(|t| t.amount).collect::<Vec<_>>(), [10, 5]);
        let all = measure(&ANSWERED).len() + measure(&attempt).len();
        assert_eq!(all - tokens.len(), 5, "what docs/adr/0013 counts");
    }

    #[test]
    fn what_is_unknown_is_counted_as_unknown_and_not_as_zero() {
        assert!(found(&ANSWERED, Metric::UsageUnknown).is_empty());
        let mut silent = ANSWERED;
        if let Observation::Request { usage, .. } = &mut silent {
            *usage = Usage::default();
        }
        assert!(found(&silent, Metric::Tokens).is_empty());
        assert_eq!(found(&silent, Metric::UsageUnknown).len(), 1);
        if let Observation::Request { generates, .. } = &mut silent {
            *generates = false;
        }
        assert!(found(&silent, Metric::UsageUnknown).is_empty(), "a list of models has no tokens");
    }

    #[test]
    fn a_refusal_has_a_reason_and_neither_backend_nor_times_of_one() {
        let refused = Observation::Request {
            model: None,
            client: None,
            member: None,
            status: Some(401),
            outcome: Outcome::Rejected,
            reason: Some(Reason::InvalidApiKey),
            attempts: 0,
            first_byte: Some(Millis(0)),
            total: Millis(0),
            own: Micros(9),
            streamed: false,
            generates: false,
            usage: Usage::default(),
        };
        let mut moved: Vec<Metric> = measure(&refused).iter().map(|s| s.series.metric).collect();
        moved.sort_unstable();
        assert_eq!(moved, [Metric::Requests, Metric::Rejections, Metric::OwnTime]);
    }

    #[test]
    fn an_exhausted_pool_says_of_which_kind() {
        let of = |outcome, reason| {
            let mut request = ANSWERED;
            if let Observation::Request { outcome: o, reason: r, .. } = &mut request {
                (*o, *r) = (outcome, reason);
            }
            found(&request, Metric::PoolExhausted).first().and_then(|sample| sample.series.word)
        };
        assert_eq!(of(Outcome::Exhausted, None), Some("throttled"));
        assert_eq!(of(Outcome::Exhausted, Some(Reason::Exhausted)), Some("throttled"));
        assert_eq!(of(Outcome::Unavailable, Some(Reason::Unavailable)), Some("failing"));
        assert_eq!(
            of(Outcome::Unavailable, Some(Reason::PinnedBackendUnavailable)),
            Some("session")
        );
        assert_eq!(of(Outcome::Unavailable, None), None);
    }

    #[test]
    fn only_an_opening_counts_as_one() {
        let turned =
            |transition| measure(&Observation::Circuit { model: Id::at(0), member: 0, transition });
        let until = Timestamp(5);
        assert_eq!(turned(Transition::Opened { until, why: OpenReason::Refused }).len(), 1);
        assert!(turned(Transition::Extended { until }).is_empty());
        assert!(turned(Transition::Closed).is_empty());
    }

    #[test]
    fn what_is_there_from_the_start_is_there_once() {
        let config = check(&serde_json::json!({
            "backends": { "a": { "url": "http://a" }, "b": { "url": "http://b" } },
            "models": { "m": { "pool": ["a", "b"] }, "n": { "pool": ["a"] } },
            "clients": [{ "name": "chat", "key": "${KEY}" }],
        }));
        let gateway = Gateway::new(config.expect("right"), |_| Some("k".into())).expect("ready");
        let all = from_the_start(&gateway);
        let mut names: Vec<String> = all.iter().map(|s| s.name(&gateway.config)).collect();
        // With its two gauges, a member has the 18 that docs/metrics.md speaks of. One is of no model.
        assert_eq!(names.len(), 3 * 16 + 2 * 4 + 2 + 1);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }
}
