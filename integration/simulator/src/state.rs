//! Everything a running region remembers.
//!
//! Connections are served side by side, so what they share sits behind one mutex per
//! concern, held for the length of one statement and never across an `await`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::config::{DeploymentConfig, RegionConfig};
use crate::fault::Fault;
use crate::journal::Journal;
use crate::limiter::{Limiter, Verdict};
use crate::limits::Limits;
use crate::operation::response::Store;
use crate::script::{Queue, Script};
use crate::stats::Stats;

/// What the connections of a region share.
#[derive(Debug)]
pub(crate) struct State {
    pub config: RegionConfig,
    pub journal: Mutex<Journal>,
    pub stats: Mutex<Stats>,
    pub responses: Mutex<Store>,
    script: Mutex<Queue>,
    limiters: Mutex<HashMap<String, Limiter>>,
    started: Instant,
    next_id: AtomicU64,
}

/// A deployment a request may use.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub name: String,
    pub model: String,
}

impl State {
    pub(crate) fn new(config: RegionConfig) -> Self {
        Self {
            journal: Mutex::new(Journal::new(config.remembered_requests)),
            stats: Mutex::default(),
            responses: Mutex::default(),
            script: Mutex::default(),
            limiters: Mutex::new(limiters(&config)),
            started: Instant::now(),
            next_id: AtomicU64::new(1),
            config,
        }
    }

    /// The time since the region started.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// An identifier no other region and no other call has.
    pub(crate) fn fresh_id(&self, prefix: &str) -> String {
        let number = self.next_id.fetch_add(1, Ordering::Relaxed);
        let seed = format!("{}/{}/{number}", self.config.name, self.config.display_name);
        let digest = hex(&Sha256::digest(seed));
        let short: String = digest.chars().take(ID_LENGTH).collect();
        format!("{prefix}{short}")
    }

    pub(crate) fn deployment(&self, name: &str) -> Option<Deployment> {
        let known = self.config.deployments.iter().find(|d| d.name == name);
        match known {
            Some(deployment) => {
                Some(Deployment { name: deployment.name.clone(), model: deployment.model.clone() })
            }
            None => self
                .config
                .any_deployment
                .then(|| Deployment { name: name.to_owned(), model: name.to_owned() }),
        }
    }

    /// Charges the deployment; also says whether it tells waits in milliseconds.
    pub(crate) fn admit(&self, deployment: &str, cost: u64) -> (Verdict, bool) {
        let now = self.now();
        let mut limiters = lock(&self.limiters);
        let limiter = limiters
            .entry(deployment.to_owned())
            .or_insert_with(|| Limiter::new(self.config.any_limits.clone()));
        (limiter.admit(cost, now), limiter.limits().retry_after_ms)
    }

    /// Puts one deployment, or all known ones, under new limits with clean books.
    pub(crate) fn set_limits(&self, deployment: Option<&str>, limits: &Limits) {
        let mut limiters = lock(&self.limiters);
        match deployment {
            Some(name) => {
                limiters.insert(name.to_owned(), Limiter::new(limits.clone()));
            }
            None => {
                for limiter in limiters.values_mut() {
                    *limiter = Limiter::new(limits.clone());
                }
            }
        }
    }

    /// Forgets what has been used; the limits stay.
    pub(crate) fn reset_limits(&self) {
        for limiter in lock(&self.limiters).values_mut() {
            *limiter = Limiter::new(limiter.limits().clone());
        }
    }

    pub(crate) fn set_script(&self, script: Script) {
        *lock(&self.script) = Queue::new(script);
    }

    pub(crate) fn next_fault(&self, deployment: Option<&str>) -> Option<Fault> {
        lock(&self.script).take(&self.config.name, deployment)
    }

    /// Forgets the requests and sums.
    pub(crate) fn clear(&self) {
        lock(&self.journal).clear();
        lock(&self.stats).clear();
    }
}

/// Locks even after a panic elsewhere: a test that failed must not fail the others.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn limiters(config: &RegionConfig) -> HashMap<String, Limiter> {
    let limiter = |deployment: &DeploymentConfig| {
        let limiter = Limiter::new(deployment.limits.clone());
        (deployment.name.clone(), limiter)
    };
    config.deployments.iter().map(limiter).collect()
}

const ID_LENGTH: usize = 32;
