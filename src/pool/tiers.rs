//! Tiers: the members of a pool that have the same priority.

/// The priorities of a pool's tiers, each once, the first tier first.
///
/// No sort: each that is compiled in adds five to ten kilobytes to the filter, and tiers are few.
pub fn tiers(priorities: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut tiers: Vec<u32> = Vec::new();
    for priority in priorities {
        if let Err(at) = tiers.binary_search(&priority) {
            tiers.insert(at, priority);
        }
    }
    tiers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn each_priority_is_one_tier_and_the_lowest_is_the_first() {
        assert_eq!(tiers([3, 1, 3, 2, 1].into_iter()), [1, 2, 3]);
        assert!(tiers(std::iter::empty()).is_empty());
    }
}
