//! Gateways that tests have one after the other.
//!
//! To start a gateway costs a processor a second and more: Envoy compiles the filter. To give a
//! running one another file costs next to nothing, and afterwards it knows nothing of the time
//! before: turns, budgets and headroom begin anew with a configuration, and circuits belong to the
//! addresses of backends, which a gateway never gets twice. What does not begin anew is what Envoy
//! counts. A test that looks at such numbers, or at anything else of a whole process, starts a
//! gateway of its own ([`Setup::start`]).
//!
//! A lent gateway goes back when its test has passed. If the test fails, the gateway ends with it,
//! and its logs are shown from where that test began. When no test has one any more, all end.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Gateway, PAUSE, START, Setup};
use crate::call::Client;
use crate::process::{ACCESS_LOG, LOG};
use crate::{foreign, key_of, wait};

/// A gateway that other tests have had, and will have.
#[derive(Debug)]
pub struct Lent {
    // Always there until it is dropped.
    gateway: Option<Gateway>,
    /// Whether others may have it afterwards.
    goes_back: bool,
}

impl Setup {
    /// A running gateway with this configuration.
    pub async fn lend(self) -> Lent {
        self.lend_after(None).await
    }

    /// The same. A gateway that has to be started for it begins with another configuration, one
    /// that names all variables that clients' keys come from: Envoy compiles the filter anew for
    /// each that is new.
    pub async fn lend_after(self, first: Option<&str>) -> Lent {
        assert!(!self.may_trap && self.otlp.is_empty(), "such a gateway is a test's own");
        // Takes part from here on, however this ends.
        let mut lent = Lent::new(None, true);
        let first = first.filter(|_| self.bootstrap.is_none());
        let (mut gateway, has_it) = loop {
            match take(&self) {
                Some(gateway) if gateway.settles().await => break (gateway, false),
                Some(_) => {}
                None => break (self.begin_with(first).await, first.is_none()),
            }
        };
        if has_it || gateway.follow(&self).await {
            lent.gateway = Some(gateway);
        } else {
            // What it cannot do while it runs, another must do from its start.
            pool().idle.push(gateway);
            lent.gateway = Some(self.start().await);
            lent.goes_back = false;
        }
        lent
    }

    /// A gateway that can be lent, with this configuration or its own.
    async fn begin_with(&self, config: Option<&str>) -> Gateway {
        let config = config.unwrap_or(&self.config).to_owned();
        let usual = USUAL.map(|name| (format!("KEY_{}", name.to_uppercase()), key_of(name)));
        let is_new = |(name, _): &(String, String)| self.environment.iter().all(|(n, _)| n != name);
        let environment = self.environment.iter().cloned().chain(usual.into_iter().filter(is_new));
        let setup = Self { config, environment: environment.collect(), ..self.clone() };
        let directory = tempfile::Builder::new().prefix("spillway-test-").tempdir().expect("tmp");
        let Some(make) = setup.bootstrap else {
            let folder = directory.path().to_owned();
            return setup.start_in(directory, folder, None).await;
        };
        let folder = foreign::folder(directory.path(), 0);
        let bootstrap = foreign::lay_out(directory.path(), make(&setup.config, &folder), 0);
        setup.start_in(directory, folder, Some(bootstrap)).await
    }
}

impl Gateway {
    /// Waits until it has no request left. If it still has one after a while, it is of no use.
    async fn settles(&self) -> bool {
        let deadline = Instant::now() + LONGEST;
        while Instant::now() < deadline {
            let running = self.stats("downstream_rq_active").await;
            // This one runs now.
            let mut others = running.lines().filter(|line| !line.starts_with("http.admin."));
            if others.all(|line| line.ends_with(": 0")) {
                return true;
            }
            tokio::time::sleep(PAUSE).await;
        }
        false
    }

