//! How much memory Envoy has over the time of a run.
//!
//! Flat means that it does not grow with the number of requests. It does grow at first: workers
//! fill their pools, connections their buffers, and V8 takes a while to settle. So the second half
//! of a run is looked at, which must be long enough for a leak to be larger than the noise.

use std::time::{Duration, Instant};

use spillway_integration::Gateway;

/// What was measured, second by second, in bytes.
#[derive(Debug)]
pub(crate) struct Memory(Vec<u64>);

impl Memory {
    /// Watches for so long.
    pub(crate) async fn watch(gateway: &Gateway, span: Duration) -> Self {
        let end = Instant::now() + span;
        let mut seen = Vec::new();
        while Instant::now() < end {
            tokio::time::sleep(SECOND).await;
            seen.push(gateway.memory());
        }
        Self(seen)
    }

    /// From the middle of the run, and at its end: the medians of five seconds each. `None` for a
    /// short run.
    pub(crate) fn growth(&self) -> Option<(u64, u64)> {
        if self.0.len() < LONG {
            return None;
        }
        let median_from = |start: usize| {
            let mut some = self.0[start..start + SAMPLES].to_vec();
            some.sort_unstable();
            some[SAMPLES / 2]
        };
        Some((median_from(self.0.len() / 2), median_from(self.0.len() - SAMPLES)))
    }

    /// Fails where the second half of a long run took more memory.
    pub(crate) fn assert_flat(&self) {
        if let Some((middle, end)) = self.growth() {
            assert!(end < middle + ALLOWED, "{middle} bytes, then {end}: {:?}", self.0);
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);
/// In seconds: what is shorter says nothing about memory.
const LONG: usize = 50;
const SAMPLES: usize = 5;
/// Seen: about one MiB, less the longer the run. The second half of a minute has some ten thousand
/// requests, so this finds a leak of four hundred bytes in each; ten minutes find one of forty.
const ALLOWED: u64 = 4 << 20;
