//! What an exchange decides over during one event, and what it leaves to be done: the time, the
//! circuits, what its worker knows of the pools, and the effects.

use std::cell::Cell;

use super::Effect;
use crate::breaker::store::{self, BreakerStore, Change, Record};
use crate::breaker::{Admission, Unavailability};
use crate::config::ModelId;
use crate::gateway::Route;
use crate::host::Outside;
use crate::pool::{MemberState, PoolState};
use crate::time::{Micros, Millis, Timestamp};

/// The state around a request, as one worker sees it during one event.
pub struct Context<'a> {
    /// When this event is, once somebody has asked.
    moment: Cell<Option<Micros>>,
    /// What the worker knows of each model's pool.
    pub(super) pools: &'a mut [PoolState],
    outside: &'a dyn Outside,
    /// The circuits, once they were fetched.
    circuits: Option<BreakerStore>,
    /// What is to be done, in this order.
    effects: &'a mut Vec<Effect>,
}

/// How readily a half-open circuit is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Eagerness {
    /// When it is the member's turn: with a request that can still go elsewhere.
    InTurn,
    /// When no other member is left: with a request that has failed before.
    AsLastResort,
    /// Not at all.
    Never,
}

impl<'a> Context<'a> {
    /// A context of which nothing was looked at: neither the clock nor the circuits. Most events need
    /// little of it, and each look is a host call.
    pub fn new(
        pools: &'a mut [PoolState],
        outside: &'a dyn Outside,
        effects: &'a mut Vec<Effect>,
    ) -> Self {
        Self { moment: Cell::new(None), pools, outside, circuits: None, effects }
    }

    /// When this event is, to the microsecond: for what the gateway itself takes, and for what lasts
    /// from now on.
    pub fn moment(&self) -> Micros {
        let moment = self.moment.get().unwrap_or_else(|| self.outside.moment());
        self.moment.set(Some(moment));
        moment
    }

    /// When this event is, if somebody has asked.
    pub(crate) const fn known_moment(&self) -> Option<Micros> {
        self.moment.get()
    }

    /// When this event is.
    pub fn now(&self) -> Timestamp {
        self.moment().cut_off()
    }

    /// Any number.
    pub(super) fn draw(&self) -> u64 {
        self.outside.draw()
    }

    /// Has something done, after what was before.
    pub(super) fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// The same with several, or none.
    pub(super) fn extend(&mut self, effects: impl IntoIterator<Item = Effect>) {
        self.effects.extend(effects);
    }

    /// What the worker knows of a member of a pool.
    pub(super) fn known_of(&mut self, id: ModelId, member: usize) -> Option<&mut MemberState> {
        self.pools.get_mut(id.position())?.members.get_mut(member)
    }

    /// When to ask again where nobody knows: in a second.
    pub(super) fn soon(&self) -> Timestamp {
        self.moment().rounded_up() + Millis::from_secs(1)
    }

    /// The member whose turn it is among those that `may` and whose circuits let it through. Where
    /// its circuit is half-open, it must still be claimed.
    pub(super) fn select(
        &mut self,
        id: ModelId,
        route: &Route<'_>,
        eagerness: Eagerness,
        may: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let in_turn = eagerness == Eagerness::InTurn;
        let readily = |admission, draw: u64| match admission {
            Admission::Closed => true,
            Admission::Returning(share) => draw % 1000 < u64::from(share),
            Admission::HalfOpen => in_turn,
            Admission::Accused | Admission::Probed(_) | Admission::Shut(..) => false,
        };
        let in_need = |admission, _| matches!(admission, Admission::Returning(_));
        let ever = eagerness != Eagerness::Never;
        let at_last = |admission, _| ever && admission == Admission::HalfOpen;
        let accused = |admission, _| ever && admission == Admission::Accused;
        None.or_else(|| self.next_turn(id, route, &may, readily))
            .or_else(|| self.next_turn(id, route, &may, in_need))
            .or_else(|| self.next_turn(id, route, &may, at_last))
            .or_else(|| self.next_turn(id, route, &may, accused))
    }