    /// Gives it this configuration, and forgets what it has logged so far. `false`: it cannot take
    /// that while it runs.
    async fn follow(&mut self, setup: &Setup) -> bool {
        self.log_from = length(&self.directory.path().join(LOG));
        self.ports.extend(ports(&setup.config));
        self.turns += 1;
        if let Some(make) = setup.bootstrap {
            let directory = self.directory.path();
            self.folder = foreign::folder(directory, self.turns);
            let bootstrap = make(&setup.config, &self.folder);
            foreign::lay_out(directory, bootstrap, self.turns);
            let taken = async || foreign::taken(self.admin, self.turns).await;
            self.at = wait::eventually("Envoy to take its new listener", taken).await;
        } else if !self.has_reloaded(&setup.config).await {
            return false;
        } else {
            // What was told of requests before is written by now, and is none of ours.
            wait::eventually("the access log", async || {
                let left = self.stats("filesystem.write_total_buffered").await;
                left.trim().ends_with(": 0").then_some(())
            })
            .await;
            self.access_log_from = length(&self.folder.join(ACCESS_LOG));
        }
        self.client = Client::at(self.at);
        true
    }

    async fn has_reloaded(&self, config: &str) -> bool {
        self.rewrite(config);
        let deadline = Instant::now() + START;
        loop {
            if !self.told("reloaded ").is_empty() {
                return true;
            }
            if !self.told("kept the running configuration").is_empty() {
                return false;
            }
            assert!(Instant::now() < deadline, "not reloaded\n{}", self.tail());
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether it can be used with this setup.
    fn suits(&self, setup: &Setup) -> bool {
        let own = &self.setup;
        let same_bootstrap = match (own.bootstrap, setup.bootstrap) {
            (None, None) => true,
            (Some(own), Some(other)) => std::ptr::fn_addr_eq(own, other),
            _ => false,
        };
        same_bootstrap
            && own.workers == setup.workers
            && own.disabled == setup.disabled
            && setup.environment.iter().all(|variable| own.environment.contains(variable))
            && ports(&setup.config).is_disjoint(&self.ports)
    }
}

impl Lent {
    fn new(gateway: Option<Gateway>, goes_back: bool) -> Self {
        pool().users += 1;
        Self { gateway, goes_back }
    }
}

impl From<Gateway> for Lent {
    /// A test's own, where others have one that is lent.
    fn from(gateway: Gateway) -> Self {
        Self::new(Some(gateway), false)
    }
}

impl Deref for Lent {
    type Target = Gateway;

    fn deref(&self) -> &Gateway {
        self.gateway.as_ref().expect("a gateway until it goes back")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let back = self.gateway.take().filter(|_| self.goes_back && !std::thread::panicking());
        let back = back.map(|mut gateway| {
            gateway.assert_sound();
            // Its connections belong to the runtime of this test.
            gateway.client = Client::at(gateway.at);
            gateway
        });
        let mut pool = pool();
        pool.idle.extend(back);
        pool.users -= 1;
        // A few wait for the next test. Each that runs has files watched, and a user may not have
        // many watched at once.
        let kept = if pool.users == 0 { 0 } else { MOST_IDLE };
        let unused: Vec<Gateway> = {
            let too_many = pool.idle.len().saturating_sub(kept);
            pool.idle.drain(..too_many).collect()
        };
        drop(pool);
        drop(unused);
    }
}

/// The gateways that nobody has, and how many tests have one or wait for one.
#[derive(Debug)]
struct Pool {
    idle: Vec<Gateway>,
    users: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { idle: Vec::new(), users: 0 });

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The one that has been idle for longest: it has written its logs.
fn take(setup: &Setup) -> Option<Gateway> {
    let mut pool = pool();
    let at = pool.idle.iter().position(|gateway| gateway.suits(setup))?;
    Some(pool.idle.remove(at))
}

/// The ports that a configuration names, each behind a host: each backend has one of its own. (A field of
/// JSON, such as `"priority":1`, has a quotation mark before its colon.)
pub(super) fn ports(config: &str) -> BTreeSet<u16> {
    let mut ports = BTreeSet::new();
    let mut before = None;
    for part in config.split(':') {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        if before.is_some_and(|last: char| last.is_ascii_alphanumeric() || last == ']') {
            ports.extend(part[..digits].parse::<u16>());
        }
        before = part.chars().next_back();
    }
    ports
}

fn length(file: &std::path::Path) -> usize {
    fs::metadata(file).map_or(0, |file| usize::try_from(file.len()).expect("a length"))
}

/// The regions whose keys are in every lent gateway's environment.
const USUAL: [&str; 5] = ["eastus", "eastus2", "swedencentral", "westus", "uksouth"];
const MOST_IDLE: usize = 6;
const LONGEST: Duration = Duration::from_secs(3);
