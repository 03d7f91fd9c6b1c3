//! What is told of requests and circuits, as numbers.

use spillway::breaker::board::{self, Board, Record};
use spillway::metrics::{self, Kind, Sample};
use spillway::observation::Observation;

use super::{Core, put};

impl Core {
    /// Puts a record on the board, and tells what became of the circuit.
    pub(super) fn record(&self, record: &Record) {
        let Some(turn) = put(&self.shared, record).and_then(|changed| changed.turn) else {
            return;
        };
        for (model, member) in self.gateway.covered(record.circuit) {
            self.observed(&Observation::Circuit { model, member, turn });
        }
        self.set_gauges();
    }

    pub(super) fn observed(&self, observation: &Observation) {
        metrics::measure(observation).into_iter().for_each(|sample| self.count_in(sample));
    }

    /// The gauges of circuits, as the board has them.
    pub(super) fn set_gauges(&self) {
        let board = self.shared.borrow().get(board::KEY).cloned().unwrap_or_default().0;
        let (samples, _) = metrics::breakers(&self.gateway, &Board::decode(&board), self.now());
        samples.into_iter().for_each(|sample| self.count_in(sample));
    }

    fn count_in(&self, Sample { series, amount }: Sample) {
        let mut shared = self.shared.borrow_mut();
        let number = shared.counted.entry(series.name(&self.gateway.config)).or_default();
        match series.metric.definition().kind {
            Kind::Counter => *number += amount,
            Kind::Gauge => *number = amount,
            Kind::Histogram(_) => *number += 1,
        }
    }
}