    /// Chooses the member whose turn it is, and claims its probe where its circuit is half-open. The
    /// flag says whether it is one.
    pub(super) fn choose(
        &mut self,
        id: ModelId,
        route: &Route<'_>,
        may: impl Fn(usize) -> bool,
    ) -> Option<(usize, bool)> {
        self.claim_of(route, |cx| cx.select(id, route, Eagerness::InTurn, &may))
    }

    /// The same of the member that `next` names, which is asked again where another worker claims
    /// faster.
    pub(super) fn claim_of(
        &mut self,
        route: &Route<'_>,
        next: impl Fn(&mut Self) -> Option<usize>,
    ) -> Option<(usize, bool)> {
        // After each claim that fails, one member less can be claimed.
        for _ in 0..=route.model.pool.len() {
            let member = next(self)?;
            if self.admission(route, member) != Admission::HalfOpen {
                return Some((member, false));
            }
            if self.claim(route, member) {
                return Some((member, true));
            }
        }
        None
    }

    /// Where every member is shut, and not all of them wait for an announced time: the best of those
    /// that have failed and `may`, with its probe claimed before its time.
    pub(super) fn choose_early(
        &mut self,
        route: &Route<'_>,
        may: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let members = 0..route.model.pool.len();
        if members.clone().any(|member| is_choosable(self.admission(route, member))) {
            return None;
        }
        let mut left: Vec<usize> =
            members.filter(|member| may(*member) && self.has_failed(route, *member)).collect();
        loop {
            let best = *left.iter().min_by_key(|member| priority(route, **member))?;
            if self.claim_early(route, best) {
                return Some(best);
            }
            left.retain(|member| *member != best);
        }
    }

    /// Whether the circuit of this member is open because it has failed.
    pub(super) fn has_failed(&mut self, route: &Route<'_>, member: usize) -> bool {
        matches!(self.admission(route, member), Admission::Shut(_, Unavailability::Failed))
    }

    /// Claims the probe of a circuit that is not half-open yet.
    pub(super) fn claim_early(&mut self, route: &Route<'_>, member: usize) -> bool {
        self.claim_by(route, member, Change::ClaimedEarly(route.lease))
    }

    /// The members that have failed lately, so that a good answer of theirs says something.
    pub(super) fn doubted(&mut self, route: &Route<'_>) -> Vec<usize> {
        let known = self.circuits().that_remember_failures();
        let members = if known.is_empty() { 0 } else { route.circuits.len() };
        let doubted = route.circuits.iter().take(members).enumerate();
        let doubted = doubted.filter(|(_, circuit)| known.binary_search(circuit).is_ok());
        doubted.map(|(member, _)| member).collect()
    }

    /// The members that have failed this worker's requests lately.
    pub(super) fn failing(&self, id: ModelId) -> Vec<usize> {
        let now = self.now();
        self.pools.get(id.position()).map(|local| local.failing(now)).unwrap_or_default()
    }

    /// Takes note that a member had its turn.
    pub(super) fn charge(
        &mut self,
        id: ModelId,
        route: &Route<'_>,
        chosen: usize,
        may: impl Fn(usize) -> bool,
    ) {
        let now = self.now();
        let circuits = self.circuits.get_or_insert_with(|| store::fetch(self.outside));
        let Some(local) = self.pools.get_mut(id.position()) else { return };
        local.charge(route.model, chosen, now, |at| {
            let admission = admission(circuits, route, at, now);
            may(at) && is_choosable(admission) && admission != Admission::Accused
        });
    }

    /// What a member's circuit lets through now.
    pub(super) fn admission(&mut self, route: &Route<'_>, member: usize) -> Admission {
        let now = self.now();
        admission(self.circuits(), route, member, now)
    }

    /// Claims the probe of a half-open circuit.
    pub(super) fn claim(&mut self, route: &Route<'_>, member: usize) -> bool {
        self.claim_by(route, member, Change::Claimed(route.lease))
    }

    fn claim_by(&mut self, route: &Route<'_>, member: usize, change: Change) -> bool {
        let Some(record) = route.record(member, change, self.moment()) else { return false };
        self.circuits = None;
        store::record(self.outside, &record).is_some()
    }

