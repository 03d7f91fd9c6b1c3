//! Who gets the next requests: the shares that follow from tiers, weights and circuits.
//!
//! The rules are those by which a member is chosen ([`crate::pool::rotation`] and the exchange's
//! world), seen from far away: the lowest tier of which a member may be chosen takes everything, by
//! weight. A member that returns is let take part by chance; where it is alone in its tier, what it
//! does not get goes to the tiers below. One that is half-open gets a single request, which is no
//! share. One that requests under way accuse gets what nobody else can take.

use crate::breaker::Admission;
use crate::pool::tiers::tiers;

/// What counts for a member's share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    /// Its tier.
    pub(super) priority: u32,
    /// Its weight now, headroom included.
    pub(super) weight: f64,
    /// What its circuit lets through.
    pub(super) admission: Admission,
}

impl Candidate {
    /// How often it takes part, from 0 to 1.
    fn presence(&self) -> f64 {
        match self.admission {
            Admission::Closed => 1.0,
            Admission::Returning(share) => f64::from(share) / 1000.0,
            Admission::Accused
            | Admission::HalfOpen
            | Admission::Probed(_)
            | Admission::Shut(..) => 0.0,
        }
    }
}

/// The share of the next requests that each member gets, from 0 to 1, in their order. All are 0
/// where nobody may be chosen.
pub(super) fn shares(candidates: &[Candidate]) -> Vec<f64> {
    let mut shares = vec![0.0; candidates.len()];
    let tiers = tiers(candidates.iter().map(|candidate| candidate.priority));
    let mut left = 1.0;
    for tier in &tiers {
        let of_tier = || candidates.iter().filter(|candidate| candidate.priority == *tier);
        let nobody: f64 = of_tier().map(|candidate| 1.0 - candidate.presence()).product();
        hand_out(left * (1.0 - nobody), &mut shares, candidates, |candidate| {
            if candidate.priority == *tier { candidate.weight * candidate.presence() } else { 0.0 }
        });
        left *= nobody;
    }
    // Nobody else was there: those that return take what is left, the lowest tier first, and else those
    // that are accused.
    let returns = |candidate: &Candidate| candidate.presence() > 0.0;
    let accused = |candidate: &Candidate| candidate.admission == Admission::Accused;
    let first = |of: fn(&Candidate) -> bool| {
        let those = candidates.iter().filter(|candidate| of(candidate));
        those.map(|candidate| candidate.priority).min().map(|priority| (priority, of))
    };
    if let Some((first, of)) = first(returns).or_else(|| first(accused)) {
        hand_out(left, &mut shares, candidates, |candidate| {
            if candidate.priority == first && of(candidate) { candidate.weight } else { 0.0 }
        });
    }
    shares
}

fn hand_out(
    amount: f64,
    shares: &mut [f64],
    candidates: &[Candidate],
    part: impl Fn(&Candidate) -> f64,
) {
    let total: f64 = candidates.iter().map(&part).sum();
    if total > 0.0 {
        for (share, candidate) in shares.iter_mut().zip(candidates) {
            *share += amount * part(candidate) / total;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breaker::Unavailability;
    use crate::testing::test;
    use crate::time::Timestamp;

    const SHUT: Admission = Admission::Shut(Timestamp(9), Unavailability::Throttled);

    fn shared(members: &[(u32, f64, Admission)]) -> Vec<f64> {
        let candidate = |&(priority, weight, admission)| Candidate { priority, weight, admission };
        let candidates: Vec<Candidate> = members.iter().map(candidate).collect();
        let rounded = |share: f64| (share * 1000.0).round() / 1000.0;
        shares(&candidates).into_iter().map(rounded).collect()
    }

    #[test]
    fn the_lowest_tier_takes_all_by_weight() {
        let closed = Admission::Closed;
        let pool = [(1, 80.0, closed), (1, 20.0, closed), (2, 1.0, closed)];
        assert_eq!(shared(&pool), [0.8, 0.2, 0.0]);
        assert_eq!(
            shared(&[(1, 80.0, SHUT), (1, 20.0, closed), (2, 1.0, closed)]),
            [0.0, 1.0, 0.0]
        );
        assert_eq!(shared(&[(1, 1.0, SHUT), (2, 1.0, closed), (2, 1.0, closed)]), [0.0, 0.5, 0.5]);
    }

    #[test]
    fn one_that_returns_leaves_the_rest_to_the_tiers_below() {
        let back = Admission::Returning(250);
        assert_eq!(shared(&[(1, 1.0, back), (2, 1.0, Admission::Closed)]), [0.25, 0.75]);
        assert_eq!(shared(&[(1, 1.0, back), (1, 1.0, Admission::Closed)]), [0.2, 0.8]);
        assert_eq!(shared(&[(1, 1.0, back), (2, 3.0, SHUT)]), [1.0, 0.0], "nobody else is there");
    }

    #[test]
    fn one_that_is_accused_takes_what_nobody_else_can() {
        let accused = Admission::Accused;
        assert_eq!(shared(&[(1, 1.0, accused), (2, 1.0, Admission::Closed)]), [0.0, 1.0]);
        assert_eq!(
            shared(&[(1, 1.0, accused), (1, 3.0, accused), (2, 1.0, SHUT)]),
            [0.25, 0.75, 0.0]
        );
    }

    #[test]
    fn where_nobody_may_be_chosen_nobody_gets_a_share() {
        let probed = Admission::Probed(Timestamp(5));
        assert_eq!(
            shared(&[(1, 1.0, SHUT), (2, 1.0, Admission::HalfOpen), (3, 1.0, probed)]),
            [0.0; 3]
        );
        assert!(shared(&[]).is_empty());
    }
}
