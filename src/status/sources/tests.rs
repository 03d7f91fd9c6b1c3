use serde_json::Value;

use super::*;
use crate::breaker::FailureKind;
use crate::breaker::store::{Change, Record};
use crate::config::parse_json;
use crate::observation::{AttemptResult, Observation, Outcome};
use crate::testing::test;
use crate::time::{Micros, Millis};
use crate::usage::Usage;

const T0: Timestamp = Timestamp(1_795_165_200_000);

/// A gateway, and what there is to see of it.
struct Scene {
    gateway: Gateway,
    rows: Rows,
    store: BreakerStore,
    activity: Activity,
}

impl Scene {
    fn new() -> Self {
        let file = br#"{
            "backends": {
                "eastus": {
                    "url": "https://user-secret.example/base",
                    "deployments": { "gpt-4o": "gpt-4o-ptu" }
                },
                "sweden": { "url": "http://s" }, "westus": { "url": "http://w" }
            },
            "models": {
                "gpt-4o": { "pool": [
                    { "backend": "sweden", "priority": 2, "weight": 80 },
                    "eastus",
                    { "backend": "westus", "priority": 2, "weight": 20 }
                ] },
                "a-model": { "pool": ["westus"] }
            }
        }"#;
        let config = parse_json(file).expect("a right file");
        let rows = Rows::new(&config);
        let gateway = Gateway::new(config, |_| None).expect("ready");
        Self { gateway, rows, store: BreakerStore::default(), activity: Activity::default() }
    }

    fn id(&self) -> ModelId {
        self.gateway.model("gpt-4o").expect("a model")
    }

    fn failure(&mut self, member: usize, failure: FailureKind) {
        let route = self.gateway.route(self.id()).expect("a route");
        let change = Change::Failed(failure, 0);
        let record: Record = route.record(member, change, T0.into()).expect("a member");
        self.store.apply(&record);
    }

    fn see(&mut self, observation: &Observation, next: Option<usize>) {
        self.activity.note(&self.rows, observation, next, T0);
    }

    fn report(&self, now: Timestamp) -> Report {
        let config =
            Config { digest: "0123456789ab".into(), loaded_ms: 5, refused: Some(refused()) };
        let Self { gateway, rows, store, activity } = self;
        let sources = Sources { gateway, rows, config: &config, store, activity, now };
        sources.report()
    }
}

fn attempt(member: usize, model: ModelId, result: AttemptResult, fails_over: bool) -> Observation {
    let status = if result == AttemptResult::NoAnswer { None } else { Some(429) };
    Observation::Attempt {
        model,
        member,
        status,
        result,
        fails_over,
        pinned: false,
        streamed: false,
        waited: Millis(3),
    }
}

fn request(member: usize, model: ModelId, outcome: Outcome, usage: Usage) -> Observation {
    Observation::Request {
        model: Some(model),
        client: None,
        member: Some(member),
        status: Some(200),
        outcome,
        reason: None,
        attempts: 1,
        first_byte: None,
        total: Millis(9),
        own: Micros(0),
        streamed: false,
        generates: true,
        worked_for: true,
        usage,
    }
}

#[test]
fn the_report_has_models_tiers_and_members_with_what_they_did() {
    let mut scene = Scene::new();
    let id = scene.id();
    scene.failure(1, FailureKind::Throttled(Some(Millis(12_000))));
    scene.see(&attempt(1, id, AttemptResult::Throttled, true), Some(0));
    scene.see(&attempt(0, id, AttemptResult::Ok, false), None);
    let usage = Usage { prompt: Some(11), completion: Some(7), ..Usage::default() };
    scene.see(&request(0, id, Outcome::Answered, usage), None);
    scene.see(&request(0, id, Outcome::ClientError, Usage::default()), None);
    scene.see(&Observation::Headroom { model: id, member: 0, share: 420 }, None);

    let report = scene.report(T0 + Millis(2_000));
    let names: Vec<&str> = report.models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names, ["a-model", "gpt-4o"]);
    let model = &report.models[1];
    assert_eq!((model.requests, model.answered, model.failovers), (2, 2, 1));
    let tiers: Vec<(u32, Vec<&str>)> = model
        .tiers
        .iter()
        .map(|tier| (tier.priority, tier.members.iter().map(|m| m.backend.as_str()).collect()))
        .collect();
    assert_eq!(tiers, [(1, vec!["eastus"]), (2, vec!["sweden", "westus"])]);

    let eastus = &model.tiers[0].members[0];
    assert_eq!((eastus.state, eastus.cause), (State::Open, Some(Unavailability::Throttled)));
    assert_eq!((eastus.until_ms, eastus.remaining_ms), (Some(T0.0 + 12_000), Some(10_000)));
    assert_eq!((eastus.attempts, eastus.throttled, eastus.answered), (1, 1, 0));
    assert_eq!((eastus.deployment.as_str(), eastus.next_share), ("gpt-4o-ptu", 0.0));
    assert_eq!(eastus.tokens, Tokens::default());
    let fault = eastus.last_fault.as_ref().expect("a fault");
    assert_eq!((fault.cause.as_str(), fault.status, fault.at_ms), ("throttled", Some(429), T0.0));

    let sweden = &model.tiers[1].members[0];
    assert_eq!((sweden.state, sweden.next_share, sweden.answered), (State::Closed, 0.8, 2));
    assert_eq!((sweden.tokens.told, sweden.tokens.total()), (1, Some(18)));
    assert_eq!((sweden.tokens.cached, sweden.headroom), (None, Some(0.42)));
    assert_eq!((sweden.timeline.len(), sweden.timeline.last()), (30, Some(&2)));

    let told = &report.failovers;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].from.as_str(), told[0].to.as_deref()), ("eastus", Some("sweden")));
    assert_eq!((told[0].cause.as_str(), told[0].status), ("throttled", Some(429)));
}

