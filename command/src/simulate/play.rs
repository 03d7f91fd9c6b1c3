//! A run, event by event.
//!
//! A call arrives at a gateway and a worker by chance, as behind a load balancer, and so does each
//! of its client's retries. Each call has one thing to come on the agenda at any time, until its
//! client has an answer or gives up: nothing is cancelled, and nothing answers twice.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use serde_json::json;
use spillway_model::http::{Answer, Reaction, Request};
use spillway_model::{Clock, Draw, Envoy, Native, Passage, Shared, Step};

use super::agenda::Agenda;
use super::client;
use super::ending::Ending;
use super::ideal::Ideal;
use super::plan::Plan;
use super::record::Record;
use super::region::{Outcome, Region};
use spillway::time::{Millis, Timestamp};

/// What the gateway's clients show for a key, whatever it is.
pub const CLIENT_KEY: &str = "simulated";

/// Plays a run to its end.
pub fn play(plan: &Plan) -> Record {
    let mut run = Run::new(plan);
    run.next_call(0.0);
    while let Some((now, thing)) = run.agenda.next() {
        run.happens(thing, now);
    }
    run.record
}

struct Run<'a> {
    plan: &'a Plan,
    /// What every call sends.
    clock: Clock,
    agenda: Agenda<Thing>,
    calls: HashMap<u64, Call>,
    gateways: Vec<Envoy<Native>>,
    regions: Vec<Region>,
    ideal: Ideal,
    arrivals: fastrand::Rng,
    clients: fastrand::Rng,
    record: Record,
}

/// Something to come.
#[derive(Debug, Clone, Copy)]
enum Thing {
    /// A client calls, at this time in milliseconds.
    Calls(f64),
    /// The client's request arrives at a gateway.
    Arrives(u64),
    /// The gateway makes an attempt.
    Starts(u64),
    /// The request reaches the region.
    Reaches(u64),
    /// What came of it reaches the gateway.
    Returns(u64),
}

/// A client's call.
#[derive(Debug)]
struct Call {
    tokens: u64,
    began: Timestamp,
    /// Requests that its client has made for it.
    tried: u32,
    under_way: Option<UnderWay>,
}

