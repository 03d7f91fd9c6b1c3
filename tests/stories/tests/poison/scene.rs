//! A gateway, its backends, and several requests under way at once.
//!
//! Each backend answers well, except a request that provokes a failure. What a backend asks for with a
//! 429 is written down: only that may keep other clients' requests from it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use spillway::config::check;
use spillway::failover_mode::FailoverMode;
use spillway_model::{Clock, Envoy, Native, Passage, Runtime, Sent, Shared, Step};
use spillway_stories::expect::chat_path;
use spillway_stories::http::{Answer, Reaction, Received, Request, healthy};
use spillway_stories::story::{environment, key_of};

use crate::failure::Failure;
use crate::shape::Shape;

/// A gateway and its backends.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) shape: Shape,
    envoy: Envoy<Native>,
    /// Until when each member has asked for no traffic.
    resting: Vec<SystemTime>,
    /// Until when each may rest.
    perhaps_resting: Vec<SystemTime>,
    /// Each innocent client's cookie, and the member that it leads to.
    pins: BTreeMap<u8, (String, usize)>,
    /// Requests of innocent clients so far.
    sent: usize,
    /// The members that were asked so far.
    asked: Vec<usize>,
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct Flight {
    passage: Passage,
    step: Step,
    provokes: Option<Provokes>,
}

/// What a request provokes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Provokes {
    /// How it fails.
    pub(crate) failure: Failure,
    /// Where: a bit for each member.
    pub(crate) from: u8,
}

/// What happens while an innocent client asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meanwhile {
    /// How many members may be probed by requests under way that provoke failures.
    pub(crate) probed: usize,
    /// Members may have been left that fail nobody now.
    pub(crate) after_failures: bool,
}

impl Meanwhile {
    /// Nothing: it must be answered by the member that would have answered without any failure before.
    pub(crate) const UNDISTURBED: Self = Self { probed: 0, after_failures: false };

    /// Nothing now.
    pub(crate) const AFTER_FAILURES: Self = Self { probed: 0, after_failures: true };
}

impl Scene {
    /// A gateway of this shape whose backends are all well.
    pub(crate) fn new(shape: Shape) -> Result<Self, TestCaseError> {
        let clock = Clock::new(Cell::new(SystemTime::UNIX_EPOCH + NINE_O_CLOCK));
        let (shared, environment, config) = (Shared::default(), environment(), shape.config());
        let known = check(&config).map_err(|all| TestCaseError::fail(format!("{all:?}")))?;
        let retry = FailoverMode::Retry;
        let worker = |_| Native::new(&config, retry, &clock, &shared, &environment);
        let workers = (0..shape.workers).map(worker).collect();
        let resting = vec![SystemTime::UNIX_EPOCH; shape.tiers.len()];
        let envoy = Envoy::new(&known, retry, workers, clock.clone(), shared.clone(), &environment);
        let perhaps_resting = resting.clone();
        let (pins, asked) = (BTreeMap::new(), Vec::new());
        Ok(Self { shape, envoy, resting, perhaps_resting, pins, sent: 0, asked })
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, span: Duration) {
        let clock = &self.envoy.clock;
        clock.set(clock.get() + span);
        self.envoy.workers.iter_mut().for_each(Runtime::time_has_passed);
    }

    /// A request arrives.
    pub(crate) fn begin(
        &mut self,
        worker: usize,
        request: &Request,
        provokes: Option<Provokes>,
    ) -> Flight {
        let (passage, step) = self.envoy.begin(worker % self.shape.workers, request);
        Flight { passage, step, provokes }
    }

    /// The next thing happens to it.
    pub(crate) fn step(&mut self, mut flight: Flight) -> ControlFlow<Answer, Flight> {
        flight.step = match flight.step {
            Step::Attempt => self.envoy.attempt(&mut flight.passage),
            Step::Send(sent) => {
                let reaction = self.react(&sent, flight.provokes);
                self.envoy.reacts(&mut flight.passage, reaction)
            }
            Step::Done(answer) => return ControlFlow::Break(answer),
        };
        ControlFlow::Continue(flight)
    }

    /// A request passes from its beginning to its end.
    pub(crate) fn serve(
        &mut self,
        worker: usize,
        request: &Request,
        provokes: Option<Provokes>,
    ) -> Answer {
        let flight = self.begin(worker, request, provokes);
        self.finish(flight)
    }

    fn finish(&mut self, mut flight: Flight) -> Answer {
        loop {
            flight = match self.step(flight) {
                ControlFlow::Continue(flight) => flight,
                ControlFlow::Break(answer) => return answer,
            };
        }
    }