#[test]
fn every_state_is_told_with_its_times() {
    let mut scene = Scene::new();
    for _ in 0..3 {
        scene.failure(1, FailureKind::Failed(None));
    }
    let state = |scene: &Scene, now| {
        let eastus = scene.report(now).models[1].tiers[0].members[0].clone();
        (eastus.state, eastus.remaining_ms, eastus.returning)
    };
    assert_eq!(state(&scene, T0 + Millis(1)), (State::Open, Some(59_999), None));
    let later = T0 + Millis::from_secs(60);
    assert_eq!(state(&scene, later), (State::HalfOpen, None, None));
    let route = scene.gateway.route(scene.id()).expect("a route");
    let claim = Change::Claimed(Millis(5000));
    let claim = route.record(1, claim, later.into()).expect("a member");
    let probed = route.record(1, Change::Probed(None, 0), later.into()).expect("a member");
    assert!(scene.store.apply(&claim));
    assert_eq!(state(&scene, later), (State::Probing, Some(5000), None));
    assert!(scene.store.apply(&probed));
    assert_eq!(state(&scene, later + Millis(4000)), (State::Returning, None, Some(0.4)));
    assert_eq!(state(&scene, later + Millis(20_000)), (State::Closed, None, None));
}

#[test]
fn a_stream_that_breaks_off_is_its_backends_failure_and_still_tells_its_tokens() {
    let mut scene = Scene::new();
    let id = scene.id();
    let usage = Usage { prompt: Some(5), ..Usage::default() };
    scene.see(&attempt(0, id, AttemptResult::Ok, false), None);
    scene.see(&request(0, id, Outcome::Broken, usage), None);
    let report = scene.report(T0);
    let sweden = &report.models[1].tiers[1].members[0];
    assert_eq!((sweden.failed, sweden.answered, sweden.tokens.prompt), (1, 0, Some(5)));
    assert_eq!(sweden.last_fault.as_ref().map(|fault| fault.cause.as_str()), Some("broken"));
    assert_eq!(report.models[1].answered, 0);
}

/// A failover of a model or a backend that the configuration had before.
#[test]
fn names_come_from_the_configuration_alone() {
    let mut scene = Scene::new();
    let other = parse_json(
        br#"{"backends":{"old":{"url":"http://o"},"new":{"url":"http://n"}},
             "models":{"gpt-4o":{"pool":["old","new"]}}}"#,
    )
    .expect("right");
    let rows = Rows::new(&other);
    scene.activity.note(
        &rows,
        &attempt(0, ModelId::at(0), AttemptResult::NoAnswer, true),
        Some(1),
        T0,
    );
    let report = scene.report(T0);
    assert!(report.failovers.is_empty());
    let text = serde_json::to_string(&report).expect("JSON");
    assert!(!text.contains("user-secret") && !text.contains("http"), "{text}");
    assert!(!text.contains("\"old\"") && !text.contains("\"new\""), "{text}");
}

fn refused() -> crate::status::report::Refused {
    let places = vec!["models.gpt-4o.pool".to_owned()];
    crate::status::report::Refused { at_ms: 9, problems: 1, places }
}

/// What docs/status.md says is what there is, field by field.
#[test]
fn every_field_is_documented() {
    let mut scene = Scene::new();
    let id = scene.id();
    scene.see(&attempt(1, id, AttemptResult::Throttled, true), Some(0));
    scene.activity.sign(1, T0, T0);
    let report = serde_json::to_value(scene.report(T0)).expect("JSON");
    let mut fields = std::collections::BTreeSet::new();
    collect(&report, &mut fields);
    let page = include_str!("../../../docs/status.md");
    for field in &fields {
        assert!(page.contains(&format!("`{field}`")), "`{field}` is not in docs/status.md");
    }
    assert!(fields.contains("last_fault") && fields.contains("seen_ms"), "{fields:?}");
}

fn collect(value: &Value, fields: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                fields.insert(name.clone());
                collect(value, fields);
            }
        }
        Value::Array(array) => array.iter().for_each(|value| collect(value, fields)),
        _ => {}
    }
}
