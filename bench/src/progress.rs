//! What the benchmark says while it runs: what it measures now, which round, how long still.

use std::time::{Duration, Instant};

use crate::plan::words;
use crate::round::Round;
use crate::work::{Scene, Work};

/// How far a run is.
pub(crate) struct Progress {
    start: Instant,
    /// Of a run: works times rounds.
    all: usize,
    done: usize,
}

impl Progress {
    pub(crate) fn of(all: usize) -> Self {
        Self { start: Instant::now(), all, done: 0 }
    }

    pub(crate) fn scene(&self, scene: &Scene, gateways: usize) {
        eprintln!("starting {gateways} gateways, {}", words(scene));
    }

    pub(crate) fn work(&self, work: &Work, round: usize, rounds: usize) {
        let remaining = match remaining(self.start.elapsed(), self.done, self.all) {
            Some(remaining) => format!(", about {} min remain", minutes(remaining)),
            None => String::new(),
        };
        eprintln!("{}: round {round} of {rounds}{remaining}", work.title);
    }

    pub(crate) fn round(&self, gateway: &str, round: &Round) {
        match &round.failure {
            None => eprintln!("  {gateway:20} {:10.1} µs CPU", round.cpu),
            Some(why) => {
                let why = why.lines().next().unwrap_or_default();
                eprintln!("  {gateway:20} fails, no number: {why}");
            }
        }
    }

    pub(crate) fn done(&mut self) {
        self.done += 1;
    }
}

/// As if what is left took as long as what is done; nothing before there is some of it.
fn remaining(elapsed: Duration, done: usize, all: usize) -> Option<Duration> {
    let each = elapsed.checked_div(u32::try_from(done).ok()?)?;
    Some(each * u32::try_from(all.saturating_sub(done)).ok()?)
}

fn minutes(time: Duration) -> u64 {
    time.as_secs().div_ceil(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_remains_is_told_by_what_is_done() {
        assert_eq!(remaining(Duration::from_secs(60), 0, 10), None);
        let remains = remaining(Duration::from_secs(60), 2, 10).unwrap();
        assert_eq!((remains, minutes(remains)), (Duration::from_secs(240), 4));
    }
}
