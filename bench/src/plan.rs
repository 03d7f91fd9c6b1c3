//! A run: scene after scene, and in each round of a scene every gateway at every work, in turns.

use std::collections::BTreeMap;

use crate::gateways::{Gateway, Parts};
use crate::results::Measured;
use crate::round::{Round, round};
use crate::stage::Stage;
use crate::work::{Scene, Work};
use crate::{interrupt, progress};

/// What is measured.
pub(crate) struct Plan {
    /// Rounds; each measures all gateways once.
    pub(crate) rounds: usize,
    /// The works, those of a scene together.
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
        for works in self.works.chunk_by(|one, other| one.scene == other.scene) {
            let Some(scene) = works.first().map(|work| work.scene) else { continue };
            let gateways: Vec<&Gateway> =
                self.gateways.iter().filter(|it| works.iter().any(|work| does(work, it))).collect();
            progress.scene(&scene, gateways.len());
            let stage = Stage::set(&scene, &gateways, &self.parts)?;
            measured.extend(self.scene(works, &gateways, &stage, &mut progress)?);
        }
        Ok(measured)
    }

    fn scene(
        &self,
        works: &[&'static Work],
        gateways: &[&Gateway],
        stage: &Stage,
        progress: &mut progress::Progress,
    ) -> anyhow::Result<Vec<Measured>> {
        let mut rounds: BTreeMap<(&str, &str), Vec<Round>> = BTreeMap::new();
        for number in 0..self.rounds {
            for work in works {
                progress.work(work, number + 1, self.rounds);
                for gateway in in_turn(gateways, number).filter(|it| does(work, it)) {
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
    gateways: &'a [&'a Gateway],
    round: usize,
) -> Box<dyn Iterator<Item = &'a Gateway> + 'a> {
    let gateways = gateways.iter().copied();
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
