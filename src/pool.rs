//! Choosing a member of a pool: the lowest priority number that may be chosen, and inside it by
//! weight.
//!
//! Inside a tier the members take turns by smooth weighted round-robin (the algorithm is nginx's):
//! each member's standing grows by its weight, the highest standing is chosen and pays the tier's
//! total. Equal weights alternate strictly, and 80/20 comes as four to one, spread out, not in
//! bursts. A random draw would be as fair in the long run and much less so over twenty requests.
//!
//! Members that may not be chosen take no part: they collect no standing while their circuit is
//! open, so that one that returns gets its share and not a herd.

use crate::config::Member;

/// Whose turn it is in one pool. Each worker has its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    standing: Vec<i64>,
}

impl Rotation {
    /// A rotation in which nobody has had a turn.
    pub fn new(pool: &[Member]) -> Self {
        Self { standing: vec![0; pool.len()] }
    }

    /// The member whose turn it is among those that may be chosen, by its position in the pool.
    pub fn peek(&self, pool: &[Member], may: impl Fn(usize) -> bool) -> Option<usize> {
        let tier = tier(pool, &may)?;
        let mut best: Option<(usize, i64)> = None;
        for (at, member, standing) in self.members(pool) {
            if member.priority == tier && may(at) {
                let standing = standing + i64::from(member.weight);
                if best.is_none_or(|(_, highest)| standing > highest) {
                    best = Some((at, standing));
                }
            }
        }
        best.map(|(at, _)| at)
    }

    /// Takes note that a member had its turn among those that might have been chosen.
    pub fn take(&mut self, pool: &[Member], chosen: usize, may: impl Fn(usize) -> bool) {
        let Some(tier) = pool.get(chosen).map(|member| member.priority) else { return };
        let mut total = 0;
        for (at, (member, standing)) in pool.iter().zip(&mut self.standing).enumerate() {
            if member.priority == tier && (at == chosen || may(at)) {
                *standing += i64::from(member.weight);
                total += i64::from(member.weight);
            }
        }
        if let Some(standing) = self.standing.get_mut(chosen) {
            *standing -= total;
        }
    }

    fn members<'a>(&'a self, pool: &'a [Member]) -> impl Iterator<Item = (usize, &'a Member, i64)> {
        pool.iter().zip(&self.standing).enumerate().map(|(at, (m, standing))| (at, m, *standing))
    }
}

/// The lowest priority number of those that may be chosen.
fn tier(pool: &[Member], may: impl Fn(usize) -> bool) -> Option<u32> {
    pool.iter().enumerate().filter(|(at, _)| may(*at)).map(|(_, member)| member.priority).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn pool(members: &[(u32, u32)]) -> Vec<Member> {
        let member = |(backend, &(priority, weight))| Member {
            backend,
            priority,
            weight,
            deployment: String::new(),
        };
        members.iter().enumerate().map(member).collect()
    }

    fn turns(pool: &[Member], count: usize, may: impl Fn(usize) -> bool + Copy) -> Vec<usize> {
        let mut rotation = Rotation::new(pool);
        let mut turn = || {
            let chosen = rotation.peek(pool, may)?;
            rotation.take(pool, chosen, may);
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
            rotation.take(&pool, 0, |at| at == 0);
        }
        let mut next = || {
            let chosen = rotation.peek(&pool, |_| true);
            rotation.take(&pool, chosen.unwrap_or_default(), |_| true);
            chosen
        };
        assert_eq!([next(), next(), next(), next()], [Some(0), Some(1), Some(0), Some(1)]);
    }
}
