//! Metrics: what is told becomes numbers in Envoy, and the gauges of circuits follow the board.
//!
//! A series is defined once in a VM, the first time that it moves, and its id is kept: from then on
//! it costs one host call each time. Envoy keeps one number for all workers, and keeps it when the
//! filter is loaded anew.
//!
//! # Gauges
//!
//! Whoever changes a circuit sets its gauges, and wants to be called when it changes by itself: no
//! timer runs for that while all circuits are closed. Two workers may read the board in one order and set a
//! gauge in the other. So whoever has set one looks at the board again, and starts over where that
//! has changed: the last to write has seen that nothing newer was there.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use hashbrown::HashMap;

use super::{host, timer};
use crate::breaker::board::Board;
use crate::gateway::Gateway;
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
    pub(super) fn begin(&self, gateway: &Gateway) {
        for series in metrics::from_the_start(gateway) {
            self.id(series, gateway);
        }
        let version = Series::of(Metric::BuildInfo).word(env!("CARGO_PKG_VERSION"));
        self.move_by(version.by(1), gateway);
        let now = host::now();
        if let Some(due) = self.set_gauges(gateway, now) {
            timer::wanted(due, now);
        }
    }

    /// Counts what was observed.
    pub(super) fn tell(&self, observation: &Observation, gateway: &Gateway) {
        for sample in metrics::measure(observation) {
            self.move_by(sample, gateway);
        }
    }

    /// Sets the gauges of circuits that have changed. Tells when one does so by itself.
    pub(super) fn set_gauges(&self, gateway: &Gateway, now: Timestamp) -> Option<Timestamp> {
        let mut board = host::board();
        for _ in 0..MOST_TRIES {
            let (samples, next) = metrics::breakers(gateway, &board, host::now());
            for sample in samples {
                let known = self.circuits.borrow_mut().insert(sample.series, sample.amount);
                if known != Some(sample.amount) {
                    self.move_by(sample, gateway);
                }
            }
            self.due.set(next.map(|next| next.max(now + LEAST_PERIOD)));
            let newer = host::board();
            if newer == board {
                break;
            }
            board = newer;
        }
        self.due.get()
    }

    /// Sets the gauges of circuits that the next configuration does not know: nobody would again, and
    /// an alert would go on about a backend that is gone.
    pub(super) fn close(&self, gateway: &Gateway, next: &Gateway) {
        let (samples, _) = metrics::breakers(next, &Board::default(), host::now());
        let names = samples.into_iter().map(|sample| sample.series.name(&next.config));
        let known: HashSet<String> = names.collect();
        let raised: Vec<Series> = {
            let circuits = self.circuits.borrow();
            let raised = circuits.iter().filter(|(_, amount)| **amount != 0);
            raised.map(|(series, _)| *series).collect()
        };
        for series in raised {
            if !known.contains(&series.name(&gateway.config)) {
                self.move_by(series.by(0), gateway);
            }
        }
    }

    /// The timer has fired, perhaps for somebody else. Tells when it should the next time.
    pub(super) fn tick(&self, gateway: &Gateway, now: Timestamp) -> Option<Timestamp> {
        let due = self.due.get()?;
        if due > now { Some(due) } else { self.set_gauges(gateway, now) }
    }

    /// Moves the gauge of bodies that are held, which all workers share. Tells where it is then.
    pub(super) fn move_held(&self, by: i64, gateway: &Gateway) -> Option<u64> {
        let id = self.id(Series::of(Metric::HeldBodies), gateway)?;
        host::move_gauge(id, by);
        host::gauge(id)
    }

    /// Where that gauge is.
    pub(super) fn held(&self, gateway: &Gateway) -> Option<u64> {
        host::gauge(self.id(Series::of(Metric::HeldBodies), gateway)?)
    }

    fn move_by(&self, Sample { series, amount }: Sample, gateway: &Gateway) {
        let Some(id) = self.id(series, gateway) else { return };
        match series.metric.definition().kind {
            Kind::Counter => host::increment_metric(id, amount),
            Kind::Gauge | Kind::Histogram(_) => host::record_metric(id, amount),
        }
    }

    fn id(&self, series: Series, gateway: &Gateway) -> Option<u32> {
        let known = self.ids.borrow().get(&series).copied();
        known.or_else(|| {
            let kind = series.metric.definition().kind;
            let id = host::define_metric(kind, &series.name(&gateway.config))?;
            self.ids.borrow_mut().insert(series, id);
            Some(id)
        })
    }
}

/// Each time, another worker has changed the board meanwhile, and follows it as well.
const MOST_TRIES: u32 = 100;

/// No gauge falls back sooner than so after it has risen.
const LEAST_PERIOD: Millis = Millis::from_secs(1);
