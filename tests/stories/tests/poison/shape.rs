//! The shape of a gateway: its tiers, its breaker, its retries and its workers.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use spillway_stories::story::{REGIONS, read_config};

/// What a gateway is configured to do.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    /// The priority of each member.
    pub(crate) tiers: Vec<u32>,
    breaker: String,
    /// The statuses that count as failures, where the file names them.
    statuses: Option<&'static str>,
    per_try: bool,
    /// The retry budget in percent.
    budget: Option<u32>,
    /// How many backends a request may be sent to, where the file says so: two at the least, or nothing
    /// tells a request's fault from a backend's.
    attempts: Option<u32>,
    /// Whether clients get cookies.
    pub(crate) affinity: bool,
    /// How many workers share the breaker store.
    pub(crate) workers: usize,
}

impl Shape {
    /// Any.
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        Self::with(any_breaker())
    }

    /// One that opens after a number of failures in this range.
    pub(crate) fn that_counts(failures: RangeInclusive<u32>) -> impl Strategy<Value = Self> {
        Self::with(failures.prop_map(|count| format!("failures: {count}")))
    }

    /// One with these tiers that opens after one failure, and all else by default.
    pub(crate) fn of(tiers: &[u32]) -> Self {
        Self {
            tiers: tiers.to_vec(),
            breaker: "failures: 1".to_owned(),
            statuses: None,
            per_try: false,
            budget: None,
            attempts: None,
            affinity: false,
            workers: 1,
        }
    }

    /// The same, with a share of failures that is as small as can be.
    pub(crate) fn with_a_share(self) -> Self {
        self.with_breaker("failure_ratio: 1%, minimum_requests: 1")
    }

    /// The same with this breaker.
    pub(crate) fn with_breaker(self, breaker: &str) -> Self {
        Self { breaker: breaker.to_owned(), ..self }
    }

    /// The same with this retry budget in percent.
    pub(crate) fn with_budget(self, percent: u32) -> Self {
        Self { budget: Some(percent), ..self }
    }

    /// The same, where a request may be sent to so many backends.
    pub(crate) fn with_attempts(self, attempts: u32) -> Self {
        Self { attempts: Some(attempts), ..self }
    }

    fn with(breaker: impl Strategy<Value = String>) -> impl Strategy<Value = Self> {
        let tiers = vec(1..=2_u32, 2..=4);
        let statuses = prop::sample::select(vec![None, None, Some(SOME), Some(WITH_429)]);
        let budget = prop::sample::select(vec![None, None, Some(0), Some(20)]);
        let workers = prop::sample::select(vec![1, 4]);
        let retry = (budget, prop::sample::select(vec![None, None, Some(2), Some(3)]));
        let parts = (tiers, breaker, statuses, any::<bool>(), retry, any::<bool>(), workers);
        parts.prop_map(|(tiers, breaker, statuses, per_try, retry, affinity, workers)| {
            let (budget, attempts) = retry;
            Self { tiers, breaker, statuses, per_try, budget, attempts, affinity, workers }
        })
    }

    /// Its members, each with its priority.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&'static str, u32)> + '_ {
        REGIONS.into_iter().zip(self.tiers.iter().copied())
    }

    /// The members that are asked while all are well.
    pub(crate) fn first_tier(&self) -> Vec<usize> {
        let first = self.tiers.iter().min();
        (0..self.tiers.len()).filter(|member| self.tiers.get(*member) == first).collect()
    }

    /// Whether this status counts as a failure here.
    pub(crate) fn counts(&self, status: u16) -> bool {
        match self.statuses {
            None => matches!(status, 408 | 500..=599),
            Some(SOME) => matches!(status, 500 | 502..=504),
            Some(_) => matches!(status, 401 | 403 | 408 | 429 | 500..=599),
        }
    }

    /// Whether one 429 alone throttles nothing here.
    pub(crate) fn counts_throttling(&self) -> bool {
        self.counts(429) && self.breaker != "failures: 1"
    }

    /// The configuration.
    pub(crate) fn config(&self) -> Value {
        let mut text = format!("circuit_breaker: {{ {}", self.breaker);
        if let Some(statuses) = self.statuses {
            let _ = write!(text, ", statuses: {statuses}");
        }
        text.push_str(" }\ntimeouts: { first_byte: 2s");
        text.push_str(if self.per_try { ", per_try: 30s }\n" } else { " }\n" });
        let budget = self.budget.unwrap_or(100);
        let attempts = self.attempts.map_or(String::new(), |most| format!(", attempts: {most}"));
        let _ = writeln!(text, "retry: {{ budget: {budget}%{attempts} }}");
        text.push_str(CLIENTS);
        let member = |(name, tier)| format!("{{ backend: {name}, priority: {tier} }}");
        let pool: Vec<String> = self.members().map(member).collect();
        let affinity = self.affinity;
        let _ = writeln!(text, "models:\n  gpt-4o:\n    session_affinity: {affinity}");
        let _ = writeln!(text, "    pool: [{}]", pool.join(", "));
        read_config(&text, |backend| format!("http://{backend}.test"))
    }
}

fn any_breaker() -> impl Strategy<Value = String> {
    let count = (1..=5_u32).prop_map(|count| format!("failures: {count}"));
    let ratio = (1..=100_u32, 1..=20_u32);
    let ratio = ratio
        .prop_map(|(share, least)| format!("failure_ratio: {share}%, minimum_requests: {least}"));
    prop_oneof![2 => count, 1 => ratio]
}

const SOME: &str = "[500, 502-504]";
const WITH_429: &str = "[401, 403, 408, 429, 500-599]";

const CLIENTS: &str = "
clients: [{ name: innocent, key: '${CHAT_KEY}' }, { name: poisoner, key: '${BATCH_KEY}' }]
";
