//! A run, event by event.
//!
//! A call arrives at a gateway and a worker by chance, as behind a load balancer, and so does each
//! of its client's retries. Each call has one thing to come on the agenda at any time, until its
//! client has an answer or gives up: nothing is cancelled, and nothing answers twice.

use std::collections::HashMap;

use serde_json::json;

use super::agenda::Agenda;
use super::client;
use super::host::Host;
use super::ideal::Ideal;
use super::passage::{Ending, Next, Passage};
use super::plan::Plan;
use super::record::Record;
use super::region::{Outcome, Region};
use spillway::exchange::Exchange;
use spillway::exchange::head::Head;
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
    head: Head,
    /// The body, which names the model.
    body: Vec<u8>,
    agenda: Agenda<Thing>,
    calls: HashMap<u64, Call>,
    hosts: Vec<Host>,
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
    host: usize,
    member: usize,
    started: Timestamp,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan) -> Self {
        let mut chance = fastrand::Rng::with_seed(plan.seed);
        // Whatever else is played, the calls are the same.
        let (arrivals, clients) = (chance.fork(), chance.fork());
        let host = |_| Host::new(&plan.gateway, plan.workers, chance.fork());
        Self {
            plan,
            head: head(plan),
            body: body(plan),
            agenda: Agenda::new(),
            calls: HashMap::new(),
            hosts: (0..plan.gateways).map(host).collect(),
            regions: plan.regions.iter().cloned().map(Region::new).collect(),
            ideal: Ideal::new(plan),
            arrivals,
            clients,
            record: Record::new(plan),
        }
    }

    fn happens(&mut self, thing: Thing, now: Timestamp) {
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
        let host = self.clients.usize(..self.plan.gateways.max(1));
        let worker = self.clients.usize(..self.plan.workers.max(1));
        let (Some(call), Some(gateway)) = (self.calls.get_mut(&id), self.hosts.get_mut(host))
        else {
            return;
        };
        call.tried += 1;
        let possible = self.ideal.takes(call.tokens, now, &self.regions);
        self.record.offers(call.tokens, possible, now);
        let mut passage = Passage::new(Exchange::new(self.plan.gateway.clone()), worker);
        let next = passage.arrives((self.head.clone(), &self.body), gateway, now);
        let (member, started, outcome) = (0, now, Outcome::Silence);
        call.under_way = Some(UnderWay { passage, host, member, started, outcome });
        match next {
            // The first attempt needs no back-off.
            Next::Again => _ = self.starts(id, now),
            next => self.goes_on(id, next, now),
        }
    }

    fn starts(&mut self, id: u64, now: Timestamp) -> Option<()> {
        let under_way = self.calls.get_mut(&id)?.under_way.as_mut()?;
        under_way.started = now;
        let next = under_way.passage.starts(self.hosts.get_mut(under_way.host)?, now);
        self.goes_on(id, next, now);
        Some(())
    }

    fn reaches(&mut self, id: u64, now: Timestamp) -> Option<()> {
        let call = self.calls.get_mut(&id)?;
        let under_way = call.under_way.as_mut()?;
        let region = self.regions.get_mut(under_way.member)?;
        let outcome = region.take(call.tokens, now);
        self.record.asked(under_way.member, call.tokens, &outcome, now);
        let patience = self.plan.gateway.route(self.plan.model)?.model.longest_silence();
        let takes = match outcome {
            Outcome::Served => region.plan.latency.max(region.plan.round_trip),
            Outcome::Silence => Millis(u64::MAX),
            _ => region.plan.round_trip,
        };
        under_way.outcome = if takes > patience { Outcome::Silence } else { outcome };
        let back = under_way.started + takes.min(patience);
        self.agenda.put(back.max(now), Thing::Returns(id));
        Some(())
    }

    fn returns(&mut self, id: u64, now: Timestamp) -> Option<()> {
        let under_way = self.calls.get_mut(&id)?.under_way.as_mut()?;
        let host = self.hosts.get_mut(under_way.host)?;
        let region = self.regions.get_mut(under_way.member)?;
        let remaining = || region.remaining(now);
        let passage = &mut under_way.passage;
        let next = match under_way.outcome.clone() {
            Outcome::Served => passage.answered(200, Default::default(), remaining, host, now),
            Outcome::Throttled(told) => passage.answered(429, told, remaining, host, now),
            Outcome::Failed => passage.answered(503, Default::default(), remaining, host, now),
            Outcome::Refused => passage.unanswered(503, host, now),
            Outcome::Silence => passage.unanswered(504, host, now),
        };
        self.goes_on(id, next, now);
        Some(())
    }

    fn goes_on(&mut self, id: u64, next: Next, now: Timestamp) {
        match next {
            Next::Send(backend) => _ = self.sends(id, &backend, now),
            Next::Again => self.agenda.put(now + BACK_OFF, Thing::Starts(id)),
            Next::Give(ending) => _ = self.gives(id, &ending, now),
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
    fn gives(&mut self, id: u64, ending: &Ending, now: Timestamp) -> Option<()> {
        let call = self.calls.get_mut(&id)?;
        let attempts = call.under_way.take().map_or(0, |under_way| under_way.passage.attempts);
        self.record.passed(attempts);
        let wait = client::wait(ending, call.tried, &self.plan.traffic, now, &mut self.clients);
        if let Some(wait) = wait {
            self.agenda.put(now + wait, Thing::Arrives(id));
        } else {
            self.record.ended(ending, now.since(call.began), now);
            self.calls.remove(&id);
        }
        Some(())
    }
}

/// A call of the model, as an SDK makes it: the model is in the body, where any name can stand. It
/// carries no cookie.
fn head(plan: &Plan) -> Head {
    let path = format!("{}/openai/v1/chat/completions", plan.gateway.config.path_prefix);
    let head = Head { path: path.into_bytes(), has_body: true, ..Head::default() };
    head.with_key(CLIENT_KEY.into())
}

fn body(plan: &Plan) -> Vec<u8> {
    let model = plan.gateway.config.models.get(plan.model);
    json!({ "model": model.map(|model| &model.name) }).to_string().into_bytes()
}

/// How long Envoy waits before it tries again, as it is told to.
const BACK_OFF: Millis = Millis(1);
