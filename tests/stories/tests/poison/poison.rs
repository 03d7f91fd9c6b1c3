//! One client's requests that provoke failures, and how they come among others.

use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

use proptest::prelude::*;
use spillway_stories::http::Request;

use crate::failure::Failure;
use crate::scene::{Flight, Meanwhile, Provokes, Scene, chat};

/// A request that provokes a failure.
#[derive(Clone, Copy)]
pub(crate) struct Poison {
    provokes: Provokes,
    /// How often its client tries it: once, or as often as an SDK does.
    tries: u8,
}

impl Poison {
    /// One that these members answer so, tried so often.
    pub(crate) const fn new(failure: Failure, from: u8, tries: u8) -> Self {
        Self { provokes: Provokes { failure, from }, tries }
    }

    /// Any that these members answer so, tried once or as often as an SDK does.
    pub(crate) fn of(from: impl Strategy<Value = u8>) -> impl Strategy<Value = Self> {
        let tries = prop::sample::select(vec![1, 3]);
        (Failure::any(), from, tries)
            .prop_map(|(failure, from, tries)| Self::new(failure, from, tries))
    }

    /// The same, tried so often.
    pub(crate) const fn tried(self, tries: u8) -> Self {
        Self { tries, ..self }
    }

    /// The same, and at least one of so many members answers it well.
    pub(crate) const fn that_spares_one_of(mut self, members: usize) -> Self {
        self.provokes.from %= (1 << members) - 1;
        self
    }
}

/// Shown on one line each, for there are many.
impl fmt::Debug for Poison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provokes: Provokes { failure, from }, tries } = *self;
        f.write_str(&format!("{failure:?} from {from:#06b}, {tries} tries"))
    }
}

/// What happens next.
#[derive(Clone, Copy)]
pub(crate) enum Move {
    /// So many steps of a request that provokes a failure, on this worker if it begins.
    Poison { which: usize, steps: u8, worker: usize },
    /// A request of an innocent client, on this worker.
    Innocent { client: u8, worker: usize },
    /// So many milliseconds pass.
    Pass(u64),
}

impl Move {
    /// Any.
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let poison = (0..10_usize, 1..=12_u8, 0..4_usize);
        prop_oneof![
            4 => poison.prop_map(|(which, steps, worker)| Self::Poison { which, steps, worker }),
            4 => (0..3_u8, 0..4_usize).prop_map(|(client, worker)| Self::Innocent { client, worker }),
            1 => (1..5000_u64).prop_map(Self::Pass),
        ]
    }
}

impl fmt::Debug for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&match self {
            Self::Poison { which, steps, worker } => {
                format!("poison {which}, {steps} steps, worker {worker}")
            }
            Self::Innocent { client, worker } => format!("innocent {client}, worker {worker}"),
            Self::Pass(millis) => format!("{millis} ms pass"),
        })
    }
}

/// A request that is tried, and where it is.
struct Trial {
    request: Request,
    poison: Poison,
    flight: Option<Flight>,
}

impl Trial {
    /// The next step, or the next try. `false`: nothing is left of it.
    fn step(&mut self, scene: &mut Scene, worker: usize) -> bool {
        if let Some(flight) = self.flight.take() {
            self.flight = match scene.step(flight) {
                ControlFlow::Continue(flight) => Some(flight),
                ControlFlow::Break(_) => None,
            };
        } else if self.poison.tries > 0 {
            self.poison.tries -= 1;
            self.flight = Some(scene.begin(worker, &self.request, Some(self.poison.provokes)));
        } else {
            return false;
        }
        true
    }
}

/// Plays these moves, and then what is left of the poison, one after another. Every innocent client is
/// answered at all times. Unless members `may_be_left`, it is answered by the member that would have
/// answered anyway, as soon as no poison is under way.
pub(crate) fn play(
    scene: &mut Scene,
    poison: Vec<Poison>,
    moves: &[Move],
    may_be_left: bool,
) -> Result<(), TestCaseError> {
    let request = |number| chat("BATCH", &format!("poison-{number}"));
    let trial = |(number, poison)| Trial { request: request(number), poison, flight: None };
    let mut trials: Vec<Trial> = poison.into_iter().enumerate().map(trial).collect();
    let meanwhile = |trials: &[Trial]| {
        let under_way = trials.iter().filter(|trial| trial.flight.is_some()).count();
        let probed = if may_be_left { under_way } else { 0 };
        Meanwhile { probed, after_failures: may_be_left || under_way > 0 }
    };
    for next in moves {
        match *next {
            Move::Poison { which, steps, worker } => {
                let at = which % trials.len().max(1);
                let Some(trial) = trials.get_mut(at) else { continue };
                for _ in 0..steps {
                    trial.step(scene, worker);
                }
            }
            Move::Innocent { client, worker } => {
                scene.ask(client, worker, meanwhile(&trials))?;
            }
            Move::Pass(millis) => scene.pass(Duration::from_millis(millis)),
        }
    }
    for at in 0..trials.len() {
        while trials.get_mut(at).is_some_and(|trial| trial.step(scene, at)) {
            scene.ask(0, at, meanwhile(&trials))?;
        }
    }
    Ok(())
}