/// One request for a call.
#[derive(Debug)]
struct UnderWay {
    passage: Passage,
    gateway: usize,
    member: usize,
    started: Timestamp,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan) -> Self {
        let mut chance = fastrand::Rng::with_seed(plan.seed);
        // Whatever else is played, the calls are the same.
        let (arrivals, clients) = (chance.fork(), chance.fork());
        let clock = Clock::new(Cell::new(SystemTime::UNIX_EPOCH));
        let gateway = |_| gateway(plan, &clock, chance.fork());
        Self {
            plan,
            clock: clock.clone(),
            agenda: Agenda::new(),
            calls: HashMap::new(),
            gateways: (0..plan.gateways).map(gateway).collect(),
            regions: plan.regions.iter().cloned().map(Region::new).collect(),
            ideal: Ideal::new(plan),
            arrivals,
            clients,
            record: Record::new(plan),
        }
    }

    fn happens(&mut self, thing: Thing, now: Timestamp) {
        self.clock.set(SystemTime::UNIX_EPOCH + Duration::from_millis(now.0));
        match thing {
            Thing::Calls(at) => self.calls(at, now),
            Thing::Arrives(id) => self.arrives(id, now),
            Thing::Starts(id) => {
                self.starts(id, now);
            }
            Thing::Reaches(id) => {
                self.reaches(id, now);
            }
            Thing::Returns(id) => {
                self.returns(id, now);
            }
        }
    }

    fn next_call(&mut self, after: f64) {
        let next = client::next_call(&self.plan.traffic, after, &mut self.arrivals);
        if let Some(at) = next.filter(|at| *at < self.plan.length.0 as f64) {
            self.agenda.put(client::at(at), Thing::Calls(at));
        }
    }

    fn calls(&mut self, at: f64, now: Timestamp) {
        let id = self.record.calls;
        self.record.calls += 1;
        let tokens = client::tokens(&self.plan.traffic, &mut self.arrivals);
        self.calls.insert(id, Call { tokens, began: now, tried: 0, under_way: None });
        self.next_call(at);
        self.arrives(id, now);
    }

    fn arrives(&mut self, id: u64, now: Timestamp) {
        let gateway = self.clients.usize(..self.plan.gateways.max(1));
        let worker = self.clients.usize(..self.plan.workers.max(1));
        let (Some(call), Some(envoy)) = (self.calls.get_mut(&id), self.gateways.get_mut(gateway))
        else {
            return;
        };
        call.tried += 1;
        let possible = self.ideal.takes(call.tokens, now, &self.regions);
        self.record.offers(call.tokens, possible, now);
        let (passage, step) = envoy.begin(worker, &request(self.plan, id));
        let (member, started, outcome) = (0, now, Outcome::Silence);
        call.under_way = Some(UnderWay { passage, gateway, member, started, outcome });
        match step {
            // The first attempt needs no back-off.
            Step::Attempt => _ = self.starts(id, now),
            step => self.goes_on(id, step, now),
        }
    }

    fn starts(&mut self, id: u64, now: Timestamp) -> Option<()> {
        let under_way = self.calls.get_mut(&id)?.under_way.as_mut()?;
        under_way.started = now;
        let step = self.gateways.get_mut(under_way.gateway)?.attempt(&mut under_way.passage);
        self.goes_on(id, step, now);
        Some(())
    }

    fn reaches(&mut self, id: u64, now: Timestamp) -> Option<()> {
        let call = self.calls.get_mut(&id)?;
        let under_way = call.under_way.as_mut()?;
        let region = self.regions.get_mut(under_way.member)?;
        let outcome = region.take(call.tokens, now);
        self.record.asked(under_way.member, call.tokens, &outcome, now);
        let limit = self.plan.gateway.route(self.plan.model)?.model.longest_silence();
        let takes = match outcome {
            Outcome::Served => region.plan.latency.max(region.plan.round_trip),
            Outcome::Silence => Millis(u64::MAX),
            _ => region.plan.round_trip,
        };
        under_way.outcome = if takes > limit { Outcome::Silence } else { outcome };
        let back = under_way.started + takes.min(limit);
        self.agenda.put(back.max(now), Thing::Returns(id));
        Some(())
    }

    fn returns(&mut self, id: u64, now: Timestamp) -> Option<()> {
        let under_way = self.calls.get_mut(&id)?.under_way.as_mut()?;
        let gateway = self.gateways.get_mut(under_way.gateway)?;
        let region = self.regions.get_mut(under_way.member)?;
        let reaction = match &under_way.outcome {
            // What a region answers well, is JSON.
            Outcome::Served => region.tells_remaining(Answer::json(200, "{}"), now).into(),
            Outcome::Throttled(told) => region.tells_remaining(told.clone(), now).into(),
            Outcome::Failed => Answer::json(503, "{}").into(),
            Outcome::Refused => Reaction::Unreachable,
            Outcome::Silence => Reaction::GivenUp,
        };
        let step = gateway.reacts(&mut under_way.passage, reaction);
        self.goes_on(id, step, now);
        Some(())
    }

    fn goes_on(&mut self, id: u64, step: Step, now: Timestamp) {
        match step {
            Step::Send(sent) => _ = self.sends(id, &sent.cluster, now),
            Step::Attempt => self.agenda.put(now + BACK_OFF, Thing::Starts(id)),
            Step::Done(answer) => _ = self.gives(id, &answer, now),
        }
    }

    fn sends(&mut self, id: u64, backend: &str, now: Timestamp) -> Option<()> {
        let gateway = &self.plan.gateway;
        let pool = &gateway.route(self.plan.model)?.model.pool;
        let is_it = |member| gateway.backend(member).is_some_and(|known| known.name == backend);
        let member = pool.iter().position(is_it)?;
        self.calls.get_mut(&id)?.under_way.as_mut()?.member = member;
        let away = Millis(self.regions.get(member)?.plan.round_trip.0 / 2);
        self.agenda.put(now + away, Thing::Reaches(id));
        Some(())
    }

    /// The client gets an answer; perhaps it tries again.
    fn gives(&mut self, id: u64, answer: &Answer, now: Timestamp) -> Option<()> {
        let call = self.calls.get_mut(&id)?;
        let under_way = call.under_way.take()?;
        let ending = Ending::of(answer, &self.gateways.get(under_way.gateway)?.shared);
        self.record.passed(under_way.passage.attempts);
        let wait = client::wait(&ending, call.tried, &self.plan.traffic, now, &mut self.clients);
        if let Some(wait) = wait {
            self.agenda.put(now + wait, Thing::Arrives(id));
        } else {
            self.record.ended(&ending, now.since(call.began), now);
            self.calls.remove(&id);
        }
        Some(())
    }
}

/// A gateway that has just started. Its workers have drawn their numbers by then: whatever is drawn for
/// requests is the same in every run.
fn gateway(plan: &Plan, clock: &Clock, mut chance: fastrand::Rng) -> Envoy<Native> {
    let shared = Shared::default();
    let worker = |_| Native::serving(&plan.gateway, clock, &shared);
    let workers = (0..plan.workers).map(worker).collect();
    shared.borrow_mut().draw = Draw::from(move || chance.u64(..));
    let (config, clock, environment) = (&plan.gateway.config, clock.clone(), BTreeMap::new());
    Envoy::new(config, plan.gateway.failover, workers, clock, shared.clone(), &environment)
}

/// A call of the model, as an SDK makes it: the model is in the body, where any name can stand. It
/// carries no cookie. Each call says something else, and its tries say the same.
fn request(plan: &Plan, call: u64) -> Request {
    let model = plan.model.of(&plan.gateway.config.models);
    let body =
        json!({ "model": model.map(|model| &model.name), "user": call.to_string() }).to_string();
    let path = format!("{}/openai/v1/chat/completions", plan.gateway.config.path_prefix);
    Request::post(path, body).with("api-key", CLIENT_KEY)
}

/// How long Envoy waits before it tries again, as it is told to.
const BACK_OFF: Millis = Millis(1);