    /// An innocent client asks for something new, and is answered at once by the member that is returned.
    ///
    /// It may be told to come back where every member has asked for no traffic. The same holds where the
    /// only members left are probed by those other requests that are under way: a circuit that was opened
    /// lets one request through at a time.
    pub(crate) fn ask(
        &mut self,
        client: u8,
        worker: usize,
        meanwhile: Meanwhile,
    ) -> Result<Option<usize>, TestCaseError> {
        self.sent += 1;
        let mut request = chat("CHAT", &format!("innocent-{}", self.sent));
        let pin = self.pins.get(&client).cloned();
        if let Some((cookie, _)) = &pin {
            request = request.with("cookie", cookie.as_str());
        }
        let now = self.envoy.clock.get();
        let resting = self.resting.iter().map(|until| *until > now);
        let free: Vec<usize> =
            resting.enumerate().filter(|(_, rests)| !rests).map(|(member, _)| member).collect();
        // With another at the same time: one alone would be answered by a dark pool too.
        let other = (meanwhile == Meanwhile::UNDISTURBED)
            .then(|| self.begin(worker, &chat("CHAT", &format!("other-{}", self.sent)), None));
        let answer = self.serve(worker, &request, None);
        if let Some(other) = other {
            self.finish(other);
        }
        let Answer { status, headers, body, .. } = &answer;
        let awake = free.iter().filter_map(|member| self.perhaps_resting.get(*member));
        if *status == 429 && awake.filter(|until| **until <= now).count() <= meanwhile.probed {
            prop_assert!(headers.get("retry-after").is_some(), "told when to come back");
            return Ok(None);
        }
        prop_assert_eq!(*status, 200, "{}", String::from_utf8_lossy(body));
        prop_assert_eq!(headers.text("x-spillway-attempts"), Some("1".to_owned()), "attempts");
        let region = answer.region();
        let answered = self.shape.members().position(|(name, _)| name == region);
        let answered = answered.ok_or_else(|| TestCaseError::fail(format!("from {region}")))?;
        prop_assert!(free.contains(&answered), "{region} has asked for no traffic");
        if meanwhile == Meanwhile::UNDISTURBED {
            let priority = |member: &usize| self.shape.tiers.get(*member);
            // What is counted may have been enough.
            let rests = |member: &usize| {
                self.shape.counts_throttling()
                    && self.perhaps_resting.get(*member).is_some_and(|until| *until > now)
            };
            let best = free.iter().filter(|member| !rests(member)).filter_map(priority).min();
            let better = best.is_none() || rests(&answered) && priority(&answered) < best;
            let best = if better { priority(&answered) } else { best };
            match pin.map(|(_, member)| member).filter(|member| free.contains(member)) {
                Some(pinned) => prop_assert_eq!(answered, pinned, "not where the cookie leads"),
                None => prop_assert_eq!(priority(&answered), best, "{} answers", region),
            }
        }
        if let Some(issued) = headers.text("set-cookie") {
            let cookie = issued.split(';').next().unwrap_or_default().to_owned();
            self.pins.insert(client, (cookie, answered));
        }
        Ok(Some(answered))
    }

    /// Some client asks for something new while this is so, and is answered: the members that were asked.
    pub(crate) fn ask_during(
        &mut self,
        outage: Option<Provokes>,
        worker: usize,
    ) -> Result<Vec<usize>, TestCaseError> {
        self.sent += 1;
        self.asked.clear();
        let answer = self.serve(worker, &chat("CHAT", &format!("chat-{}", self.sent)), outage);
        prop_assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        Ok(std::mem::take(&mut self.asked))
    }

    fn react(&mut self, sent: &Sent, provokes: Option<Provokes>) -> Reaction {
        let member = self.shape.members().position(|(name, _)| name == sent.cluster);
        self.asked.extend(member);
        let failure = provokes.zip(member).filter(|(provokes, at)| provokes.from >> at & 1 == 1);
        let Some((Provokes { failure, .. }, member)) = failure else {
            let path = sent.headers.get(":path").unwrap_or_default().to_vec();
            let received = Received { path, body: sent.body.clone(), ..Received::default() };
            return healthy(&sent.cluster, &received).into();
        };
        let now = self.envoy.clock.get();
        let rests = |all: &mut Vec<SystemTime>, wait: Option<Duration>| {
            if let Some((until, wait)) = all.get_mut(member).zip(wait) {
                *until = (now + wait).max(*until);
            }
        };
        rests(&mut self.resting, failure.throttles(&self.shape));
        rests(&mut self.perhaps_resting, failure.may_throttle(&self.shape));
        failure.reaction()
    }
}

/// A chat of this client, told from others by this word.
pub(crate) fn chat(client: &str, word: &str) -> Request {
    let body = format!(
        r#"{{"messages":[{{"role":"user","content":"hello"}}],"stream":true,"user":"{word}"}}"#
    );
    let key = key_of(&client.to_lowercase());
    Request::post(chat_path("gpt-4o"), body).with("api-key", key)
}

/// 2026-11-20 09:00:00 UTC, and a little: not every request comes on the second.
const NINE_O_CLOCK: Duration = Duration::from_millis(1_795_165_200_250);
