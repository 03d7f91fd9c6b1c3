//! Metrics: what is told becomes numbers in Envoy, and the gauges of circuits follow the breaker store.
//!
//! A series is defined once in a VM, the first time that it moves, and its id is kept: from then on
//! it costs one host call each time. Envoy keeps one number for all workers, and keeps it when the
//! filter is loaded anew.
//!
//! # Gauges
//!
//! Whoever changes a circuit sets its gauges, and wants to be called when it changes by itself: no
//! timer runs for that while all circuits are closed. Two workers may read the breaker store in one order and set a
//! gauge in the other. So whoever has set one looks at the breaker store again, and starts over where that
//! has changed: the last to write has seen that nothing newer was there.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use hashbrown::HashMap;

use crate::breaker::store::{self, BreakerStore};
use crate::gateway::Gateway;
use crate::host::Host;
use crate::metrics::{self, Kind, Metric, Sample, Series};
use crate::observation::Observation;
use crate::time::{Millis, Timestamp};

/// What a VM knows of its metrics.
#[derive(Debug, Default)]
pub(super) struct Meters {
    ids: RefCell<HashMap<Series, u32>>,
    /// What this worker has set the gauges of circuits to.
    circuits: RefCell<HashMap<Series, u64>>,
    /// When a circuit changes by itself.
    due: Cell<Option<Timestamp>>,
}

impl Meters {
    /// Defines what is there from the start, and says what is true now.
    /// Returns when the gauges of circuits want to be set again.
    pub(super) fn begin(&self, gateway: &Gateway, host: &dyn Host) -> Option<Timestamp> {
        for series in metrics::from_the_start(gateway) {
            self.id(series, gateway, host);
        }
        let version = Series::of(Metric::BuildInfo).word(env!("CARGO_PKG_VERSION"));
        self.move_by(version.by(1), gateway, host);
        self.set_gauges(gateway, host.now(), host)
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

    /// Sets the gauges of circuits that the next configuration does not know: nobody would again, and
    /// an alert would go on about a backend that is gone.
    pub(super) fn close(&self, gateway: &Gateway, next: &Gateway, host: &dyn Host) {
        let (samples, _) = metrics::breakers(next, &BreakerStore::default(), host.now());
        let names = samples.into_iter().map(|sample| sample.series.name(&next.config));
        let known: HashSet<String> = names.collect();
        let raised: Vec<Series> = {
            let circuits = self.circuits.borrow();
            let raised = circuits.iter().filter(|(_, amount)| **amount != 0);
            raised.map(|(series, _)| *series).collect()
        };
        for series in raised {
            if !known.contains(&series.name(&gateway.config)) {
                self.move_by(series.by(0), gateway, host);
            }
        }
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

    fn move_by(&self, Sample { series, amount }: Sample, gateway: &Gateway, host: &dyn Host) {
        let Some(id) = self.id(series, gateway, host) else { return };
        match series.metric.definition().kind {
            Kind::Counter => host.increment(id, amount),
            Kind::Gauge | Kind::Histogram(_) => host.record(id, amount),
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

/// Each time, another worker has changed the breaker store meanwhile, and follows it as well.
const MOST_TRIES: u32 = 100;

/// No gauge falls back sooner than so after it has risen.
const LEAST_PERIOD: Millis = Millis::from_secs(1);
