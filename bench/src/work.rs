//! The work that is measured: what is asked, before which pool, how often.

mod all;
mod asks;

pub(crate) use all::{ALL, EVERYTHING};
pub(crate) use asks::Asks;

use crate::gateways::SPILLWAY;

/// One kind of work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// Its name in results.
    pub(crate) key: &'static str,
    /// The same in words.
    pub(crate) title: &'static str,
    /// What is asked.
    pub(crate) asks: Asks,
    /// Works of the same group are measured in turns, as they are held against each other; so the
    /// gateways of all its scenes run at once.
    pub(crate) group: Group,
    /// Where the gateway stands meanwhile.
    pub(crate) scene: Scene,
    /// How the clients ask.
    pub(crate) pace: Pace,
    /// What must be true of the backends afterwards.
    pub(crate) proof: Proof,
    /// Gateways that do not do it, each with the reason.
    pub(crate) absent: &'static [Absent],
}

/// Works that are measured in turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// A pool of two, with one thing or another left out.
    Pair,
    /// The model in the body.
    Body,
    /// One pool larger than the other.
    Pools,
    /// Two workers.
    Workers,
    /// A backend that throttles, and the same without.
    Failover,
    /// The same with two workers.
    FailoverOfTwo,
}

/// A gateway's name, and why it does not do a work.
pub(crate) type Absent = (&'static str, &'static str);

/// Where a gateway stands. Works of the same scene are asked of the same running gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scene {
    /// Members of the pool, by tier.
    pub(crate) tiers: &'static [usize],
    /// What the members of the first tier answer.
    pub(crate) first: First,
    /// Worker threads of the gateway.
    pub(crate) workers: usize,
    /// What it does besides.
    pub(crate) on: On,
    /// Whether only the body says what model it is for.
    pub(crate) model_in_body: bool,
}

/// What the backends of the first tier answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    /// What was asked for.
    Serves,
    /// 429, and that they can be asked again after so many milliseconds.
    Throttles(u64),
}

/// What a gateway does besides choosing a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// Nothing that can be left out.
    Nothing,
    /// What production has: clients' keys, affinity, usage, metrics, an access log.
    Everything,
    /// The same, but clients are not told apart.
    AllButKeys,
    /// The same, but streams are not made to report their usage.
    AllButStreamUsage,
}

/// How the clients ask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// So many connections, each sending its next request when it has its answer.
    Closed {
        /// Connections.
        clients: usize,
        /// Requests in a round.
        requests: u64,
    },
    /// One connection, with a pause of two milliseconds after each answer.
    Spaced {
        /// Requests in a round.
        requests: u64,
    },
    /// So many requests a second, whatever becomes of them.
    Open {
        /// Requests a second.
        rate: u32,
        /// Requests in a round.
        requests: u32,
    },
}

/// What a round must show besides right answers, or it has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Nothing.
    None,
    /// The client's cookie pins it: one backend has answered all. Held against Spillway alone; the
    /// others ignore the cookie.
    Pinned,
    /// Each request has been to the throttled backend first.
    FailsOver,
    /// Every member of the pool has answered some.
    Spread,
}

impl Work {
    /// Why a gateway does not do it.
    pub(crate) fn leaves_out(&self, gateway: &str) -> Option<&'static str> {
        self.absent.iter().find(|(name, _)| *name == gateway).map(|(_, why)| *why)
    }

    /// Requests before a round of so many: enough for connections to most of a pool's members.
    pub(crate) fn warm_up(&self, requests: u64) -> u64 {
        let members = self.scene.tiers.iter().sum::<usize>() as u64;
        (requests / 10).max(if members > 2 { members * 3 } else { 1 })
    }

    /// What the backends' counts contradict, where `asked` is what each of them was asked.
    pub(crate) fn contradiction(
        &self,
        gateway: &str,
        served: u64,
        asked: &[u64],
    ) -> Option<String> {
        match self.proof {
            Proof::Pinned if gateway == SPILLWAY => {
                let others = asked.iter().sum::<u64>() - asked.iter().max().unwrap_or(&0);
                (others > 0).then(|| format!("{others} answers not from the pinned backend"))
            }
            Proof::FailsOver => {
                let first = asked.first().copied().unwrap_or_default();
                (first != served)
                    .then(|| format!("{first} of {served} requests were at the throttled backend"))
            }
            Proof::Spread => {
                let idle = asked.iter().filter(|asked| **asked == 0).count();
                (idle > 0).then(|| format!("{idle} of {} members were never asked", asked.len()))
            }
            Proof::None | Proof::Pinned => None,
        }
    }
}

impl Pace {
    /// Requests of a round, for a gateway that is asked so many times less.
    pub(crate) fn requests(self, slower: u32) -> u64 {
        match self {
            Self::Closed { requests, .. } | Self::Spaced { requests } => {
                (requests / u64::from(slower)).max(FEWEST)
            }
            Self::Open { requests, .. } => requests.into(),
        }
    }
}

/// Fewer than that say nothing.
const FEWEST: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateways::BARE;

    fn with(proof: Proof) -> Work {
        Work { proof, ..ALL[0] }
    }

    #[test]
    fn an_answer_from_another_backend_than_the_pinned_one_is_noticed() {
        let work = with(Proof::Pinned);
        assert_eq!(work.contradiction(SPILLWAY, 10, &[0, 10]), None);
        let said = work.contradiction(SPILLWAY, 10, &[1, 9]).unwrap();
        assert_eq!(said, "1 answers not from the pinned backend");
        assert_eq!(work.contradiction(BARE, 10, &[5, 5]), None);
    }

    #[test]
    fn a_request_that_has_not_failed_over_is_noticed() {
        let work = with(Proof::FailsOver);
        assert_eq!(work.contradiction(BARE, 10, &[10, 10]), None);
        let said = work.contradiction(BARE, 10, &[9, 10]).unwrap();
        assert_eq!(said, "9 of 10 requests were at the throttled backend");
    }

    #[test]
    fn a_member_that_is_never_asked_is_noticed() {
        let work = with(Proof::Spread);
        assert_eq!(work.contradiction(BARE, 3, &[1, 2]), None);
        let said = work.contradiction(BARE, 3, &[3, 0]).unwrap();
        assert_eq!(said, "1 of 2 members were never asked");
    }

    #[test]
    fn keys_are_told_apart_and_works_of_a_group_stand_together() {
        let mut groups: Vec<Group> = vec![];
        for (place, work) in ALL.iter().enumerate() {
            assert!(ALL[..place].iter().all(|other| other.key != work.key), "{}", work.key);
            if groups.last() != Some(&work.group) {
                assert!(!groups.contains(&work.group), "{} starts its group again", work.key);
                groups.push(work.group);
            }
        }
    }

    #[test]
    fn scenes_of_a_group_have_as_many_workers_and_so_the_same_processors() {
        for work in ALL {
            let others = ALL.iter().filter(|other| other.group == work.group);
            assert!(others.into_iter().all(|other| other.scene.workers == work.scene.workers));
        }
    }
}
