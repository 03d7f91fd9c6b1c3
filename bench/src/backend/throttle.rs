//! A backend's limit: for how long it has asked to be left alone, and who came all the same.

use std::sync::Mutex;
use std::time::Duration;

/// The limit of a backend that always says 429.
#[derive(Debug)]
pub(super) struct Throttle {
    announces: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When it may be asked again.
    until: Duration,
    /// Requests since it last announced a time, the one that made it do so among them.
    now: u64,
    /// Those of them that were not on their way already when it did.
    later: u64,
    seen: Throttled,
}

/// What has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Throttled {
    /// How often it has announced a time when none was running.
    pub(crate) announced: u64,
    /// The most requests that came within an announced time, with the one that it was announced to.
    pub(crate) most: u64,
    /// The most of those that were sent when whoever sent them could have known.
    pub(crate) most_later: u64,
}

/// What comes sooner after a time was announced may have been on its way.
pub(crate) const ON_THEIR_WAY: Duration = Duration::from_millis(100);

impl Throttle {
    pub(super) fn announcing(milliseconds: u64) -> Self {
        let announces = Duration::from_millis(milliseconds);
        Self { announces, state: Mutex::default() }
    }

    /// A request has come: for how long must it stay away from now on?
    pub(super) fn asked(&self, now: Duration) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if now >= state.until {
            state.until = now + self.announces;
            (state.now, state.later) = (0, 0);
            state.seen.announced += 1;
        }
        state.now += 1;
        state.seen.most = state.seen.most.max(state.now);
        let announced = state.until.saturating_sub(self.announces);
        if now.saturating_sub(announced) > ON_THEIR_WAY {
            state.later += 1;
            state.seen.most_later = state.seen.most_later.max(state.later);
        }
        self.announces
    }

    pub(super) fn take(&self) -> Throttled {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::take(&mut state.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_within_an_announced_time_are_counted_with_the_first() {
        let throttle = Throttle::announcing(1000);
        let ms = Duration::from_millis;
        for at in [0, 1, 999, 1000, 2500] {
            throttle.asked(ms(at));
        }
        assert_eq!(throttle.take(), Throttled { announced: 3, most: 3, most_later: 1 });
        assert_eq!(throttle.take(), Throttled::default());
        throttle.asked(ms(2600));
        assert_eq!(throttle.take(), Throttled { announced: 0, most: 2, most_later: 0 });
    }
}
