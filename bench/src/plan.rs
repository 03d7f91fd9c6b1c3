//! A run: group after group, and in each round of a group every gateway at every work, in turns.

use std::collections::BTreeMap;

use crate::gateways::{Gateway, Parts};
use crate::results::Measured;
use crate::round::{Round, round};
use crate::stage::Stage;
use crate::work::{Scene, Work};
use crate::{interrupt, progress, stage};

/// What is measured.
pub(crate) struct Plan {
    /// Rounds; each measures all gateways once.
    pub(crate) rounds: usize,
    /// The works, those of a group together.
    pub(crate) works: Vec<&'static Work>,
    /// The gateways that are here.
    pub(crate) gateways: Vec<Gateway>,
    /// Where the project's parts are.
    pub(crate) parts: Parts,
}

impl Plan {
    /// Measures it all.
    pub(crate) fn run(&self) -> anyhow::Result<Vec<Measured>> {
        let mut progress = progress::Progress::of(self.works.len() * self.rounds);
        let mut measured = vec![];
        for works in self.works.chunk_by(|one, other| one.group == other.group) {
            let mut stages: Vec<(Scene, Stage)> = vec![];
            for work in works {
                if stages.iter().all(|(scene, _)| *scene != work.scene) {
                    let gateways = self.gateways_of(works, &work.scene);
                    progress.scene(&work.scene, gateways.len());
                    let stage = Stage::set(&work.scene, &gateways, &self.parts)?;
                    stages.push((work.scene, stage));
                }
            }
            measured.extend(self.group(works, &stages, &mut progress)?);
        }
        stage::unpin()?;
        Ok(measured)
    }

    /// Those that do any of these works in that scene.
    fn gateways_of(&self, works: &[&Work], scene: &Scene) -> Vec<&Gateway> {
        let here = |gateway: &Gateway| {
            works.iter().any(|work| work.scene == *scene && does(work, gateway))
        };
        self.gateways.iter().filter(|gateway| here(gateway)).collect()
    }

    fn group(
        &self,
        works: &[&'static Work],
        stages: &[(Scene, Stage)],
        progress: &mut progress::Progress,
    ) -> anyhow::Result<Vec<Measured>> {
        let mut rounds: BTreeMap<(&str, &str), Vec<Round>> = BTreeMap::new();
        for number in 0..self.rounds {
            for work in works {
                let stage = stages.iter().find(|(scene, _)| *scene == work.scene);
                let Some((_, stage)) = stage else { continue };
                progress.work(work, number + 1, self.rounds);
                for gateway in in_turn(&self.gateways, number).filter(|it| does(work, it)) {
                    interrupt::check()?;
                    let so_far = rounds.entry((work.key, gateway.name)).or_default();
                    // One that fails requests gets no number, so it need not be asked again.
                    if so_far.iter().all(|round| round.failed == 0) {
                        let round = round(gateway, stage, work)?;
                        progress.round(gateway.name, &round);
                        so_far.push(round);
                    }
                }
                progress.done();
            }
        }
        let of = |work: &Work| {
            let its = rounds.iter().filter(|((key, _), _)| *key == work.key);
            its.map(|((_, gateway), rounds)| ((*gateway).to_owned(), rounds.clone())).collect()
        };
        Ok(works.iter().map(|work| Measured::of(work, of(work))).collect())
    }
}

/// Forwards in one round and backwards in the next, so that none always comes after the same one.
fn in_turn<'a>(
    gateways: &'a [Gateway],
    round: usize,
) -> Box<dyn Iterator<Item = &'a Gateway> + 'a> {
    let gateways = gateways.iter();
    if round.is_multiple_of(2) { Box::new(gateways) } else { Box::new(gateways.rev()) }
}

fn does(work: &Work, gateway: &Gateway) -> bool {
    work.leaves_out(gateway.name).is_none()
}

/// A scene in words, for whoever waits.
pub(crate) fn words(scene: &Scene) -> String {
    let members = scene.tiers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ");
    let workers = if scene.workers == 1 { "worker" } else { "workers" };
    format!("{} {workers} before {members} backends", scene.workers)
}
