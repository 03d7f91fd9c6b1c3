//! From what was observed to what is counted.

use super::words::{EXHAUSTED, TOKENS, UNKNOWN};
use super::{Metric, Sample, Series};
use crate::breaker::OpenReason;
use crate::breaker::store::Transition;
use crate::config::{Config, Id, ModelId};
use crate::gateway::Gateway;
use crate::observation::{AttemptResult, Observation, Outcome};
use crate::reason::Reason;

/// What moves by this observation.
pub fn measure(observation: &Observation) -> Vec<Sample> {
    match *observation {
        Observation::Begun { model, member } => {
            vec![at(Metric::InFlight, model, member).one_more()]
        }
        Observation::Over { model, member, took, pace } => {
            let of = |metric| at(metric, model, member);
            let mut samples = vec![of(Metric::InFlight).one_less()];
            samples.push(of(Metric::Attempt).by(took.0));
            samples.extend(pace.map(|pace| of(Metric::OutputToken).by(pace.per_token().0)));
            samples
        }
        Observation::Attempt {
            model,
            member,
            result,
            fails_over,
            pinned,
            streamed,
            waited,
            ..
        } => {
            let of = |metric| at(metric, model, member);
            let mut samples = vec![of(Metric::Attempts).word(result.word()).by(1)];
            let answer = of(Metric::AttemptFirstByte).word(answer(result, streamed));
            samples.push(answer.by(waited.0));
            samples.extend(fails_over.then(|| of(Metric::Failovers).word(result.word()).by(1)));
            samples.extend(pinned.then(|| of(Metric::Pinned).by(1)));
            samples
        }
        Observation::Circuit {
            model,
            member,
            transition: Transition::Opened { why, .. },
            client,
        } => {
            let of = |metric| at(metric, model, member).word(word(why));
            let mut samples = vec![of(Metric::Openings).by(1)];
            samples
                .extend(client.map(|client| of(Metric::ClientOpenings).client(Some(client)).by(1)));
            samples
        }
        // Where a circuit stands is in the breaker store (`breakers`).
        Observation::Circuit { .. } => Vec::new(),
        Observation::Headroom { model, member, share } => {
            vec![at(Metric::Headroom, model, member).by(u64::from(share))]
        }
        Observation::Request { .. } => request(observation),
    }
}

