//! What has passed in the last five minutes, by ten seconds and by member of a pool.
//!
//! Each worker counts what it sees in memory, and hands that in about twice a second, while there
//! is something to hand in, by adding it to one value in Envoy's shared data. A request therefore
//! costs no host call here, however much is counted. The value holds only members that had traffic,
//! and of those only slices in which something happened: a few kilobytes for usual pools.
//!
//! Rows are named by a hash of the model's and the backend's names, so that they mean the same to
//! every worker and after every reload of the configuration.
//!
//! The bytes: a version, then rows, failovers and workers, each with their number before them.
//! Bytes that are not so made are no activity at all: five minutes of numbers are lost, no more.

#![warn(clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::row::{ClientMark, Fault, Row, SLICE, kept, slice};
use crate::config::{BackendId, ClientId, Config, ModelId};
use crate::host::{Store, change};
use crate::time::Timestamp;
use crate::varint;

/// The name of the shared value.
pub const KEY: &str = "spillway.activity";

/// What all workers have counted.
pub fn fetch(store: &dyn Store) -> Activity {
    Activity::decode(&store.get(KEY).0)
}

/// Adds what this worker has counted.
pub fn hand_in(store: &dyn Store, seen: &Activity, now: Timestamp) {
    change(store, KEY, |bytes| Some(with(bytes, seen, now)));
}

/// The shared value with what one worker has seen added to it.
pub fn with(bytes: &[u8], seen: &Activity, now: Timestamp) -> Vec<u8> {
    let mut all = Activity::decode(bytes);
    all.merge(seen);
    all.forget(now);
    all.encode()
}

/// Which row: a model, or a member of its pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(u64);

/// The rows of a configuration, worked out once.
#[derive(Debug, Clone)]
pub struct Rows {
    models: Vec<(RowId, Vec<RowId>)>,
    clients: Vec<ClientMark>,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Activity {
    rows: BTreeMap<RowId, Row>,
    /// The newest last.
    failovers: Vec<Failover>,
    workers: BTreeMap<u64, Worker>,
}

/// A request that was sent to another backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failover {
    /// The model it asked for.
    pub model: RowId,
    /// Who did not serve it.
    pub from: RowId,
    /// Who was asked next; `None`: that was not known yet.
    pub to: Option<RowId>,
    /// Why.
    pub fault: Fault,
}

/// A worker that has handed something in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worker {
    /// When it saw its first request.
    pub since: Timestamp,
    /// When it last handed something in.
    pub at: Timestamp,
}

impl RowId {
    fn new(model: &str, backend: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [model, backend] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let first = hash.finalize().iter().take(8).fold(0, |id, byte| id << 8 | u64::from(*byte));
        Self(first)
    }
}

impl Rows {
    /// The rows of this configuration's models and members.
    pub fn new(config: &Config) -> Self {
        let models = config.models.iter().map(|model| {
            let name = |id: BackendId| id.of(&config.backends).map_or("", |b| b.name.as_str());
            let member = |backend| RowId::new(&model.name, name(backend));
            // A backend's name is never empty, so no member is taken for its model.
            let members = model.pool.iter().map(|m| member(m.backend)).collect();
            (RowId::new(&model.name, ""), members)
        });
        let clients = config.clients.iter().flatten();
        // No model is named so: what it is joined with is a backend's name, or none.
        let clients = clients.map(|client| ClientMark(RowId::new("", &client.name).0));
        Self { models: models.collect(), clients: clients.collect() }
    }

    /// The row of a model.
    pub fn model(&self, id: ModelId) -> Option<RowId> {
        self.models.get(id.position()).map(|(row, _)| *row)
    }

    /// The row of a member, by its position in the pool.
    pub fn member(&self, id: ModelId, member: usize) -> Option<RowId> {
        self.models.get(id.position())?.1.get(member).copied()
    }

    /// The mark of a client.
    pub fn client(&self, id: ClientId) -> Option<ClientMark> {
        self.clients.get(id.position()).copied()
    }
}

