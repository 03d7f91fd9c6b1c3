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

    /// The member whose turn it is, by its position in the pool. `weight` gives each member's
    /// weight now, and none to those that may not be chosen.
    pub fn peek(&self, pool: &[Member], weight: impl Fn(usize) -> Option<u32>) -> Option<usize> {
        let mut best: Option<(u32, i64, usize)> = None;
        for (at, (member, standing)) in pool.iter().zip(&self.standing).enumerate() {
            if best.is_some_and(|(tier, ..)| tier < member.priority) {
                continue;
            }
            let Some(weight) = weight(at) else { continue };
            let standing = standing + i64::from(weight);
            let better =
                best.is_none_or(|(tier, highest, _)| member.priority < tier || standing > highest);
            if better {
                best = Some((member.priority, standing, at));
            }
        }
        best.map(|(.., at)| at)
    }

    /// Takes note that a member had its turn among those that might have been chosen.
    pub fn take(&mut self, pool: &[Member], chosen: usize, weight: impl Fn(usize) -> Option<u32>) {
        let Some(tier) = pool.get(chosen).map(|member| member.priority) else { return };
        let mut total = 0;
        for (at, (member, standing)) in pool.iter().zip(&mut self.standing).enumerate() {
            if member.priority != tier {
                continue;
            }
            let chosen = (at == chosen).then_some(member.weight);
            let Some(weight) = weight(at).or(chosen) else { continue };
            *standing += i64::from(weight);
            total += i64::from(weight);
        }
        if let Some(standing) = self.standing.get_mut(chosen) {
            *standing -= total;
        }
    }
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
            let chosen = rotation.peek(pool, |at| may(at).then(|| pool[at].weight))?;
            rotation.take(pool, chosen, |at| may(at).then(|| pool[at].weight));
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
            rotation.take(&pool, 0, |at| (at == 0).then_some(1));
        }
        let mut next = || {
            let chosen = rotation.peek(&pool, |_| Some(1));
            rotation.take(&pool, chosen.unwrap_or_default(), |_| Some(1));
            chosen
        };
        assert_eq!([next(), next(), next(), next()], [Some(0), Some(1), Some(0), Some(1)]);
    }
}
