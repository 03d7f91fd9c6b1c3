//! The status as JSON: what `GET /status` answers, and what the page and `spillway top` show.
//!
//! docs/status.md describes it for whoever reads it with a program; a test holds the two together.
//! Fields may be added; none changes its meaning or goes without [`Report::version`] going up.
//! Times are milliseconds since the Unix epoch, by the gateway's clock.

use serde::{Deserialize, Serialize};

use crate::breaker::Unavailability;

/// Everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Which form of the report this is.
    pub version: u32,
    /// The version of Spillway.
    pub spillway: String,
    /// When it was made.
    pub now_ms: u64,
    /// The configuration that holds.
    pub config: Config,
    /// How far back counts reach.
    pub span_ms: u64,
    /// How long each part of a `timeline` is.
    pub slice_ms: u64,
    /// The workers that have counted something in that time, the oldest first.
    pub workers: Vec<Worker>,
    /// The models, in the order of their names.
    pub models: Vec<Model>,
    /// The last failovers, the newest first.
    pub failovers: Vec<Failover>,
}

/// The configuration that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The first twelve hexadecimal digits of its SHA-256: another one means another file.
    pub digest: String,
    /// When the worker that answers has loaded it.
    pub loaded_ms: u64,
    /// A newer one that was refused since, so that this one is still in force.
    #[serde(default)]
    pub refused: Option<Refused>,
}

/// A configuration that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// When.
    pub at_ms: u64,
    /// How many things were wrong with it.
    pub problems: usize,
    /// Where the first of them are, as paths into the file. What stands there is not said.
    pub places: Vec<String>,
}

/// A worker thread of Envoy's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// When it counted its first request.
    pub since_ms: u64,
    /// When it last handed in what it had counted.
    pub seen_ms: u64,
}

/// A model and its pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Requests for it that are over, however they ended.
    pub requests: u64,
    /// Of those, how many ended with a backend's answer, the client's own mistakes included.
    pub answered: u64,
    /// How often another backend was asked after one that did not serve.
    pub failovers: u64,
    /// Tokens.
    pub tokens: Tokens,
    /// The tiers of its pool, in the order in which they are used.
    pub tiers: Vec<Tier>,
}

/// Members that share a priority.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tier {
    /// Lower is used first.
    pub priority: u32,
    /// Its members, in the pool's order.
    pub members: Vec<Member>,
}

/// A backend in a model's pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The backend's name.
    pub backend: String,
    /// What the model is called there.
    pub deployment: String,
    /// Its weight among the members of its tier.
    pub weight: u32,
    /// The share of the model's next requests that it is expected to get, from 0 to 1.
    pub next_share: f64,
    /// What its circuit lets through.
    pub state: State,
    /// Why it does not let everything through, where that is known.
    pub cause: Option<Unavailability>,
    /// Until when it is `open`, or its probe is out at the latest.
    pub until_ms: Option<u64>,
    /// How long that still takes.
    pub remaining_ms: Option<u64>,
    /// While `returning`: the part of its traffic that it gets, from 0 to 1.
    pub returning: Option<f64>,
    /// Attempts there that have come to an end: answers, and failures to give one.
    pub attempts: u64,
    /// Requests that ended with its answer, the client's own mistakes included.
    pub answered: u64,
    /// Attempts that it throttled (429).
    pub throttled: u64,
    /// Attempts that failed: 5xx and its like, no answer, a broken stream.
    pub failed: u64,
    /// Attempts that refused the gateway's own credential, or lack the deployment.
    pub refused: u64,
    /// Attempts after which another backend was asked.
    pub failovers: u64,
    /// Tokens.
    pub tokens: Tokens,
    /// What is left of its limits, from 0 to 1, as it said itself; null: it says nothing.
    pub headroom: Option<f64>,
    /// What went wrong last.
    pub last_fault: Option<Fault>,
    /// The client whose request opened its circuit last, where clients are told apart.
    #[serde(default)]
    pub opened_by: Option<String>,
    /// Requests that ended with its answer, by slices of time, the oldest first. The last one runs.
    pub timeline: Vec<u64>,
}

/// What a circuit lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Everything.
    Closed,
    /// More and more: it has just recovered.
    Returning,
    /// The next request, to see whether it works again.
    HalfOpen,
    /// Nothing: a request tries whether it works again.
    Probing,
    /// Nothing, for a time.
    Open,
}

/// Tokens, as backends told them. Null: none of them told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// How many answers told their tokens; compare with `answered`.
    pub told: u64,
    /// Tokens of prompts.
    pub prompt: Option<u64>,
    /// Tokens of completions.
    pub completion: Option<u64>,
    /// Tokens of prompts that came from a cache; a part of `prompt`.
    pub cached: Option<u64>,
    /// Tokens of reasoning; a part of `completion`.
    pub reasoning: Option<u64>,
}

/// What went wrong at a backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// When it was seen.
    pub at_ms: u64,
    /// Why, in one word: `throttled`, `server_error`, `no_answer` …
    pub cause: String,
    /// The status; null: no answer came.
    pub status: Option<u16>,
}

/// A request that was sent on to another backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failover {
    /// When.
    pub at_ms: u64,
    /// The model that was asked for.
    pub model: String,
    /// The backend that did not serve it.
    pub from: String,
    /// The backend that was asked next.
    pub to: Option<String>,
    /// Why, in one word.
    pub cause: String,
    /// The status that the first backend gave; null: no answer came.
    pub status: Option<u16>,
}

impl Model {
    /// All members, tier by tier.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.tiers.iter().flat_map(|tier| &tier.members)
    }
}

impl State {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Returning => "returning",
            Self::HalfOpen => "half-open",
            Self::Probing => "probing",
            Self::Open => "open",
        }
    }
}

impl Tokens {
    /// Prompt and completion together; `None`: neither is known.
    pub fn total(&self) -> Option<u64> {
        let sum = |a: u64, b: u64| a.saturating_add(b);
        match (self.prompt, self.completion) {
            (Some(prompt), Some(completion)) => Some(sum(prompt, completion)),
            (one, other) => one.or(other),
        }
    }
}

/// The form of the report as it is now.
pub const VERSION: u32 = 1;
