//! What an exchange decides over: the time, the board of circuits, and what its worker knows.

use std::cell::Cell;

use crate::breaker::board::{Board, Change, Record};
use crate::breaker::{Cause, Standing};
use crate::config::ModelId;
use crate::gateway::Route;
use crate::pool::Local;
use crate::time::{Micros, Millis, Timestamp};

/// The state around a request, as one worker sees it during one event.
pub struct World<'a> {
    /// When this event is, once somebody has asked.
    moment: Cell<Option<Micros>>,
    /// What the worker knows of each model's pool.
    pub pools: &'a mut [Local],
    /// What all workers share, and chance.
    pub shared: &'a Shared<'a>,
    /// The board, once it was fetched.
    board: Option<Board>,
}

/// What lies outside of the worker. Most events need little of it, and each is a host call.
pub struct Shared<'a> {
    /// Looks at the clock.
    pub clock: &'a dyn Fn() -> Micros,
    /// Fetches the board.
    pub board: &'a dyn Fn() -> Board,
    /// Puts a record on the board now; tells whether that changed it. Only for what an exchange
    /// must know to decide: all else is an [`super::Effect::Record`].
    pub record: &'a dyn Fn(&Record) -> bool,
    /// Draws any number.
    pub draw: &'a dyn Fn() -> u64,
}

/// How readily a half-open circuit is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Eagerness {
    /// When it is the member's turn: with a request that can still go elsewhere.
    InTurn,
    /// When nobody else is left: with a request that has failed before.
    AsLastResort,
    /// Not at all.
    Never,
}

impl<'a> World<'a> {
    /// A world that nobody has looked at: neither at its clock nor at its board.
    pub const fn new(pools: &'a mut [Local], shared: &'a Shared<'a>) -> Self {
        Self { moment: Cell::new(None), pools, shared, board: None }
    }

    /// When this event is, to the microsecond: for what the gateway itself takes, and for what lasts
    /// from now on.
    pub fn moment(&self) -> Micros {
        let moment = self.moment.get().unwrap_or_else(self.shared.clock);
        self.moment.set(Some(moment));
        moment
    }

    /// When this event is.
    pub fn now(&self) -> Timestamp {
        self.moment().cut_off()
    }

    /// When to ask again where nobody knows: in a second.
    pub(super) fn soon(&self) -> Timestamp {
        self.moment().rounded_up() + Millis::from_secs(1)
    }

    /// The member whose turn it is among those that `may` and whose circuits let it through. Where
    /// its circuit is half-open, it must still be claimed.
    pub(super) fn peek(
        &mut self,
        id: ModelId,
        route: &Route<'_>,
        eagerness: Eagerness,
        may: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let in_turn = eagerness == Eagerness::InTurn;
        let readily = |standing, draw: u64| match standing {
            Standing::Closed => true,
            Standing::Returning(share) => draw % 1000 < u64::from(share),
            Standing::HalfOpen => in_turn,
            Standing::Probed(_) | Standing::Shut(..) => false,
        };
        let in_need = |standing, _| matches!(standing, Standing::Returning(_));
        let ever = eagerness != Eagerness::Never;
        let at_last = |standing, _| ever && standing == Standing::HalfOpen;
        None.or_else(|| self.turn(id, route, &may, readily))
            .or_else(|| self.turn(id, route, &may, in_need))
            .or_else(|| self.turn(id, route, &may, at_last))
    }

    /// Chooses the member whose turn it is, and claims its probe where its circuit is half-open. The
    /// flag says whether it is one.
    pub(super) fn choose(
        &mut self,
        id: ModelId,
        route: &Route<'_>,
        may: impl Fn(usize) -> bool,
    ) -> Option<(usize, bool)> {
        self.claim_of(route, |world| world.peek(id, route, Eagerness::InTurn, &may))
    }

    /// The same of whom `next` names, which is asked again where another worker claims faster.
    pub(super) fn claim_of(
        &mut self,
        route: &Route<'_>,
        next: impl Fn(&mut Self) -> Option<usize>,
    ) -> Option<(usize, bool)> {
        // Each claim that fails shows a board on which one member less can be claimed.
        for _ in 0..=route.model.pool.len() {
            let member = next(self)?;
            if self.standing(route, member) != Standing::HalfOpen {
                return Some((member, false));
            }
            if self.claim(route, member) {
                return Some((member, true));
            }
        }
        None
    }

