//! The connections to backends that have brought an answer.
//!
//! A request that is lost on such a connection, before any byte of its answer, met a server that was
//! closing what had been idle. On a new connection the same is a failure. Envoy's filters are not told
//! which of the two a connection is, but they see its address: one that has brought an answer before
//! is being used again.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::config::BackendId;

/// Some of a worker's connections, the latest that brought answers.
///
/// Each has one place, where another may take over: what is forgotten counts as new.
#[derive(Debug)]
pub(super) struct Connections(Vec<u64>);

impl Connections {
    pub(super) fn new() -> Self {
        Self(vec![0; PLACES])
    }

    /// An answer has come on the connection from this address to this backend.
    pub(super) fn answered(&mut self, backend: BackendId, address: &[u8]) {
        let hash = hash(backend, address);
        if let Some(place) = self.0.get_mut(place(hash)) {
            *place = hash;
        }
    }

    /// Whether an answer has come on it before.
    pub(super) fn has_answered(&self, backend: BackendId, address: &[u8]) -> bool {
        let hash = hash(backend, address);
        self.0.get(place(hash)) == Some(&hash)
    }
}

fn hash(backend: BackendId, address: &[u8]) -> u64 {
    FixedState::default().hash_one((backend.position(), address))
}

fn place(hash: u64) -> usize {
    usize::try_from(hash >> 32).unwrap_or_default() % PLACES
}

const PLACES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn a_connection_is_known_once_it_has_brought_an_answer() {
        let (east, west) = (BackendId::at(0), BackendId::at(1));
        let mut connections = Connections::new();
        assert!(!connections.has_answered(east, b"10.0.0.1:40000"));
        connections.answered(east, b"10.0.0.1:40000");
        assert!(connections.has_answered(east, b"10.0.0.1:40000"));
        assert!(!connections.has_answered(east, b"10.0.0.1:40001"));
        assert!(!connections.has_answered(west, b"10.0.0.1:40000"), "another backend's");
    }
}