fn request(observation: &Observation) -> Vec<Sample> {
    let Observation::Request {
        model,
        client,
        member,
        outcome,
        reason,
        first_byte,
        total,
        own,
        streamed,
        generates,
        worked_for,
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
    if outcome.is_error() {
        samples.push(Series::of(Metric::Errors).model(model).word(outcome.word()).by(1));
    }
    if let Some(reason) = reason {
        samples.push(Series::of(Metric::Rejections).word(reason.word()).by(1));
    }
    if let Some(kind) = kind(outcome, reason) {
        samples.push(Series::of(Metric::PoolExhausted).model(model).word(kind).by(1));
    }
    if member.is_some() {
        let of = |metric| Series::of(metric).model(model);
        samples.push(of(Metric::Request).by(total.0));
        if let (Some(time), None) = (first_byte, reason) {
            let streamed = if streamed { "yes" } else { "no" };
            samples.push(of(Metric::FirstByte).word(streamed).by(time.0));
        }
    }
    let tokens = [usage.prompt, usage.completion, usage.cached, usage.reasoning];
    for (kind, tokens) in TOKENS.into_iter().zip(tokens) {
        let tokens = tokens.filter(|tokens| *tokens > 0);
        let series = || of(Metric::Tokens).client(client).word(kind);
        samples.extend(tokens.map(|tokens| series().by(tokens)));
    }
    if generates && worked_for && !usage.is_known() {
        let whole = outcome == Outcome::Answered;
        let [unreported, cut_short] = UNKNOWN;
        let why = if whole { unreported } else { cut_short };
        samples.push(of(Metric::UsageUnknown).word(why).by(1));
    }
    samples
}

/// The series of this metric that belongs to a member of a pool.
const fn at(metric: Metric, model: ModelId, member: usize) -> Series {
    Series::of(metric).model(Some(model)).member(Some(member))
}

/// How an attempt's first byte came, or did not.
const fn answer(result: AttemptResult, streamed: bool) -> &'static str {
    match result {
        AttemptResult::Ok if streamed => "stream",
        AttemptResult::Ok => "whole",
        AttemptResult::ClientError
        | AttemptResult::Throttled
        | AttemptResult::Refused
        | AttemptResult::ServerError
        | AttemptResult::BadStart => "error",
        AttemptResult::NoAnswer => "none",
        AttemptResult::Abandoned => "abandoned",
    }
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

/// The series that are there from the start, at 0: what an alert or a bill reads must be seen to grow
/// from nothing to one. Prometheus takes no growth from a series that begins with one.
pub fn from_the_start(gateway: &Gateway) -> Vec<Series> {
    let mut all = vec![Series::of(Metric::HeldBodies), Series::of(Metric::ConfigRefusals)];
    all.extend(Reason::ALL.map(|reason| Series::of(Metric::Rejections).word(reason.word())));
    all.push(Series::of(Metric::Errors).word(Outcome::Rejected.word()));
    for (id, model) in Id::each(&gateway.config.models) {
        let of = |metric| Series::of(metric).model(Some(id));
        all.extend(EXHAUSTED.map(|kind| of(Metric::PoolExhausted).word(kind)));
        let errors = Outcome::ALL.into_iter().filter(|outcome| outcome.is_error());
        all.extend(errors.map(|outcome| of(Metric::Errors).word(outcome.word())));
        for member in 0..model.pool.len() {
            all.extend(of_member(id, member));
            all.extend(tokens(&gateway.config, id, member));
        }
    }
    all
}

fn of_member(model: ModelId, member: usize) -> impl Iterator<Item = Series> {
    let of = move |metric| at(metric, model, member);
    let bad = [
        AttemptResult::Throttled,
        AttemptResult::Refused,
        AttemptResult::ServerError,
        AttemptResult::BadStart,
        AttemptResult::NoAnswer,
    ];
    let whys = [
        OpenReason::Throttled,
        OpenReason::Failed,
        OpenReason::FailedTooOften,
        OpenReason::Refused,
    ];
    let attempts = [AttemptResult::Ok, AttemptResult::Abandoned].into_iter().chain(bad);
    [of(Metric::InFlight), of(Metric::Pinned)]
        .into_iter()
        .chain(attempts.map(move |result| of(Metric::Attempts).word(result.word())))
        .chain(bad.into_iter().map(move |result| of(Metric::Failovers).word(result.word())))
        .chain(whys.into_iter().map(move |why| of(Metric::Openings).word(word(why))))
        .chain(UNKNOWN.into_iter().map(move |why| of(Metric::UsageUnknown).word(why)))
}

/// The tokens of a member, for each client that may ask for the model.
fn tokens(config: &Config, model: ModelId, member: usize) -> Vec<Series> {
    let of = |client| {
        let series = at(Metric::Tokens, model, member).client(client);
        TOKENS.into_iter().map(move |kind| series.word(kind))
    };
    match config.clients.as_deref().filter(|_| config.client_label) {
        None => of(None).collect(),
        Some(clients) => Id::each(clients).flat_map(|(id, _)| of(Some(id))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::check;
    use crate::metrics::Move;
    use crate::observation::Pace;
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
        worked_for: true,
        usage: Usage { prompt: Some(10), completion: Some(5), cached: Some(0), reasoning: None },
    };

    fn found(observation: &Observation, metric: Metric) -> Vec<Sample> {
        let mut samples = measure(observation);
        samples.retain(|sample| sample.series.metric == metric);
        samples
    }

    #[test]
    fn a_healthy_request_moves_ten_series_and_one_for_each_kind_of_token() {
        let attempt = Observation::Attempt {
            model: Id::at(0),
            member: 1,
            status: Some(200),
            result: AttemptResult::Ok,
            fails_over: false,
            pinned: false,
            streamed: true,
            waited: Millis(100),
        };
        let tokens = found(&ANSWERED, Metric::Tokens);
        assert_eq!(tokens.iter().map(|t| t.amount).collect::<Vec<_>>(), [10, 5]);
        let begun = Observation::Begun { model: Id::at(0), member: 1 };
        let pace = Some(Pace { tokens: 4, within: Millis(80) });
        let over = Observation::Over { model: Id::at(0), member: 1, took: Millis(180), pace };
        let all: Vec<Sample> = [ANSWERED, begun, attempt, over].iter().flat_map(measure).collect();
        assert_eq!(all.len() - tokens.len(), 10, "what docs/adr/0013 counts");
        let in_flight = all.iter().filter(|sample| sample.series.metric == Metric::InFlight);
        assert_eq!(in_flight.map(|sample| sample.how).collect::<Vec<_>>(), [Move::Up, Move::Down]);
        assert_eq!(found(&over, Metric::OutputToken)[0].amount, 20_000);
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
        if let Observation::Request { outcome, .. } = &mut silent {
            *outcome = Outcome::ClientLeft;
        }
        let left = found(&silent, Metric::UsageUnknown);
        assert_eq!(left[0].series.word, Some("cut_short"), "the backend was at work for it");
        if let Observation::Request { worked_for, .. } = &mut silent {
            *worked_for = false;
        }
        assert!(found(&silent, Metric::UsageUnknown).is_empty());
        if let Observation::Request { generates, worked_for, .. } = &mut silent {
            *worked_for = true;
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
            worked_for: false,
            usage: Usage::default(),
        };
        let mut moved: Vec<Metric> = measure(&refused).iter().map(|s| s.series.metric).collect();
        moved.sort_unstable();
        let all = [Metric::Requests, Metric::Errors, Metric::Rejections, Metric::OwnTime];
        assert_eq!(moved, all);
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
        let by = |transition, client| {
            measure(&Observation::Circuit { model: Id::at(0), member: 0, transition, client })
        };
        let turned = |transition| by(transition, None);
        let until = Timestamp(5);
        let opened = Transition::Opened { until, why: OpenReason::Refused };
        assert_eq!(turned(opened).len(), 1);
        let of_client = by(opened, Some(Id::at(2)));
        assert_eq!(of_client[1].series.client, Some(Id::at(2)));
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
        // With its three gauges, a member has the 23 that docs/metrics.md speaks of, and tokens.
        let of_no_model = 3 + Reason::ALL.len();
        assert_eq!(names.len(), 3 * (20 + 4) + 2 * 10 + of_no_model);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }
}
