//! The time that a throttled backend announces: when it wants to be asked again.
//!
//! Azure OpenAI says it in up to four ways, and real traffic shows all of them, some of them wrong
//! (`Retry-After: 0`, a day, a header missing). The most exact one that makes sense is taken, in
//! this order: `retry-after-ms`; `Retry-After` as a number of seconds or an HTTP date (RFC 9110
//! §10.2.3); the reset of the limit that is exhausted, by `x-ratelimit-reset-requests` and `-tokens`,
//! which Azure also spells `x-rate-limit-…`. Where no `-remaining-…` says which limit that is, it is the
//! later of the two. Zero, in whatever form, says "soon" ([`SOON`]) where nothing else says when; any
//! other value that is not above zero says nothing. Capping is the circuit breaker's business.
//!
//! What is announced is counted from the next whole millisecond on, from which the circuit is open
//! ([`Record::holds_from`](crate::breaker::store::Record::holds_from)). So a span is never over
//! early, and a date is over when it says.

#![warn(clippy::arithmetic_side_effects)]

use std::time::UNIX_EPOCH;

use crate::pool::headroom;
use crate::time::{Micros, Millis};

/// The headers of an answer that may announce a time, as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetryAfter {
    /// `retry-after-ms`.
    pub retry_after_ms: Option<Vec<u8>>,
    /// `retry-after`.
    pub retry_after: Option<Vec<u8>>,
    /// `x-ratelimit-reset-requests`.
    pub reset_requests: Option<Vec<u8>>,
    /// `x-ratelimit-reset-tokens`.
    pub reset_tokens: Option<Vec<u8>>,
    /// `x-ratelimit-remaining-requests`.
    pub remaining_requests: Option<Vec<u8>>,
    /// `x-ratelimit-remaining-tokens`.
    pub remaining_tokens: Option<Vec<u8>>,
}

/// How long to wait for a backend that announces no time at all.
pub const SOON: Millis = Millis::from_secs(1);

impl RetryAfter {
    /// Whether room is left in every limit, as the backend says itself: then it may be this one request
    /// that is too large, and others are answered.
    pub fn has_room(&self) -> bool {
        let left = |limit| headroom::number(limit).is_some_and(|left| left > 0);
        left(&self.remaining_requests) && left(&self.remaining_tokens)
    }

    /// How long the backend wants to be left alone from `now` on, rounded up, where it says so.
    pub fn wait(&self, now: Micros) -> Option<Millis> {
        let text = |value: &Option<Vec<u8>>| -> Option<String> {
            value
                .as_deref()
                .and_then(|bytes| std::str::from_utf8(bytes).ok())
                .map(|s| s.trim().to_owned())
        };
        let (milliseconds, wait) = (text(&self.retry_after_ms), text(&self.retry_after));
        let zero = |text: &Option<String>| text.as_deref().and_then(decimal) == Some(0.0);
        let limit = |reset_at: &Option<Vec<u8>>, remaining: &Option<Vec<u8>>| {
            let remaining = text(remaining).and_then(|text| text.parse::<f64>().ok());
            Some((remaining.is_some_and(|left| left <= 0.0), reset(&text(reset_at)?)?))
        };
        let limits = [
            limit(&self.reset_requests, &self.remaining_requests),
            limit(&self.reset_tokens, &self.remaining_tokens),
        ];
        let limit = limits.into_iter().flatten().max().map(|(_, wait)| wait);
        let says_soon = zero(&milliseconds) || zero(&wait) || limit == Some(Millis(0));
        None.or_else(|| number(milliseconds.as_deref()?, 1.0))
            .or_else(|| retry_after(wait.as_deref()?, now))
            .or_else(|| limit.filter(|wait| *wait > Millis(0)))
            .or_else(|| says_soon.then_some(SOON))
    }
}

fn retry_after(text: &str, now: Micros) -> Option<Millis> {
    number(text, 1000.0).or_else(|| date(text, now))
}

/// A positive decimal number of units of `scale` milliseconds, rounded up.
fn number(text: &str, scale: f64) -> Option<Millis> {
    Millis::of_units(decimal(text)?, scale)
}

/// A number in digits and a point alone.
fn decimal(text: &str) -> Option<f64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if digits { text.parse().ok() } else { None }
}

fn date(text: &str, now: Micros) -> Option<Millis> {
    let at = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let at = Micros(u64::try_from(at.as_micros()).ok()?);
    // Less than a millisecond before it, it still says to wait: the shortest time there is.
    let wait = at.cut_off().since(now.rounded_up()).max(Millis(1));
    (at > now).then_some(wait)
}

/// Azure writes seconds (`55`), OpenAI a span with units (`6m0s`, `120ms`). Either may be zero.
fn reset(text: &str) -> Option<Millis> {
    let seconds =
        decimal(text).map(|seconds| Millis::of_units(seconds, 1000.0).unwrap_or_default());
    seconds.or_else(|| span(text))
}

