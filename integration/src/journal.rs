//! What the regions saw.

use spillway_simulator::{Region, SeenRequest};

/// Short questions about what a region saw.
pub trait Journal {
    /// How many requests arrived.
    fn count(&self) -> usize;
    /// The only request that arrived.
    fn only(&self) -> SeenRequest;
    /// The statuses that were answered, in order of arrival.
    fn statuses(&self) -> Vec<u16>;
}

impl Journal for Region {
    fn count(&self) -> usize {
        self.requests().len()
    }

    fn only(&self) -> SeenRequest {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "one request at {}, not {requests:#?}", self.name());
        requests.remove(0)
    }

    fn statuses(&self) -> Vec<u16> {
        self.requests().iter().map(|seen| seen.status.unwrap_or_default()).collect()
    }
}

/// How many requests each of these regions saw.
pub fn story<const N: usize>(regions: [&Region; N]) -> [usize; N] {
    regions.map(Journal::count)
}