    /// The members that may not be chosen now.
    pub(super) fn shut<'b>(&'b mut self, route: &'b Route<'_>) -> impl Iterator<Item = usize> {
        let members = if self.circuits().is_empty() { 0 } else { route.model.pool.len() };
        (0..members).filter(|member| !is_choosable(self.admission(route, *member)))
    }

    /// This member, if it may be chosen now.
    pub(super) fn may_be(&mut self, route: &Route<'_>, member: usize) -> Option<usize> {
        is_choosable(self.admission(route, member)).then_some(member)
    }

    /// Whether a member of a better tier than this one's is fully well.
    pub(super) fn has_better(&mut self, route: &Route<'_>, member: usize) -> bool {
        let own = priority(route, member);
        let members = 0..route.model.pool.len();
        let mut better = members.filter(|other| priority(route, *other) < own);
        better.any(|other| self.admission(route, other) == Admission::Closed)
    }

    /// When the first of these members may be chosen again, and why not before; `None` where one
    /// may be chosen now. Where any of them is only throttled, that is why: it works.
    pub(super) fn soonest(
        &mut self,
        route: &Route<'_>,
        members: impl IntoIterator<Item = usize>,
    ) -> Option<(Timestamp, Unavailability)> {
        let soon = self.soon();
        let longest = self.now() + LONGEST_TOLD;
        let mut soonest: Option<(Timestamp, Unavailability)> = None;
        for member in members {
            let (until, why) = match self.admission(route, member) {
                Admission::Shut(until, why) => (until, why),
                // Nobody knows when the probe is answered: perhaps soon.
                Admission::Probed(until) => (until.min(soon), Unavailability::Failed),
                _ => return None,
            };
            // What a failing backend will do is not known: see again within what older SDKs wait.
            let until = if why == Unavailability::Failed { until.min(longest) } else { until };
            soonest = Some(soonest.map_or((until, why), |(other, before)| {
                let throttled =
                    why == Unavailability::Throttled || before == Unavailability::Throttled;
                let why =
                    if throttled { Unavailability::Throttled } else { Unavailability::Failed };
                (other.min(until), why)
            }));
        }
        soonest
    }

    /// Has something recorded of a circuit, and sees at once what all workers are about to see.
    pub(super) fn record(&mut self, record: Record) {
        self.circuits().apply(&record);
        self.push(Effect::Record(record));
    }

    fn circuits(&mut self) -> &mut BreakerStore {
        self.circuits.get_or_insert_with(|| store::fetch(self.outside))
    }

    fn next_turn(
        &mut self,
        id: ModelId,
        route: &Route<'_>,
        may: impl Fn(usize) -> bool,
        lets: impl Fn(Admission, u64) -> bool,
    ) -> Option<usize> {
        let (now, outside) = (self.now(), self.outside);
        let circuits = self.circuits.get_or_insert_with(|| store::fetch(outside));
        self.pools.get(id.position())?.select(route.model, now, |at| {
            let lets = || {
                let admission = admission(circuits, route, at, now);
                let returning = matches!(admission, Admission::Returning(_));
                lets(admission, if returning { outside.draw() } else { 0 })
            };
            may(at) && lets()
        })
    }
}

/// Older SDKs of OpenAI's ignore a longer time to wait, and come back within seconds.
const LONGEST_TOLD: Millis = Millis::from_secs(60);

fn admission(
    circuits: &BreakerStore,
    route: &Route<'_>,
    member: usize,
    now: Timestamp,
) -> Admission {
    let Some(id) = route.circuits.get(member) else { return Admission::Closed };
    circuits.admission(*id, &route.model.breaker, now)
}

fn priority(route: &Route<'_>, member: usize) -> Option<u32> {
    route.model.pool.get(member).map(|member| member.priority)
}

const fn is_choosable(admission: Admission) -> bool {
    match admission {
        Admission::Closed | Admission::Accused | Admission::Returning(_) | Admission::HalfOpen => {
            true
        }
        Admission::Probed(_) | Admission::Shut(..) => false,
    }
}
