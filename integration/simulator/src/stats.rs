//! Counts by status and deployment.
//!
//! Load tests make more requests than anyone wants to list. These sums are what a
//! gateway's own metrics must agree with, so tokens count only once the caller has
//! been told of them: a stream without `include_usage`, or cut off before its usage
//! chunk, adds none.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::usage::Usage;

/// Sums since the region started or was cleared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Requests that arrived.
    pub requests: u64,
    /// Requests that have not been answered whole yet.
    pub in_flight: u64,
    /// Answers by status.
    pub by_status: BTreeMap<u16, u64>,
    /// The same by deployment (or model) asked for, known here or not.
    pub by_deployment: BTreeMap<String, DeploymentStats>,
}

/// The sums of one deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeploymentStats {
    /// Answers by status.
    pub by_status: BTreeMap<u16, u64>,
    /// Tokens told to callers.
    pub tokens: Usage,
}

impl Stats {
    pub(crate) fn arrived(&mut self) {
        self.requests = self.requests.saturating_add(1);
        self.in_flight = self.in_flight.saturating_add(1);
    }

    pub(crate) fn answered(&mut self, deployment: Option<&str>, status: u16) {
        count(&mut self.by_status, status);
        if let Some(name) = deployment {
            count(&mut self.deployment(name).by_status, status);
        }
    }

    pub(crate) fn told(&mut self, deployment: Option<&str>, usage: Usage) {
        if let Some(name) = deployment {
            self.deployment(name).tokens += usage;
        }
    }

    pub(crate) fn left(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Starts again from zero; what is in flight stays so.
    pub(crate) fn clear(&mut self) {
        *self = Self { in_flight: self.in_flight, ..Self::default() };
    }

    fn deployment(&mut self, name: &str) -> &mut DeploymentStats {
        self.by_deployment.entry(name.to_owned()).or_default()
    }
}

fn count(counts: &mut BTreeMap<u16, u64>, status: u16) {
    let count = counts.entry(status).or_default();
    *count = count.saturating_add(1);
}