impl Activity {
    /// Whether there is nothing to hand in.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.failovers.is_empty()
    }

    /// A row, to be added to.
    pub fn row_mut(&mut self, id: RowId) -> &mut Row {
        self.rows.entry(id).or_default()
    }

    /// A row, where there was anything to see.
    pub fn row(&self, id: RowId) -> Option<&Row> {
        self.rows.get(&id)
    }

    /// Takes note of a failover.
    pub fn fail_over(&mut self, failover: Failover) {
        let at = failover.fault.at;
        // What one worker saw in the same millisecond stays in its order.
        let place = self.failovers.partition_point(|other| other.fault.at <= at);
        self.failovers.insert(place, failover);
        let old = self.failovers.len().saturating_sub(MOST_FAILOVERS);
        self.failovers.drain(..old);
    }

    /// Takes note that this worker hands in now.
    pub fn sign(&mut self, worker: u64, since: Timestamp, at: Timestamp) {
        self.workers.insert(worker, Worker { since, at });
    }

    /// The failovers, the newest last.
    pub fn failovers(&self) -> &[Failover] {
        &self.failovers
    }

    /// The workers that have handed something in, the oldest first.
    pub fn workers(&self) -> Vec<Worker> {
        let mut workers: Vec<Worker> = Vec::with_capacity(self.workers.len());
        for worker in self.workers.values() {
            let place = workers.partition_point(|other| other.since <= worker.since);
            workers.insert(place, *worker);
        }
        workers
    }

    fn merge(&mut self, other: &Self) {
        for (id, row) in &other.rows {
            self.rows.entry(*id).or_default().merge(row);
        }
        other.failovers.iter().for_each(|failover| self.fail_over(failover.clone()));
        self.workers.extend(&other.workers);
    }

    /// Lets go of what is too old, and of what a clock that has jumped put into the future.
    fn forget(&mut self, now: Timestamp) {
        let kept = kept(now);
        self.rows.retain(|_, row| row.forget(&kept));
        self.workers.retain(|_, worker| kept.contains(&slice(worker.at)));
        let future = now + SLICE;
        self.failovers.retain(|failover| failover.fault.at <= future);
    }

    /// It as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        varint::put(&mut bytes, self.rows.len() as u64);
        for (id, row) in &self.rows {
            varint::put(&mut bytes, id.0);
            row.encode(&mut bytes);
        }
        varint::put(&mut bytes, self.failovers.len() as u64);
        for failover in &self.failovers {
            varint::put(&mut bytes, failover.model.0);
            varint::put(&mut bytes, failover.from.0);
            // A hash may have any value: whether there is one is a number of its own.
            varint::put(&mut bytes, u64::from(failover.to.is_some()));
            varint::put(&mut bytes, failover.to.map_or(0, |to| to.0));
            failover.fault.encode(&mut bytes);
        }
        varint::put(&mut bytes, self.workers.len() as u64);
        for (id, worker) in &self.workers {
            for number in [*id, worker.since.0, worker.at.0] {
                varint::put(&mut bytes, number);
            }
        }
        bytes
    }

    /// What these bytes hold; nothing where they hold none.
    pub fn decode(bytes: &[u8]) -> Self {
        Self::read(bytes).unwrap_or_default()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (&version, mut rest) = bytes.split_first()?;
        let rest = &mut rest;
        let mut read = Self::default();
        if version != VERSION {
            return None;
        }
        for _ in 0..varint::take(rest)? {
            read.rows.insert(RowId(varint::take(rest)?), Row::decode(rest)?);
        }
        for _ in 0..varint::take(rest)? {
            let (model, from) = (RowId(varint::take(rest)?), RowId(varint::take(rest)?));
            let (has_next, to) = (varint::take(rest)? == 1, RowId(varint::take(rest)?));
            let to = has_next.then_some(to);
            read.failovers.push(Failover { model, from, to, fault: Fault::decode(rest)? });
        }
        for _ in 0..varint::take(rest)? {
            let id = varint::take(rest)?;
            let (since, at) = (Timestamp(varint::take(rest)?), Timestamp(varint::take(rest)?));
            read.workers.insert(id, Worker { since, at });
        }
        rest.is_empty().then_some(read)
    }
}

const MOST_FAILOVERS: usize = 50;
const VERSION: u8 = 3;

#[cfg(test)]
mod tests;
