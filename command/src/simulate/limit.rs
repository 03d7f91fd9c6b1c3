//! How much of a deployment may be used, and when more may be: Azure's two ways of metering.
//!
//! A *standard* deployment has so many tokens in any sixty seconds. They may be spent at once; then
//! nothing is left until they are a minute old. A *provisioned* one works at a steady rate: what it
//! takes on fills a bucket, the bucket drains at that rate, and while it is full the answer is 429
//! (Microsoft's documentation of provisioned throughput calls it a variation of the leaky bucket).
//! How deep the bucket is, it does not say; here it holds a second's work, so that little is
//! forgiven to a gateway that leaves the deployment idle.
//!
//! Both charge the estimated tokens on arrival, before they answer, and charge nothing for what
//! they refuse. Both know to the millisecond when the refused request would be taken.

use std::collections::VecDeque;

use spillway::time::{Millis, Timestamp};

/// How a deployment is metered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metering {
    /// A steady rate, paid for in advance.
    Provisioned,
    /// So many tokens in any minute, paid as they are used.
    Standard,
}

/// The books of one deployment.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    tokens_per_minute: u64,
    books: Books,
}

#[derive(Debug, Clone)]
enum Books {
    Bucket {
        /// What is in it, in drops: a token is as many drops as a minute has milliseconds, so
        /// that the bucket drains by `tokens_per_minute` drops in each.
        drops: u64,
        seen: Timestamp,
    },
    Minute {
        used: u64,
        spent: VecDeque<(Timestamp, u64)>,
    },
}

impl Limit {
    pub(super) const fn new(metering: Metering, tokens_per_minute: u64) -> Self {
        let books = match metering {
            Metering::Provisioned => Books::Bucket { drops: 0, seen: Timestamp(0) },
            Metering::Standard => Books::Minute { used: 0, spent: VecDeque::new() },
        };
        Self { tokens_per_minute, books }
    }

    /// Charges so many tokens, or says how long until they would be taken.
    pub(super) fn admit(&mut self, tokens: u64, now: Timestamp) -> Result<(), Millis> {
        self.settle(now);
        let Self { tokens_per_minute, books } = self;
        match books {
            Books::Bucket { drops, .. } => {
                let full = *tokens_per_minute * DEPTH.0;
                if *drops >= full {
                    return Err(Millis((*drops - full) / *tokens_per_minute + 1));
                }
                *drops += tokens * MINUTE.0;
            }
            Books::Minute { used, spent } => {
                let over = (*used + tokens).saturating_sub(*tokens_per_minute);
                if over > 0 {
                    return Err(wait_for(over, spent, now));
                }
                *used += tokens;
                spent.push_back((now, tokens));
            }
        }
        Ok(())
    }

    /// The tokens that would be taken now.
    pub(super) fn remaining(&mut self, now: Timestamp) -> u64 {
        self.settle(now);
        match &self.books {
            Books::Bucket { drops, .. } => {
                (self.tokens_per_minute * DEPTH.0).saturating_sub(*drops) / MINUTE.0
            }
            Books::Minute { used, .. } => self.tokens_per_minute.saturating_sub(*used),
        }
    }

    /// The most that [`remaining`](Self::remaining) can be.
    pub(super) const fn most(&self) -> u64 {
        match self.books {
            Books::Bucket { .. } => self.tokens_per_minute * DEPTH.0 / MINUTE.0,
            Books::Minute { .. } => self.tokens_per_minute,
        }
    }

    /// Lets time pass.
    fn settle(&mut self, now: Timestamp) {
        match &mut self.books {
            Books::Bucket { drops, seen } => {
                let drained = now.since(*seen).0.saturating_mul(self.tokens_per_minute);
                *drops = drops.saturating_sub(drained);
                *seen = now;
            }
            Books::Minute { used, spent } => {
                while let Some((at, tokens)) = spent.front().copied()
                    && at + MINUTE <= now
                {
                    *used -= tokens;
                    spent.pop_front();
                }
            }
        }
    }
}

/// How long until so many tokens are a minute old.
fn wait_for(over: u64, spent: &VecDeque<(Timestamp, u64)>, now: Timestamp) -> Millis {
    let mut freed = 0;
    let enough = spent.iter().find(|(_, tokens)| {
        freed += tokens;
        freed >= over
    });
    enough.map_or(MINUTE, |(at, _)| (*at + MINUTE).since(now))
}

pub(super) const MINUTE: Millis = Millis::from_secs(60);

/// So long a bucket drains that is full.
const DEPTH: Millis = Millis::from_secs(1);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const T0: Timestamp = Timestamp(1_000_000);

    fn after(millis: u64) -> Timestamp {
        T0 + Millis(millis)
    }

    #[test]
    fn a_standard_deployment_spends_its_minute_and_waits() {
        let mut limit = Limit::new(Metering::Standard, 100);
        assert_eq!(limit.admit(60, after(0)), Ok(()));
        assert_eq!(limit.admit(40, after(10_000)), Ok(()));
        assert_eq!(limit.admit(1, after(20_000)), Err(Millis(40_000)));
        assert_eq!(limit.admit(61, after(20_000)), Err(Millis(50_000)));
        assert_eq!(limit.admit(60, after(60_000)), Ok(()));
        assert_eq!(limit.admit(101, after(60_000)), Err(MINUTE), "it never fits");
    }

    #[test]
    fn a_provisioned_deployment_works_at_a_steady_rate() {
        // A thousand tokens a second.
        let mut limit = Limit::new(Metering::Provisioned, 60_000);
        assert_eq!(limit.remaining(after(0)), 1000);
        assert_eq!(limit.admit(999, after(0)), Ok(()));
        assert_eq!(limit.admit(500, after(0)), Ok(()), "it is not full before");
        assert_eq!(limit.admit(1, after(0)), Err(Millis(500)));
        assert_eq!(limit.admit(1, after(499)), Err(Millis(1)));
        assert_eq!(limit.admit(500, after(500)), Ok(()));
        assert_eq!(limit.admit(1, after(500)), Err(Millis(500)));
        assert_eq!(limit.remaining(after(60_000)), 1000);
    }

    proptest! {
        #[test]
        fn no_more_is_served_than_the_capacity_and_announced_times_are_exact(
            provisioned: bool,
            requests in prop::collection::vec((0u64..3000, 1u64..400), 1..200),
        ) {
            let metering = if provisioned { Metering::Provisioned } else { Metering::Standard };
            let per_minute = 6000;
            let mut limit = Limit::new(metering, per_minute);
            let (mut now, mut served) = (T0, Vec::new());
            for (gap, tokens) in requests {
                now = now + Millis(gap);
                match limit.admit(tokens, now) {
                    Ok(()) => served.push((now, tokens)),
                    Err(wait) => {
                        let early = now + Millis(wait.0 - 1);
                        prop_assert!(limit.admit(tokens, early).is_err(), "too late");
                        now = now + wait;
                        prop_assert_eq!(limit.admit(tokens, now), Ok(()));
                        served.push((now, tokens));
                    }
                }
                let recent = served.iter().filter(|(at, _)| *at + MINUTE > now);
                let recent: u64 = recent.map(|(_, tokens)| tokens).sum();
                // A bucket may be full at the start of the minute, and overflow by one request.
                let burst = if provisioned { per_minute * DEPTH.0 / MINUTE.0 + 400 } else { 0 };
                prop_assert!(recent <= per_minute + burst, "{recent} in a minute");
            }
        }
    }
}