fn span(text: &str) -> Option<Millis> {
    let mut rest = text;
    let mut total = Millis(0);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (value, tail) = rest.split_at_checked(digits)?;
        let units = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(units)?;
        let scale = match unit {
            "ms" => 1.0,
            "s" => 1000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            _ => return None,
        };
        let more = Millis::of_units(decimal(value)?, scale).unwrap_or_default();
        total.0 = total.0.saturating_add(more.0);
        rest = tail;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    /// 2026-11-20 09:00:00 UTC.
    const NOW: Micros = Micros(1_795_165_200_000_000);

    fn after(text: &str) -> Option<Millis> {
        let retry_after = RetryAfter { retry_after: Some(text.into()), ..RetryAfter::default() };
        retry_after.wait(NOW)
    }

    fn resets(requests: &str, tokens: &str) -> Option<Millis> {
        let retry_after = RetryAfter {
            reset_requests: Some(requests.into()),
            reset_tokens: Some(tokens.into()),
            ..RetryAfter::default()
        };
        retry_after.wait(NOW)
    }

    #[test]
    fn there_is_room_where_every_limit_says_so() {
        let left = |requests: &str, tokens: &str| {
            let header = |text: &str| (!text.is_empty()).then(|| text.as_bytes().to_vec());
            let (remaining_requests, remaining_tokens) = (header(requests), header(tokens));
            RetryAfter { remaining_requests, remaining_tokens, ..RetryAfter::default() }.has_room()
        };
        assert!(left("1", "7984") && left(" 5 ", "1"));
        for (requests, tokens) in
            [("0", "5"), ("5", "0"), ("5", ""), ("", "5"), ("-1", "5"), ("x", "5")]
        {
            assert!(!left(requests, tokens), "{requests:?} {tokens:?}");
        }
    }

    #[test]
    fn retry_after_is_read_in_every_form_that_is_seen() {
        assert_eq!(after("7"), Some(Millis(7000)));
        assert_eq!(after(" 7 "), Some(Millis(7000)));
        assert_eq!(after("1.5"), Some(Millis(1500)));
        assert_eq!(after("86400"), Some(Millis(86_400_000)));
        assert_eq!(after("Fri, 20 Nov 2026 09:00:05 GMT"), Some(Millis(5000)));
        assert_eq!(after("99999999999999999999999"), Some(Millis(u64::MAX)));
    }

    #[test]
    fn a_date_is_so_far_ahead_as_the_next_millisecond_is_from_it() {
        let at = |before: u64| date("Fri, 20 Nov 2026 09:00:00 GMT", Micros(NOW.0 - before));
        assert_eq!(at(5_000_000), Some(Millis(5000)));
        assert_eq!(at(4_999_999), Some(Millis(4999)));
        assert_eq!(at(4_999_001), Some(Millis(4999)));
        assert_eq!(at(4_999_000), Some(Millis(4999)));
        assert_eq!((at(1000), at(999), at(1)), (Some(Millis(1)), Some(Millis(1)), Some(Millis(1))));
        assert_eq!(at(0), None);
    }

    #[test]
    fn what_makes_no_sense_announces_nothing() {
        for zero in ["0", "0.0", "00", " 0 "] {
            assert_eq!(after(zero), Some(SOON), "{zero}");
        }
        for text in ["-1", "", "soon", "1e3", "inf", "NaN", "1s", "1.2.3"] {
            assert_eq!(after(text), None, "{text}");
        }
        assert_eq!(after("Fri, 20 Nov 2026 08:59:59 GMT"), None);
    }

    #[test]
    fn the_most_exact_announcement_wins() {
        let all = RetryAfter {
            retry_after_ms: Some(b"250".to_vec()),
            retry_after: Some(b"1".to_vec()),
            reset_requests: Some(b"2".to_vec()),
            reset_tokens: Some(b"3".to_vec()),
            ..RetryAfter::default()
        };
        assert_eq!(all.wait(NOW), Some(Millis(250)));
        let wrong_ms = RetryAfter { retry_after_ms: Some(b"0".to_vec()), ..all };
        assert_eq!(wrong_ms.wait(NOW), Some(Millis(1000)));
        assert_eq!(RetryAfter::default().wait(NOW), None);
    }

    #[test]
    fn resets_are_read_as_seconds_and_as_spans() {
        assert_eq!(resets("0", "55"), Some(Millis(55_000)));
        assert_eq!(resets("2", "55"), Some(Millis(55_000)), "the later of the two");
        assert_eq!(resets("6m0s", ""), Some(Millis(360_000)));
        assert_eq!(resets("120ms", ""), Some(Millis(120)));
        for zero in ["0", "0s", "0ms", "0m0s"] {
            assert_eq!(resets("-1", zero), Some(SOON), "{zero}");
        }
        assert_eq!(resets("", "-1"), None);
        assert_eq!(resets("s", "5x"), None);
    }

    #[test]
    fn of_two_limits_the_exhausted_one_counts() {
        let told = |requests: &str, tokens: &str| {
            let limits = RetryAfter {
                reset_requests: Some(b"2".to_vec()),
                reset_tokens: Some(b"55".to_vec()),
                remaining_requests: Some(requests.into()),
                remaining_tokens: Some(tokens.into()),
                ..RetryAfter::default()
            };
            limits.wait(NOW)
        };
        assert_eq!(told("0", "900"), Some(Millis(2000)));
        assert_eq!(told("3", "0"), Some(Millis(55_000)));
        assert_eq!(told("0", "0"), Some(Millis(55_000)));
        assert_eq!(told("", "many"), Some(Millis(55_000)));
        let zero = RetryAfter {
            reset_requests: Some(b"0s".to_vec()),
            reset_tokens: Some(b"55".to_vec()),
            remaining_requests: Some(b"0".to_vec()),
            ..RetryAfter::default()
        };
        assert_eq!(zero.wait(NOW), Some(SOON), "the exhausted one is back");
    }

    #[test]
    fn a_header_that_is_no_text_announces_nothing() {
        let latin1 = RetryAfter { retry_after: Some(b"caf\xe9".to_vec()), ..RetryAfter::default() };
        assert_eq!(latin1.wait(NOW), None);
    }
}
