//! What one worker knows of a pool, for itself: whose turn it is, how much of its traffic were
//! retries, how near to their limits the members are.
//!
//! What all workers must agree on, the circuits, is on the [`crate::breaker::store`]. This here is
//! worth no host call: each worker's own traffic is a fair sample of it.

pub mod budget;
pub mod headroom;
pub mod rotation;
pub mod tiers;

use budget::Budget;
use headroom::Headroom;
use rotation::Rotation;

use crate::breaker::RequestMark;
use crate::breaker::window::Tally;
use crate::config::Model;
use crate::outcome::Verdict;
use crate::time::Timestamp;

/// One worker's knowledge of one pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolState {
    /// Whose turn it is.
    pub rotation: Rotation,
    /// How many of the requests were retries.
    pub budget: Budget,
    /// What is known of each member.
    pub members: Vec<MemberState>,
}

/// One worker's knowledge of one member of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemberState {
    /// How near to its limit it is.
    pub headroom: Headroom,
    /// Its answers that were not handed in.
    pub tally: Tally,
    /// Until then, its streams are not asked for their usage: it has refused that.
    pub refuses_usage_until: Timestamp,
    /// When it has failed last, if nothing good has come from it since.
    failed: Option<Timestamp>,
    /// The requests that have failed there last, of those that are counted for a share.
    counted: [RequestMark; REPEATED],
}

impl MemberState {
    /// Takes note that this request's failure is to be counted. False: it was, so it is the same request
    /// again.
    pub fn counts(&mut self, request: RequestMark) -> bool {
        if request != RequestMark::UNKNOWN && self.counted.contains(&request) {
            return false;
        }
        self.counted.rotate_right(1);
        if let Some(first) = self.counted.first_mut() {
            *first = request;
        }
        true
    }
}

impl PoolState {
    /// Nothing known.
    pub fn new(model: &Model) -> Self {
        Self {
            rotation: Rotation::new(&model.pool),
            budget: Budget::default(),
            members: model.pool.iter().map(|_| MemberState::default()).collect(),
        }
    }

    /// Takes note of what an answer says of its member.
    pub fn sees(&mut self, member: usize, verdict: Verdict, now: Timestamp) {
        let Some(member) = self.members.get_mut(member) else { return };
        if verdict.failed() {
            member.failed = Some(now);
        } else if verdict.good {
            member.failed = None;
        }
    }

    /// The members that have failed lately: within the time that the budget looks back.
    pub fn failing(&self, now: Timestamp) -> Vec<usize> {
        let lately = |at: Option<Timestamp>| at.is_some_and(|at| now.since(at) < budget::SPAN);
        let failing = self.members.iter().enumerate().filter(|(_, member)| lately(member.failed));
        failing.map(|(member, _)| member).collect()
    }

    /// The member whose turn it is among those that may be chosen.
    pub fn select(
        &self,
        model: &Model,
        now: Timestamp,
        may: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let share = |at: usize| may(at).then(|| share(&self.members, model, at, now));
        self.rotation.select(&model.pool, share)
    }

    /// Takes note that a member had its turn among those that might have been chosen.
    pub fn charge(
        &mut self,
        model: &Model,
        chosen: usize,
        now: Timestamp,
        may: impl Fn(usize) -> bool,
    ) {
        let Self { rotation, members, .. } = self;
        let share = |at: usize| may(at).then(|| share(members, model, at, now));
        rotation.charge(&model.pool, chosen, share);
    }
}

/// Of so many failures a worker knows whose they were. A client tries again on the connection it has, and
/// so on the same worker.
const REPEATED: usize = 8;

/// The share of a member's weight that counts now, of a thousand: all of it, or where headroom
/// counts, what is left of its limits.
fn share(members: &[MemberState], model: &Model, at: usize, now: Timestamp) -> u32 {
    let known = members.get(at).filter(|_| model.headroom);
    known.map_or(1000, |member| member.headroom.share(now))
}
