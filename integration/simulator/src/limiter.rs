//! How much of a deployment may be used, and when more may be.
//!
//! Azure meters each deployment twice: requests per window, and tokens per sliding
//! minute. It charges tokens *before* it answers, from `max_tokens` or a flat 16,
//! so real usage never shows in `x-ratelimit-remaining-tokens`.
//!
//! [`Limiter`] is a plain value: time comes in as the duration since the region
//! started, so its tests never sleep. Refused requests are not charged.

use std::collections::VecDeque;
use std::time::Duration;

use crate::limits::{Limits, TOKEN_WINDOW, WindowKind};

/// The books of one deployment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limiter {
    limits: Limits,
    requests: VecDeque<Duration>,
    tokens: VecDeque<(Duration, u64)>,
}

/// What the limiter says to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// `None` when the request may pass.
    pub exceeded: Option<Exceeded>,
    pub remaining_requests: u64,
    pub remaining_tokens: u64,
}

/// Which limit was hit, and how long until this request would pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    pub what: Metered,
    pub wait: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metered {
    Requests,
    Tokens,
}

// === impl Limiter ===

impl Limiter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Charges one request of `cost` tokens, unless a limit forbids it.
    pub(crate) fn admit(&mut self, cost: u64, now: Duration) -> Verdict {
        self.expire(now);
        let exceeded = self.wait_for_request(now).or_else(|| self.wait_for_tokens(cost, now));
        if exceeded.is_none() {
            self.charge(cost, now);
        }
        Verdict {
            exceeded,
            remaining_requests: self.remaining_requests(),
            remaining_tokens: self.remaining_tokens(),
        }
    }

    fn charge(&mut self, cost: u64, now: Duration) {
        if self.limits.requests.is_some() {
            self.requests.push_back(now);
        }
        if self.limits.tokens_per_minute.is_some() {
            self.tokens.push_back((now, cost));
        }
    }

    fn expire(&mut self, now: Duration) {
        if let Some(window) = self.limits.requests {
            let over = |at: &Duration| at.saturating_add(window.length()) <= now;
            match window.kind {
                WindowKind::Sliding => drop_while(&mut self.requests, over),
                WindowKind::Fixed if self.requests.front().is_some_and(over) => {
                    self.requests.clear();
                }
                WindowKind::Fixed => {}
            }
        }
        drop_while(&mut self.tokens, |(at, _)| at.saturating_add(TOKEN_WINDOW) <= now);
    }

    fn wait_for_request(&self, now: Duration) -> Option<Exceeded> {
        let window = self.limits.requests?;
        if (self.requests.len() as u64) < window.count {
            return None;
        }
        let frees = self.requests.front().copied().unwrap_or(now) + window.length();
        Some(Exceeded { what: Metered::Requests, wait: frees.saturating_sub(now) })
    }

    fn wait_for_tokens(&self, cost: u64, now: Duration) -> Option<Exceeded> {
        let limit = self.limits.tokens_per_minute?;
        let mut used = self.used_tokens();
        if used.saturating_add(cost) <= limit {
            return None;
        }
        let mut wait = TOKEN_WINDOW;
        for (at, spent) in &self.tokens {
            used = used.saturating_sub(*spent);
            wait = (*at + TOKEN_WINDOW).saturating_sub(now);
            if used.saturating_add(cost) <= limit {
                break;
            }
        }
        Some(Exceeded { what: Metered::Tokens, wait })
    }

    fn remaining_requests(&self) -> u64 {
        match self.limits.requests {
            Some(window) => window.count.saturating_sub(self.requests.len() as u64),
            None => UNLIMITED_REQUESTS,
        }
    }

    fn remaining_tokens(&self) -> u64 {
        match self.limits.tokens_per_minute {
            Some(limit) => limit.saturating_sub(self.used_tokens()),
            None => UNLIMITED_TOKENS,
        }
    }

    fn used_tokens(&self) -> u64 {
        self.tokens.iter().fold(0, |sum, (_, spent)| sum.saturating_add(*spent))
    }
}

/// `wait` in whole seconds, rounded up, at least one: the form of `Retry-After`.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    let up = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(up).max(1)
}

fn drop_while<T>(queue: &mut VecDeque<T>, over: impl Fn(&T) -> bool) {
    while queue.front().is_some_and(&over) {
        queue.pop_front();
    }
}

/// What an unlimited deployment says remains.
const UNLIMITED_REQUESTS: u64 = 10_000;
const UNLIMITED_TOKENS: u64 = 10_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const FLAT: u64 = 16;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn capacity_eight_counts_down_as_recorded() {
        let mut limiter = Limiter::new(Limits::capacity(8));
        let first = limiter.admit(FLAT, at(0));
        assert_eq!((first.remaining_requests, first.remaining_tokens), (7, 7984));
        let second = limiter.admit(FLAT, at(1));
        assert_eq!((second.remaining_requests, second.remaining_tokens), (6, 7968));
    }

    #[test]
    fn sliding_window_frees_one_place_at_a_time() {
        let mut limiter = Limiter::new(Limits::requests(2, at(1_000)));
        assert_eq!(limiter.admit(FLAT, at(0)).exceeded, None);
        assert_eq!(limiter.admit(FLAT, at(400)).exceeded, None);
        let refused = limiter.admit(FLAT, at(500)).exceeded.unwrap();
        assert_eq!((refused.what, refused.wait), (Metered::Requests, at(500)));
        assert_eq!(limiter.admit(FLAT, at(1_000)).exceeded, None);
        assert_eq!(limiter.admit(FLAT, at(1_001)).exceeded.unwrap().wait, at(399));
    }

    #[test]
    fn fixed_window_frees_all_places_together() {
        let mut limiter = Limiter::new(Limits::capacity(2));
        assert_eq!(limiter.admit(FLAT, at(5_000)).exceeded, None);
        assert_eq!(limiter.admit(FLAT, at(14_000)).exceeded, None);
        assert_eq!(limiter.admit(FLAT, at(14_500)).exceeded.unwrap().wait, at(500));
        assert_eq!(limiter.admit(FLAT, at(15_000)).remaining_requests, 1);
    }

    #[test]
    fn tokens_wait_until_enough_have_expired() {
        let mut limiter = Limiter::new(Limits::tokens_per_minute(100));
        assert_eq!(limiter.admit(60, at(0)).exceeded, None);
        assert_eq!(limiter.admit(30, at(10_000)).remaining_tokens, 10);
        let refused = limiter.admit(80, at(20_000)).exceeded.unwrap();
        assert_eq!((refused.what, refused.wait), (Metered::Tokens, at(50_000)));
        assert_eq!(limiter.admit(80, at(70_000)).exceeded, None);
    }

    #[test]
    fn a_cost_above_the_limit_never_passes() {
        let mut limiter = Limiter::new(Limits::tokens_per_minute(100));
        assert_eq!(limiter.admit(101, at(0)).exceeded.unwrap().wait, TOKEN_WINDOW);
    }

    #[test]
    fn waits_round_up_to_whole_seconds() {
        assert_eq!(whole_seconds(at(0)), 1);
        assert_eq!(whole_seconds(at(1_000)), 1);
        assert_eq!(whole_seconds(at(1_001)), 2);
    }
}
