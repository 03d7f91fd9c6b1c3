//! Choosing a member of a pool: the lowest priority number that may be chosen, and inside it by
//! weight.
//!
//! Inside a tier the members take turns (stride scheduling, Waldspurger and Weihl 1995): each has
//! a time at which its turn is due, the earliest is chosen, and its next turn is due a stride later, the
//! shorter the greater its weight. Equal weights alternate strictly, and 80/20 comes as four to one,
//! spread out, not in bursts. A random draw would be as fair in the long run and much less so over
//! twenty requests. The members stand in the order of their turns, so that choosing among a thousand
//! costs hardly more than choosing among two.
//!
//! Members that may not be chosen take no part: a turn that comes while their circuit is open
//! passes by, so that one that returns gets its share and not a herd.

#![warn(clippy::arithmetic_side_effects)]

use std::collections::BTreeSet;

use super::tiers::tiers;
use crate::config::Member;

/// Whose turn it is in one pool. Each worker has its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Each tier's members in the order of their turns, the tier that is chosen first before the
    /// others.
    tiers: Vec<(u32, BTreeSet<(Due, usize)>)>,
    /// When each member's turn is due.
    due: Vec<Due>,
}

/// A point in a tier's own time, in which a weight of one has a turn every [`STRIDE_OF_ONE`].
type Due = u64;

impl Rotation {
    /// A rotation in which nobody has had a turn.
    pub fn new(pool: &[Member]) -> Self {
        // Half a stride from the start, so that the great weights do not all come first.
        let half = |member: &Member| stride(member) / 2;
        let due: Vec<Due> =
            pool.iter().map(|member| STRIDE_OF_ONE.saturating_add(half(member))).collect();
        let tier = |priority: u32| {
            let all = pool.iter().zip(&due).enumerate();
            let of_tier = all.filter(|(_, (member, _))| member.priority == priority);
            let mut turns = BTreeSet::new();
            turns.extend(of_tier.map(|(at, (_, due))| (*due, at)));
            (priority, turns)
        };
        let priorities = pool.iter().map(|member| member.priority);
        Self { tiers: tiers(priorities).into_iter().map(tier).collect(), due }
    }

    /// The member whose turn it is, by its position in the pool. `share` gives the share of each
    /// member's weight that counts now, of a thousand, and none for those that may not be chosen.
    pub fn select(&self, pool: &[Member], share: impl Fn(usize) -> Option<u32>) -> Option<usize> {
        let mut tiers = self.tiers.iter();
        tiers.find_map(|(_, turns)| next(turns, pool, &share)).map(|(_, at)| at)
    }

    /// Takes note that a member had its turn among those that might have been chosen.
    pub fn charge(&mut self, pool: &[Member], chosen: usize, share: impl Fn(usize) -> Option<u32>) {
        let Some(member) = pool.get(chosen) else { return };
        let tier = self.tiers.iter_mut().find(|(priority, _)| *priority == member.priority);
        let (Some((_, turns)), Some(due)) = (tier, self.due.get(chosen).copied()) else { return };
        let own = delayed(due, member, share(chosen).unwrap_or(WHOLE));
        let now = next(turns, pool, &share).map_or(own, |(due, _)| due.min(own));
        let passed = turns.iter().take_while(|(due, _)| *due < now);
        let passed: Vec<(usize, Due)> = passed
            .filter(|(_, at)| *at != chosen && share(*at).is_none())
            .filter_map(|(_, at)| Some((*at, now.saturating_add(stride(pool.get(*at)?)))))
            .collect();
        let taken = (chosen, own.saturating_add(stride(member)));
        for (at, later) in passed.into_iter().chain([taken]) {
            let Some(due) = self.due.get_mut(at) else { continue };
            turns.remove(&(*due, at));
            turns.insert((later, at));
            *due = later;
        }
        // Time has an end, if only after a billion turns.
        if own > Due::MAX / 2 {
            *self = Self::new(pool);
        }
    }
}

/// Whose turn comes first, and when it is due.
fn next(
    turns: &BTreeSet<(Due, usize)>,
    pool: &[Member],
    share: impl Fn(usize) -> Option<u32>,
) -> Option<(Due, usize)> {
    let mut best: Option<(Due, usize)> = None;
    for (due, at) in turns {
        // A share only ever delays a turn, so nobody after this one comes before the best.
        if best.is_some_and(|(earliest, _)| earliest <= *due) {
            break;
        }
        let Some(member) = pool.get(*at) else { continue };
        let Some(share) = share(*at) else { continue };
        let due = delayed(*due, member, share);
        if best.is_none_or(|(earliest, _)| due < earliest) {
            best = Some((due, *at));
        }
    }
    best
}

/// When a turn is due of which only a share of the weight counts: its stride is longer by as much.
fn delayed(due: Due, member: &Member, share: u32) -> Due {
    if share >= WHOLE {
        return due;
    }
    let stride = stride(member);
    let whole = stride.saturating_mul(u64::from(WHOLE));
    let longer = whole.checked_div(u64::from(share)).unwrap_or(whole);
    due.saturating_add(longer.saturating_sub(stride))
}

