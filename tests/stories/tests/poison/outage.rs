//! An outage of one member: everything that reaches it fails, and then nothing does.

use proptest::prelude::*;

use crate::failure::Failure;
use crate::scene::{Provokes, Scene};
use crate::{LONGEST_TRIP, Tested};

/// An outage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outage {
    failure: Failure,
    /// The place of the member among those of the first tier.
    which: usize,
    /// Good answers before.
    before: usize,
    /// Probes that still fail.
    failed_probes: usize,
}

impl Outage {
    /// Any.
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let parts = (Failure::of_an_outage(), 0..4_usize, 0..40_usize, 0..3_usize);
        parts.prop_map(|(failure, which, before, failed_probes)| Self {
            failure,
            which,
            before,
            failed_probes,
        })
    }

    /// Plays it under traffic of different requests: every client is answered, the member is left after
    /// three of them and stays so, gets one request at a time as a probe, and is back with the first
    /// that it answers.
    pub(crate) fn play(self, scene: &mut Scene) -> Tested {
        let tier = scene.shape.first_tier();
        let out = tier.get(self.which % tier.len()).copied().unwrap_or_default();
        let outage = Some(Provokes { failure: self.failure, from: 1 << out });
        let round = 4 * tier.len();
        for worker in 0..self.before {
            scene.ask_during(None, worker)?;
        }
        let met = asks(scene, outage, round, out)?;
        prop_assert!((1..=3).contains(&met), "it was left after {met} requests");
        prop_assert_eq!(asks(scene, outage, round, out)?, 0, "it is left alone");
        for _ in 0..self.failed_probes {
            scene.pass(LONGEST_TRIP);
            // How soon it has its turn depends on what each worker owes the others.
            prop_assert_eq!(asks(scene, outage, 4 * round, out)?, 1, "a probe");
        }
        scene.pass(LONGEST_TRIP);
        prop_assert!(asks(scene, None, 4 * round, out)? > 4, "back with its first probe");
        Ok(())
    }
}

/// So many clients ask, each for something new: how many requests reach this member.
fn asks(
    scene: &mut Scene,
    outage: Option<Provokes>,
    count: usize,
    member: usize,
) -> Result<usize, TestCaseError> {
    let mut met = 0;
    for number in 0..count {
        let asked = scene.ask_during(outage, number / scene.shape.first_tier().len())?;
        met += asked.iter().filter(|asked| **asked == member).count();
    }
    Ok(met)
}
