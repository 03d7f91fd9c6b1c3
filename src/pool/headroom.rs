//! Headroom: how much of its limit a backend still has, as it says itself.
//!
//! Azure OpenAI and OpenAI write on each answer what remains of the current minute's tokens and
//! requests (`x-ratelimit-remaining-tokens`, `-requests`), and often the limit
//! (`x-ratelimit-limit-tokens`, `-requests`). Where a pool's `headroom` is on, a member's weight
//! inside its tier shrinks with what remains, so that a region near its limit gets less before it
//! says 429. The order of the tiers is not touched.
//!
//! What was seen a minute ago says nothing: the limits are per minute.

#![warn(clippy::arithmetic_side_effects)]

use crate::time::{Millis, Timestamp};

/// What is known of one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Headroom {
    seen: Timestamp,
    /// Of a thousand.
    share: u32,
    tokens: Peak,
    requests: Peak,
}

/// The headers of an answer that tell the headroom, as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remaining {
    /// `x-ratelimit-remaining-tokens`.
    pub tokens: Option<Vec<u8>>,
    /// `x-ratelimit-remaining-requests`.
    pub requests: Option<Vec<u8>>,
    /// `x-ratelimit-limit-tokens`.
    pub token_limit: Option<Vec<u8>>,
    /// `x-ratelimit-limit-requests`.
    pub request_limit: Option<Vec<u8>>,
}

/// The most that was ever left lately: the limit, where nothing says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Peak {
    at: Timestamp,
    most: u64,
}

impl Headroom {
    /// Takes note of what an answer says remains, and says which share of the limits that is, of a
    /// thousand; `None`: it says nothing.
    pub fn see(&mut self, remaining: &Remaining, now: Timestamp) -> Option<u32> {
        let tokens = self.tokens.share(&remaining.tokens, &remaining.token_limit, now);
        let requests = self.requests.share(&remaining.requests, &remaining.request_limit, now);
        // The scarcer of the two is what ends in a 429.
        let share = tokens.into_iter().chain(requests).min()?;
        *self = Self { seen: now, share, ..*self };
        Some(share)
    }

    /// The share of the weight that counts now, of a thousand; never nothing, or it would never be
    /// seen to recover.
    pub fn share(&self, now: Timestamp) -> u32 {
        fresh(self.share, self.seen, now)
    }
}

/// The share of the weight that counts now, where so much was left when it was seen last.
pub fn fresh(share: u32, seen: Timestamp, now: Timestamp) -> u32 {
    if seen == Timestamp(0) || now.since(seen) >= FRESH_FOR {
        return 1000;
    }
    share.clamp(LEAST, 1000)
}

impl Peak {
    fn share(
        &mut self,
        remaining: &Option<Vec<u8>>,
        limit: &Option<Vec<u8>>,
        now: Timestamp,
    ) -> Option<u32> {
        let remaining = number(remaining)?;
        if remaining >= self.most || now.since(self.at) >= PEAK_FOR {
            *self = Self { at: now, most: remaining };
        }
        let limit = number(limit).unwrap_or(self.most).max(1);
        u32::try_from(remaining.min(limit).saturating_mul(1000).checked_div(limit)?).ok()
    }
}

/// The whole number that such a header holds.
pub fn number(header: &Option<Vec<u8>>) -> Option<u64> {
    std::str::from_utf8(header.as_deref()?).ok()?.trim().parse().ok()
}

const FRESH_FOR: Millis = Millis::from_secs(60);
const PEAK_FOR: Millis = Millis::from_secs(600);
const LEAST: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    const T0: Timestamp = Timestamp(1_000_000);

    fn remaining(tokens: &str, requests: &str, limit: &str) -> Remaining {
        let header = |text: &str| (!text.is_empty()).then(|| text.as_bytes().to_vec());
        Remaining {
            tokens: header(tokens),
            requests: header(requests),
            token_limit: header(limit),
            request_limit: None,
        }
    }

    fn share_after(seen: &[Remaining]) -> u32 {
        let mut headroom = Headroom::default();
        for remaining in seen {
            headroom.see(remaining, T0);
        }
        headroom.share(T0)
    }

    #[test]
    fn the_scarcer_of_tokens_and_requests_counts() {
        assert_eq!(share_after(&[remaining("500", "", "1000")]), 500);
        assert_eq!(
            share_after(&[remaining("500", "10", "1000"), remaining("500", "2", "1000")]),
            200
        );
        assert_eq!(share_after(&[]), 1000);
    }

    #[test]
    fn without_a_limit_the_most_that_was_seen_is_it() {
        assert_eq!(share_after(&[remaining("800", "", ""), remaining("200", "", "")]), 250);
        assert_eq!(share_after(&[remaining("200", "", ""), remaining("800", "", "")]), 1000);
    }

    #[test]
    fn nobody_is_left_without_any_traffic() {
        assert_eq!(share_after(&[remaining("0", "", "1000")]), LEAST);
    }

    #[test]
    fn what_is_a_minute_old_says_nothing() {
        let mut headroom = Headroom::default();
        headroom.see(&remaining("1", "", "1000"), T0);
        assert_eq!(headroom.share(T0 + Millis(59_999)), LEAST);
        assert_eq!(headroom.share(T0 + Millis(60_000)), 1000);
    }

    #[test]
    fn headers_that_are_no_numbers_say_nothing() {
        for text in ["", "-1", "many", "1.5", "99999999999999999999999999"] {
            assert_eq!(share_after(&[remaining(text, "", "1000")]), 1000, "{text}");
        }
        assert_eq!(share_after(&[remaining("5", "", "0")]), 1000);
    }
}
