//! What an exchange decides over: the time, the board of circuits, and whose turn it is.

use crate::breaker::board::{Board, Record};
use crate::config::ModelId;
use crate::gateway::Route;
use crate::pool::Rotation;
use crate::time::{Millis, Timestamp};

/// The state around a request, as one worker sees it during one event.
pub struct World<'a> {
    /// Now.
    pub now: Timestamp,
    /// Whose turn it is, for each model.
    pub rotations: &'a mut [Rotation],
    /// Fetches the board. Most events do not need it, and fetching it is a host call.
    pub fetch: &'a dyn Fn() -> Board,
    /// The board, once it was fetched.
    pub board: Option<Board>,
}

impl<'a> World<'a> {
    /// A world whose board has not been looked at.
    pub fn new(
        now: Timestamp,
        rotations: &'a mut [Rotation],
        fetch: &'a dyn Fn() -> Board,
    ) -> Self {
        Self { now, rotations, fetch, board: None }
    }

    /// The member whose turn it is among those that `may` and whose circuit is closed.
    pub(super) fn peek(
        &mut self,
        id: ModelId,
        route: &Route<'_>,
        may: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let now = self.now;
        let board = self.board.get_or_insert_with(self.fetch);
        let closed = |member| may(member) && is_closed(board, route, member, now);
        self.rotations.get(id)?.peek(&route.model.pool, closed)
    }

    /// Takes note that a member had its turn.
    pub(super) fn take(
        &mut self,
        id: ModelId,
        route: &Route<'_>,
        chosen: usize,
        may: impl Fn(usize) -> bool,
    ) {
        let now = self.now;
        let board = self.board.get_or_insert_with(self.fetch);
        let closed = |member| may(member) && is_closed(board, route, member, now);
        if let Some(rotation) = self.rotations.get_mut(id) {
            rotation.take(&route.model.pool, chosen, closed);
        }
    }

    /// Whether this member may be chosen now.
    pub(super) fn may(&mut self, route: &Route<'_>, member: usize) -> bool {
        let now = self.now;
        is_closed(self.board.get_or_insert_with(self.fetch), route, member, now)
    }

    /// How many members may be chosen now.
    pub(super) fn choosable(&mut self, route: &Route<'_>) -> usize {
        (0..route.model.pool.len()).filter(|member| self.may(route, *member)).count()
    }

    /// How long until the first member may be chosen again; `None` where one may be chosen now.
    pub(super) fn soonest(&mut self, route: &Route<'_>) -> Option<Millis> {
        let now = self.now;
        let board = self.board.get_or_insert_with(self.fetch);
        let wait = |member| open_until(board, route, member, now).map(|until| until.since(now));
        let waits: Option<Vec<Millis>> = (0..route.model.pool.len()).map(wait).collect();
        waits?.into_iter().min()
    }

    /// Sees what an answer said at once, before every other worker does.
    pub(super) fn record(&mut self, record: &Record) {
        let now = self.now;
        self.board.get_or_insert_with(self.fetch).record(record, now);
    }
}

fn is_closed(board: &Board, route: &Route<'_>, member: usize, now: Timestamp) -> bool {
    open_until(board, route, member, now).is_none()
}

fn open_until(
    board: &Board,
    route: &Route<'_>,
    member: usize,
    now: Timestamp,
) -> Option<Timestamp> {
    board.open_until(*route.circuits.get(member)?, &route.model.breaker, now)
}
