//! Metrics: what is told becomes numbers in Envoy, and the gauges of circuits follow the breaker store.
//!
//! A series is defined once in a VM, the first time that it moves, and its id is kept: from then on
//! it costs one host call each time. Envoy keeps one number for all workers, and keeps it when the
//! filter is loaded anew.
//!
//! # Gauges
//!
//! Those of a member of a pool go back to 0 when a configuration comes that does not know it
//! ([`crate::metrics::standing`]).
//!
//! Whoever changes a circuit sets its gauges, and wants to be called when it changes by itself: no
//! timer runs for that while all circuits are closed. Two workers may read the breaker store in one order and set a
//! gauge in the other. So whoever has set one looks at the breaker store again, and starts over where that
//! has changed: the last to write has seen that nothing newer was there.

use std::cell::{Cell, RefCell};

use hashbrown::HashMap;

use super::instance::Instance;
use crate::breaker::store;
use crate::gateway::Gateway;
use crate::host::{self, Host};
use crate::metrics::{self, Kind, Metric, Move, Sample, Series, standing};
use crate::observation::Observation;
use crate::status::report::Config as About;
use crate::time::{Millis, Timestamp};

/// What a VM knows of its metrics.
#[derive(Debug, Default)]
pub(super) struct Meters {
    ids: RefCell<HashMap<Series, u32>>,
    /// What this worker has set the gauges of circuits to.
    circuits: RefCell<HashMap<Series, u64>>,
    /// Which configuration they are of.
    digest: RefCell<String>,
    /// When a circuit changes by itself.
    due: Cell<Option<Timestamp>>,
}

impl Meters {
    /// Defines what is there from the start, and says what is true now.
    /// Returns when the gauges of circuits want to be set again.
    pub(super) fn begin(
        &self,
        gateway: &Gateway,
        about: &About,
        host: &dyn Host,
    ) -> Option<Timestamp> {
        for series in metrics::from_the_start(gateway) {
            self.id(series, gateway, host);
        }
        let version = Series::of(Metric::BuildInfo).word(env!("CARGO_PKG_VERSION"));
        self.move_by(version.by(1), gateway, host);
        self.take_over(gateway, about, host);
        self.set_gauges(gateway, host.now(), host)
    }

    /// Takes back what stood for the configuration before, and says what stands for this one.
    fn take_over(&self, gateway: &Gateway, about: &About, host: &dyn Host) {
        self.digest.replace(about.digest.clone());
        host::change(host, IN_FORCE, |_| Some(about.digest.clone().into_bytes()));
        let left = standing::left(gateway, &about.digest);
        let (before, _) = host.get(STANDING);
        for name in standing::gone(&before, &left) {
            set(name, 0, host);
        }
        // Each worker comes here, with the same: it is written once.
        host::change(host, STANDING, |before| (before != left).then(|| left.clone()));
        for name in standing::standing(gateway, &about.digest) {
            set(&name, 1, host);
        }
        let loaded = Series::of(Metric::ConfigLoaded).by(about.loaded_ms / 1000);
        self.move_by(loaded, gateway, host);
        let refused = about.refused.as_ref().map_or(0, |refused| refused.at_ms);
        self.move_by(Series::of(Metric::ConfigRefused).by(refused / 1000), gateway, host);
        // All workers are told of it, and one of them counts it.
        let is_new = |bytes: &[u8]| {
            let at = refused.to_le_bytes();
            (refused > 0 && bytes != at).then(|| at.to_vec())
        };
        if host::change(host, REFUSED, is_new) {
            self.move_by(Series::of(Metric::ConfigRefusals).by(1), gateway, host);
        }
    }

    /// Counts what was observed.
    pub(super) fn tell(&self, observation: &Observation, gateway: &Gateway, host: &dyn Host) {
        for sample in metrics::measure(observation) {
            self.move_by(sample, gateway, host);
        }
    }

