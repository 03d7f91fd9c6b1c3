//! The state of the circuits before the request arrives, brought about by what leads to it.

use super::State;
use spillway::breaker::FailureKind;
use spillway::breaker::store::{self, Change};
use spillway::config::BackendId;
use spillway::gateway::Gateway;
use spillway::time::{Millis, Timestamp};
use spillway_model::Memory;

/// Lets happen to each backend's circuits what makes them so.
pub(super) fn set(
    gateway: &Gateway,
    states: &[(BackendId, State)],
    store: &Memory,
    now: Timestamp,
) {
    for (backend, state) in states {
        for (_, route) in gateway.routes() {
            let Some(member) = route.model.pool.iter().position(|m| m.backend == *backend) else {
                continue;
            };
            let (failure, ago) = match *state {
                State::Throttled(time) => (FailureKind::Throttled(time), Millis(0)),
                State::Tripped(time) => (FailureKind::FailedTooOften(time), Millis(0)),
                State::HalfOpen => (FailureKind::FailedTooOften(None), route.model.breaker.trip),
            };
            // Chance would make it a little longer: not here.
            let record = route.record(member, Change::Failed(failure, 0), (now - ago).into());
            record.iter().for_each(|record| _ = store::record(store, record));
        }
    }
}
