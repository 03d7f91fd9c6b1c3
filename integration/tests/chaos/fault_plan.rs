//! The faults: what each backend does when, by chance from one seed, and who is spared.
//!
//! The promise under test is "no client sees a failure while one backend is healthy", so at every
//! moment one backend is, and which one changes. A change must not break the premise: a request may
//! only be lost where *every* backend failed during its life, and that must never be so. Hence a
//! backend is relied upon only when
//!
//! 1. it is fair, and nothing is under way any more that began before: an attempt that stalled there
//!    would count as its failure when it times out;
//! 2. each of its circuits was seen to let a request through: neither open nor half-open, where one
//!    request at a time is let through and all others are rightly told to come back;
//! 3. the ramp after that is over;
//! 4. everything has ended that began before all this, and could have tried it in its bad time.
//!
//! Only then the one before it is given up. Nothing of this is a guess about how long things take.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use spillway_integration::Client;
use spillway_integration::outage::{Backend, Kind};
use tokio::task::JoinSet;

use crate::clients::call;
use crate::models::MODELS;
use crate::request_log::RequestLog;

/// The faults of some backends.
#[derive(Debug)]
pub(crate) struct FaultPlan {
    over: Vec<Member>,
    start: Instant,
    history: Mutex<Vec<(Instant, String)>>,
}

#[derive(Debug)]
struct Member {
    backend: Arc<Backend>,
    spared: tokio::sync::Mutex<bool>,
}

impl FaultPlan {
    /// Fair everywhere.
    pub(crate) fn new(backends: &[Arc<Backend>]) -> Arc<Self> {
        let member = |backend: &Arc<Backend>| Member {
            backend: backend.clone(),
            spared: tokio::sync::Mutex::new(false),
        };
        let over = backends.iter().map(member).collect();
        Arc::new(Self { over, start: Instant::now(), history: Mutex::default() })
    }

    /// Begins to change, as this seed says, for as long as the set is not dropped.
    pub(crate) fn begin(
        self: &Arc<Self>,
        seed: u64,
        log: Arc<RequestLog>,
        via: Client,
    ) -> JoinSet<()> {
        let mut draw = fastrand::Rng::with_seed(seed);
        let mut tasks = JoinSet::new();
        let first = draw.usize(..self.over.len());
        for at in 0..self.over.len() {
            tasks.spawn(self.clone().change(at, at == first, draw.fork()));
        }
        tasks.spawn(self.clone().hand_on(first, draw, log, via));
        tasks
    }

    /// What the faults were between two moments, and who was spared.
    pub(crate) fn between(&self, from: Instant, to: Instant) -> String {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let before = |name: &str| {
            let mut past = history.iter().filter(|(at, _)| *at < from);
            past.rfind(|(_, what)| what.split(' ').next() == Some(name))
        };
        let names = self.over.iter().map(|member| member.backend.name).chain(["spared:"]);
        let mut told: Vec<_> = names.filter_map(before).collect();
        told.extend(history.iter().filter(|(at, _)| *at >= from && *at <= to));
        told.sort();
        let mut text = String::new();
        for (at, what) in told {
            let _ = writeln!(text, "      {:9.3} s  {what}", self.since_start(*at));
        }
        text
    }

    /// How often another backend was relied upon.
    pub(crate) fn changes(&self) -> usize {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let relied_upon = |what: &str| what.starts_with("spared: ") && !what.ends_with("to come");
        history.iter().filter(|(_, what)| relied_upon(what)).count()
    }

    /// Seconds since the faults began.
    pub(crate) fn since_start(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.start).as_secs_f64()
    }

    async fn change(self: Arc<Self>, at: usize, spared: bool, mut draw: fastrand::Rng) {
        let member = &self.over[at];
        if spared {
            *member.spared.lock().await = true;
        }
        loop {
            let bad = draw.choice(&member.backend.kinds).expect("a kind");
            let kind = if draw.u8(0..3) == 0 { &Kind::Fair } else { bad };
            let span = Duration::from_millis(draw.u64(SPELL));
            {
                let spared = member.spared.lock().await;
                if !*spared {
                    self.turn(member, kind).await;
                }
            }
            tokio::time::sleep(span).await;
        }
    }

    async fn hand_on(
        self: Arc<Self>,
        first: usize,
        mut draw: fastrand::Rng,
        log: Arc<RequestLog>,
        via: Client,
    ) {
        let mut relied_upon = first;
        self.note(format!("spared: {}", self.over[first].backend.name));
        loop {
            let step = draw.usize(1..self.over.len());
            let next = (relied_upon + step) % self.over.len();
            let span = Duration::from_millis(draw.u64(REIGN));
            tokio::time::sleep(span).await;

            let (old, new) = (&self.over[relied_upon], &self.over[next]);
            let (old_name, new_name) = (old.backend.name, new.backend.name);
            self.note(format!("spared: {old_name}, and {new_name} to come"));
            {
                let mut spared = new.spared.lock().await;
                *spared = true;
                self.turn(new, &Kind::Fair).await;
            }
            log.drained().await;
            let_through(&new.backend, &via).await;
            tokio::time::sleep(RAMP).await;
            log.drained().await;
            self.note(format!("spared: {new_name}"));
            *old.spared.lock().await = false;
            relied_upon = next;
        }
    }

    async fn turn(&self, member: &Member, kind: &Kind) {
        self.note(format!("{} {kind:?}", member.backend.name));
        member.backend.turn(kind).await;
    }

    fn note(&self, what: String) {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.push((Instant::now(), what));
    }
}

/// Waits until each circuit of the backend has let a request through.
async fn let_through(backend: &Backend, via: &Client) {
    for model in MODELS {
        let path = format!("/openai/deployments/{}/chat/completions", model.only_at(backend.name));
        let body = json!({ "messages": [{ "role": "user", "content": "Are you there?" }] });
        let ask = call(&path, &body, "observer");
        while !via.try_send(&ask).await.is_ok_and(|answer| answer.status == 200) {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// How long a kind of fault lasts, in milliseconds.
const SPELL: std::ops::Range<u64> = 50..700;
/// How long a backend is relied upon before the next one is prepared.
const REIGN: std::ops::Range<u64> = 0..1000;
/// The configuration's `ramp`, and some more.
const RAMP: Duration = Duration::from_millis(150);
const PAUSE: Duration = Duration::from_millis(20);