    /// Takes note that a member had its turn.
    pub(super) fn take(
        &mut self,
        id: ModelId,
        route: &Route<'_>,
        chosen: usize,
        may: impl Fn(usize) -> bool,
    ) {
        let now = self.now();
        let board = self.board.get_or_insert_with(self.shared.board);
        let Some(local) = self.pools.get_mut(id) else { return };
        local.take(route.model, chosen, now, |at| {
            may(at) && is_choosable(standing(board, route, at, now))
        });
    }

    /// What a member's circuit lets through now.
    pub(super) fn standing(&mut self, route: &Route<'_>, member: usize) -> Standing {
        let now = self.now();
        standing(self.board.get_or_insert_with(self.shared.board), route, member, now)
    }

    /// Claims the probe of a half-open circuit.
    pub(super) fn claim(&mut self, route: &Route<'_>, member: usize) -> bool {
        let change = Change::Claimed(route.lease);
        let Some(record) = route.record(member, change, self.moment()) else { return false };
        let claimed = (self.shared.record)(&record);
        self.board = None;
        claimed
    }

    /// The members that may not be chosen now.
    pub(super) fn shut<'b>(&'b mut self, route: &'b Route<'_>) -> impl Iterator<Item = usize> {
        let board = self.board.get_or_insert_with(self.shared.board);
        let members = if board.is_empty() { 0 } else { route.model.pool.len() };
        (0..members).filter(|member| !is_choosable(self.standing(route, *member)))
    }

    /// This member, if it may be chosen now.
    pub(super) fn may_be(&mut self, route: &Route<'_>, member: usize) -> Option<usize> {
        is_choosable(self.standing(route, member)).then_some(member)
    }

    /// When the first of these members may be chosen again, and why not before; `None` where one
    /// may be chosen now. Where any of them is only throttled, that is why: it works.
    pub(super) fn soonest(
        &mut self,
        route: &Route<'_>,
        members: impl IntoIterator<Item = usize>,
    ) -> Option<(Timestamp, Cause)> {
        let soon = self.soon();
        let mut soonest: Option<(Timestamp, Cause)> = None;
        for member in members {
            let (until, cause) = match self.standing(route, member) {
                Standing::Shut(until, cause) => (until, cause),
                // Nobody knows when the probe is answered: perhaps soon.
                Standing::Probed(until) => (until.min(soon), Cause::Failed),
                _ => return None,
            };
            soonest = Some(soonest.map_or((until, cause), |(other, because)| {
                let throttled = cause == Cause::Throttled || because == Cause::Throttled;
                let because = if throttled { Cause::Throttled } else { Cause::Failed };
                (other.min(until), because)
            }));
        }
        soonest
    }

    /// Sees at once what all workers are about to see.
    pub(super) fn apply(&mut self, record: &Record) {
        self.board.get_or_insert_with(self.shared.board).apply(record);
    }

    fn turn(
        &mut self,
        id: ModelId,
        route: &Route<'_>,
        may: impl Fn(usize) -> bool,
        lets: impl Fn(Standing, u64) -> bool,
    ) -> Option<usize> {
        let (now, draw) = (self.now(), self.shared.draw);
        let board = self.board.get_or_insert_with(self.shared.board);
        self.pools.get(id)?.peek(route.model, now, |at| {
            let lets = || {
                let standing = standing(board, route, at, now);
                let chance = if matches!(standing, Standing::Returning(_)) { draw() } else { 0 };
                lets(standing, chance)
            };
            may(at) && lets()
        })
    }
}

fn standing(board: &Board, route: &Route<'_>, member: usize, now: Timestamp) -> Standing {
    let Some(id) = route.circuits.get(member) else { return Standing::Closed };
    board.standing(*id, &route.model.breaker, now)
}

const fn is_choosable(standing: Standing) -> bool {
    matches!(standing, Standing::Closed | Standing::Returning(_) | Standing::HalfOpen)
}