fn stride(member: &Member) -> Due {
    STRIDE_OF_ONE.checked_div(u64::from(member.weight)).unwrap_or(STRIDE_OF_ONE)
}

/// The whole weight counts.
const WHOLE: u32 = 1000;

/// The stride of a weight of one: a number that most weights that people write divide.
const STRIDE_OF_ONE: Due = 6_983_776_800;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BackendId;
    use crate::testing::test;

    fn pool(members: &[(u32, u32)]) -> Vec<Member> {
        let member = |(position, &(priority, weight))| Member {
            backend: BackendId::at(position),
            priority,
            weight,
            deployment: String::new(),
        };
        members.iter().enumerate().map(member).collect()
    }

    fn turns(pool: &[Member], count: usize, may: impl Fn(usize) -> bool + Copy) -> Vec<usize> {
        let mut rotation = Rotation::new(pool);
        let mut turn = || {
            let chosen = rotation.select(pool, |at| may(at).then_some(WHOLE))?;
            rotation.charge(pool, chosen, |at| may(at).then_some(WHOLE));
            Some(chosen)
        };
        (0..count).map_while(|_| turn()).collect()
    }

    #[test]
    fn equal_weights_alternate_strictly() {
        assert_eq!(turns(&pool(&[(1, 50), (1, 50)]), 6, |_| true), [0, 1, 0, 1, 0, 1]);
        assert_eq!(turns(&pool(&[(1, 1), (1, 1), (1, 1)]), 6, |_| true), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn weights_are_met_exactly_and_spread_out() {
        assert_eq!(turns(&pool(&[(1, 80), (1, 20)]), 10, |_| true), [0, 0, 1, 0, 0, 0, 0, 1, 0, 0]);
        let chosen = turns(&pool(&[(1, 50), (1, 30), (1, 20)]), 1000, |_| true);
        for (end, part) in chosen.chunks(10).enumerate() {
            let counts = [0, 1, 2].map(|member| part.iter().filter(|at| **at == member).count());
            assert_eq!(counts, [5, 3, 2], "in the {end}th ten");
        }
    }

    #[test]
    fn a_share_of_the_weight_counts_from_the_next_turn_on() {
        let pool = pool(&[(1, 10), (1, 10)]);
        let mut rotation = Rotation::new(&pool);
        let mut of_100 = |share: u32| {
            let share = |at: usize| Some(if at == 0 { share } else { WHOLE });
            let turn = |_| {
                let chosen = rotation.select(&pool, share);
                rotation.charge(&pool, chosen.unwrap_or_default(), share);
                usize::from(chosen == Some(0))
            };
            (0..100).map(turn).sum::<usize>()
        };
        assert_eq!(of_100(WHOLE), 50);
        assert_eq!(of_100(250), 20);
        assert_eq!(of_100(10), 1);
        assert_eq!(of_100(WHOLE), 50, "what it was not given is not owed");
    }

    #[test]
    fn one_that_a_cookie_brings_clients_to_gets_so_much_less_of_the_others() {
        let pool = pool(&[(1, 1), (1, 1)]);
        let mut rotation = Rotation::new(&pool);
        for _ in 0..3 {
            rotation.charge(&pool, 0, |_| Some(WHOLE));
        }
        let mut next = || {
            let chosen = rotation.select(&pool, |_| Some(WHOLE));
            rotation.charge(&pool, chosen.unwrap_or_default(), |_| Some(WHOLE));
            chosen
        };
        assert_eq!([next(), next(), next(), next()], [Some(1), Some(1), Some(1), Some(0)]);
    }

    #[test]
    fn time_that_has_come_to_its_end_begins_anew() {
        let pool = pool(&[(1, 1), (1, 1)]);
        let mut rotation = Rotation::new(&pool);
        let late = Due::MAX / 2 + 1;
        rotation.due[0] = late;
        rotation.tiers[0].1 = [(late, 0), (rotation.due[1], 1)].into();
        rotation.charge(&pool, 0, |_| Some(WHOLE));
        assert_eq!(rotation, Rotation::new(&pool));
    }

    #[test]
    fn a_lower_tier_waits_until_no_member_above_may_be_chosen() {
        let pool = pool(&[(3, 1), (1, 1), (2, 1), (2, 1)]);
        assert_eq!(turns(&pool, 3, |_| true), [1, 1, 1]);
        assert_eq!(turns(&pool, 4, |at| at != 1), [2, 3, 2, 3]);
        assert_eq!(turns(&pool, 2, |at| at == 0), [0, 0]);
        assert!(turns(&pool, 1, |_| false).is_empty());
    }

    #[test]
    fn a_member_that_returns_gets_its_share_and_not_a_herd() {
        let pool = pool(&[(1, 1), (1, 1)]);
        let mut rotation = Rotation::new(&pool);
        for _ in 0..100 {
            rotation.charge(&pool, 0, |at| (at == 0).then_some(WHOLE));
        }
        let mut next = || {
            let chosen = rotation.select(&pool, |_| Some(WHOLE));
            rotation.charge(&pool, chosen.unwrap_or_default(), |_| Some(WHOLE));
            chosen
        };
        assert_eq!([next(), next(), next(), next()], [Some(0), Some(1), Some(0), Some(1)]);
    }
}