    /// Sets the gauges of circuits that have changed. Tells when one does so by itself.
    pub(super) fn set_gauges(
        &self,
        gateway: &Gateway,
        now: Timestamp,
        host: &dyn Host,
    ) -> Option<Timestamp> {
        // A worker that has not got the newest configuration yet may know members that are gone.
        if host.get(IN_FORCE).0 != self.digest.borrow().as_bytes() {
            return None;
        }
        let mut store = store::fetch(host);
        for _ in 0..MOST_TRIES {
            let (samples, next) = metrics::breakers(gateway, &store, host.now());
            for sample in samples {
                let known = self.circuits.borrow_mut().insert(sample.series, sample.amount);
                if known != Some(sample.amount) {
                    self.move_by(sample, gateway, host);
                }
            }
            self.due.set(next.map(|next| next.max(now + LEAST_PERIOD)));
            let newer = store::fetch(host);
            if newer == store {
                break;
            }
            store = newer;
        }
        self.due.get()
    }

    /// The timer has fired, perhaps for somebody else. Tells when it should the next time.
    pub(super) fn tick(
        &self,
        gateway: &Gateway,
        now: Timestamp,
        host: &dyn Host,
    ) -> Option<Timestamp> {
        let due = self.due.get()?;
        if due > now { Some(due) } else { self.set_gauges(gateway, now, host) }
    }

    /// Moves the gauge of bodies that are held, which all workers share. Tells where it is then.
    pub(super) fn move_held(&self, by: i64, gateway: &Gateway, host: &dyn Host) -> Option<u64> {
        let id = self.id(Series::of(Metric::HeldBodies), gateway, host)?;
        host.move_gauge(id, by);
        host.value(id)
    }

    /// Where that gauge is.
    pub(super) fn held(&self, gateway: &Gateway, host: &dyn Host) -> Option<u64> {
        host.value(self.id(Series::of(Metric::HeldBodies), gateway, host)?)
    }

    fn move_by(&self, sample: Sample, gateway: &Gateway, host: &dyn Host) {
        if let Some(id) = self.id(sample.series, gateway, host) {
            move_one(id, sample, host);
        }
    }

    fn id(&self, series: Series, gateway: &Gateway, host: &dyn Host) -> Option<u32> {
        let known = self.ids.borrow().get(&series).copied();
        known.or_else(|| {
            let kind = series.metric.definition().kind;
            let id = host.define(kind, &series.name(&gateway.config))?;
            self.ids.borrow_mut().insert(series, id);
            Some(id)
        })
    }
}

/// The filter was brought a configuration that it has refused. `instance`: what it serves with instead.
pub(super) fn refuse(instance: Option<&Instance>, host: &dyn Host) {
    let samples = [
        Series::of(Metric::ConfigRefusals).by(1),
        Series::of(Metric::ConfigRefused).by(host.now().0 / 1000),
    ];
    for sample in samples {
        let definition = sample.series.metric.definition();
        let id = match instance {
            Some(instance) => instance.meters.id(sample.series, &instance.gateway, host),
            None => host.define(definition.kind, definition.name),
        };
        if let Some(id) = id {
            move_one(id, sample, host);
        }
    }
}

fn move_one(id: u32, Sample { series, amount, how }: Sample, host: &dyn Host) {
    let by = || i64::try_from(amount).unwrap_or(i64::MAX);
    match (how, series.metric.definition().kind) {
        (Move::Up, _) => host.move_gauge(id, by()),
        (Move::Down, _) => host.move_gauge(id, by().saturating_neg()),
        (Move::Usual, Kind::Counter) => host.increment(id, amount),
        (Move::Usual, Kind::Gauge | Kind::Histogram(_)) => host.record(id, amount),
    }
}

fn set(gauge: &str, to: u64, host: &dyn Host) {
    if let Some(id) = host.define(Kind::Gauge, gauge) {
        host.record(id, to);
    }
}

/// The digest of the configuration that is in force.
const IN_FORCE: &str = "spillway.in_force";

/// The names of the gauges that stand for it.
const STANDING: &str = "spillway.standing";

/// When the last configuration was refused that has been counted.
const REFUSED: &str = "spillway.refused";

/// Each time, another worker has changed the breaker store meanwhile, and follows it as well.
const MOST_TRIES: u32 = 100;

/// No gauge falls back sooner than so after it has risen.
const LEAST_PERIOD: Millis = Millis::from_secs(1);
