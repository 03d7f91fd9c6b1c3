//! A configuration that serves: what the file says, and what this worker knows besides.
//!
//! Requests keep theirs to their end, whatever becomes of the file meanwhile.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::meters::Meters;
use crate::config::BackendId;
use crate::gateway::Gateway;
use crate::pool::PoolState;
use crate::status::Rows;
use crate::status::report::Config as About;

/// A gateway and what this worker knows of its pools.
#[derive(Debug)]
pub struct Instance {
    pub(super) gateway: Rc<Gateway>,
    /// What is counted for the status, by row.
    pub(super) rows: Rows,
    pub(super) about: About,
    pub(super) pools: Rc<RefCell<Vec<PoolState>>>,
    pub(super) meters: Meters,
    clusters: Clusters,
}

/// The clusters of the backends, and how the router is told which it is.
#[derive(Debug, Default)]
pub struct Clusters {
    /// By backend, where it is not the backend's own name.
    pub names: HashMap<String, String>,
    /// The router goes by [`super::CLUSTER_HEADER`], besides what is in filter state.
    pub by_header: bool,
}

impl Instance {
    /// An instance that has served nothing yet. Where it is delivered once more, for what is to be said of
    /// it, it goes on with what the one `before` knows of its pools.
    pub(super) fn new(
        gateway: Rc<Gateway>,
        clusters: Clusters,
        about: About,
        before: Option<&Self>,
    ) -> Self {
        let same = before.filter(|before| before.about.digest == about.digest);
        let pools = same.map(|same| same.pools.clone());
        let pools = pools.unwrap_or_else(|| Rc::new(RefCell::new(gateway.pools())));
        let rows = Rows::new(&gateway.config);
        let meters = Meters::default();
        Self { gateway, rows, about, pools, meters, clusters }
    }

    /// What it was made from.
    pub fn gateway(&self) -> &Rc<Gateway> {
        &self.gateway
    }

    /// The cluster of this backend: a request stays with the definition of a backend that it began
    /// with, whatever a reload makes of that name (ADR 15).
    pub(super) fn cluster(&self, backend: BackendId) -> &str {
        let backend = backend.of(&self.gateway.config.backends);
        let name = backend.map(|backend| backend.name.as_str()).unwrap_or_default();
        self.clusters.names.get(name).map_or(name, String::as_str)
    }

    /// Whether the router reads a header that says so.
    pub(super) const fn names_cluster_in_header(&self) -> bool {
        self.clusters.by_header
    }
}
