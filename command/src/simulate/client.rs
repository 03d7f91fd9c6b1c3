//! The clients: when they call, how long their calls are, and what they do about an error.
//!
//! They are what most callers of Azure OpenAI are: the OpenAI SDK for Python, from 1.109 to 2.41
//! as measured. It tries again after 408, 409, 429 and 5xx, waits as long as it is told where that
//! is a minute at most, and otherwise half a second, one, two, up to eight, less up to a quarter by
//! chance.

use super::ending::Ending;
use super::plan::{START, Traffic};
use spillway::time::{Millis, Timestamp};

/// When the next call comes after this time, if ever.
///
/// A Poisson process has no memory: where its rate changes before the next call, it begins anew.
pub(super) fn next_call(traffic: &Traffic, after: f64, chance: &mut fastrand::Rng) -> Option<f64> {
    let mut at = after;
    loop {
        let (rate, until) = traffic.rate_at(Millis(at as u64));
        let gap = -(1.0 - chance.f64()).ln() * 1000.0 / rate;
        match until {
            Some(until) if at + gap >= until.0 as f64 => at = until.0 as f64,
            _ => return Some(at + gap).filter(|at| at.is_finite()),
        }
    }
}

/// The estimated tokens of a call.
pub(super) fn tokens(traffic: &Traffic, chance: &mut fastrand::Rng) -> u64 {
    let (least, most) = traffic.tokens;
    chance.u64(least..=most.max(least))
}

/// How long a client waits before it tries again; `None`: it does not.
pub(super) fn wait(
    ending: &Ending,
    tried: u32,
    traffic: &Traffic,
    now: Timestamp,
    chance: &mut fastrand::Rng,
) -> Option<Millis> {
    let again = matches!(ending.status, 408 | 409 | 429 | 500..);
    if !again || tried > traffic.retries {
        return None;
    }
    let retry_after = ending.retry_after.wait(now.into()).filter(|wait| *wait <= LONGEST_ANNOUNCED);
    Some(retry_after.unwrap_or_else(|| {
        let doubled = LEAST.0.saturating_mul(1 << (tried - 1).min(10)).min(MOST.0);
        Millis((doubled as f64 * (1.0 - chance.f64() / 4.0)) as u64)
    }))
}

/// A time of the run as a point in time.
pub(super) fn at(millis: f64) -> Timestamp {
    START + Millis(millis as u64)
}

/// The SDK takes no announced time that is longer.
const LONGEST_ANNOUNCED: Millis = Millis::from_secs(60);

const LEAST: Millis = Millis(500);
const MOST: Millis = Millis::from_secs(8);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::plan::Span;
    use spillway::retry_after::RetryAfter;

    fn traffic() -> Traffic {
        let span = Span { from: Millis(10_000), to: Millis(20_000) };
        Traffic { rate: 10.0, surges: vec![(span, 100.0)], tokens: (1, 3), retries: 2 }
    }

    #[test]
    fn calls_come_by_chance_at_the_rate_that_holds() {
        let (traffic, mut chance) = (traffic(), fastrand::Rng::with_seed(1));
        let (mut at, mut counts) = (0.0, [0u32; 3]);
        while let Some(next) = next_call(&traffic, at, &mut chance).filter(|at| *at < 30_000.0) {
            counts[(next / 10_000.0) as usize] += 1;
            at = next;
        }
        // Three standard deviations of a Poisson process.
        for (count, expected) in counts.into_iter().zip([100.0f64, 1000.0, 100.0]) {
            assert!((f64::from(count) - expected).abs() < 3.0 * expected.sqrt(), "{counts:?}");
        }
    }

    #[test]
    fn no_calls_come_where_the_rate_is_nothing() {
        let mut traffic = Traffic { rate: 0.0, ..traffic() };
        let mut chance = fastrand::Rng::with_seed(1);
        assert!(next_call(&traffic, 0.0, &mut chance).is_some_and(|at| at > 10_000.0));
        traffic.surges.clear();
        assert_eq!(next_call(&traffic, 0.0, &mut chance), None);
    }

    fn waits(status: u16, retry_after: &str, tried: u32) -> Option<Millis> {
        let retry_after =
            RetryAfter { retry_after: Some(retry_after.into()), ..RetryAfter::default() };
        let ending = Ending { status, reason: None, retry_after };
        wait(&ending, tried, &traffic(), START, &mut fastrand::Rng::with_seed(1))
    }

    #[test]
    fn clients_do_as_they_are_told_and_otherwise_back_off() {
        assert_eq!(waits(429, "60", 1), Some(Millis(60_000)));
        assert_eq!(waits(503, "1", 2), Some(Millis(1000)));
        assert_eq!(waits(429, "1", 3), None);
        assert_eq!(waits(400, "1", 1), None);
        let long = waits(429, "61", 1).unwrap();
        assert!((375..=500).contains(&long.0), "{long}");
        let second = waits(503, "", 2).unwrap();
        assert!((750..=1000).contains(&second.0), "{second}");
    }
}
