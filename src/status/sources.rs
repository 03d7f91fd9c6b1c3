//! Making the report: the configuration, the breaker store and what was counted, in one picture.

use super::activity::{Activity, Rows};
use super::cell::{Cell, Count};
use super::report::{Config, Failover, Fault, Member, Model, Report, State, Tier, Tokens, Worker};
use super::row::{Row, SLICE, SLICES};
use super::share::{Candidate, shares};
use super::{report, row};
use crate::breaker::store::BreakerStore;
use crate::breaker::{Admission, Unavailability};
use crate::config::{Id, ModelId};
use crate::gateway::{Gateway, Route};
use crate::time::Timestamp;

/// Where it is looked from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The configuration.
    pub gateway: &'a Gateway,
    /// Its rows.
    pub rows: &'a Rows,
    /// What is said of the configuration itself.
    pub config: &'a Config,
    /// The circuits.
    pub store: &'a BreakerStore,
    /// What was counted.
    pub activity: &'a Activity,
    /// What the time is.
    pub now: Timestamp,
}

impl Sources<'_> {
    /// The report.
    pub fn report(&self) -> Report {
        let models = self.gateway.routes().map(|(id, route)| self.model(id, &route)).collect();
        let workers = self.activity.workers();
        let workers = workers.iter().map(|w| Worker { since_ms: w.since.0, seen_ms: w.at.0 });
        Report {
            version: report::VERSION,
            spillway: env!("CARGO_PKG_VERSION").to_owned(),
            now_ms: self.now.0,
            config: self.config.clone(),
            span_ms: SLICE.0 * SLICES,
            slice_ms: SLICE.0,
            workers: workers.collect(),
            models,
            failovers: self.failovers(),
        }
    }

    fn model(&self, id: ModelId, route: &Route<'_>) -> Model {
        let sum = self.rows.model(id).and_then(|row| self.activity.row(row)).map(Row::sum);
        let sum = sum.unwrap_or_default();
        let members = 0..route.model.pool.len();
        let shares = self.shares(id, route);
        let mut tiers: Vec<Tier> = Vec::new();
        for at in members {
            let Some((priority, member)) = self.member(id, route, at, shares.get(at)) else {
                continue;
            };
            match tiers.binary_search_by_key(&priority, |tier| tier.priority) {
                Ok(tier) => {
                    if let Some(tier) = tiers.get_mut(tier) {
                        tier.members.push(member);
                    }
                }
                Err(at) => tiers.insert(at, Tier { priority, members: vec![member] }),
            }
        }
        Model {
            name: route.model.name.clone(),
            requests: sum.count(Count::Attempts),
            answered: sum.count(Count::Answered),
            failovers: sum.count(Count::FailedOver),
            tokens: tokens(&sum),
            tiers,
        }
    }

    fn shares(&self, id: ModelId, route: &Route<'_>) -> Vec<f64> {
        let candidate = |(at, member): (usize, &crate::config::Member)| Candidate {
            priority: member.priority,
            weight: f64::from(member.weight) * self.headroom_weight(id, route, at),
            admission: self.admission(route, at),
        };
        let candidates: Vec<Candidate> =
            route.model.pool.iter().enumerate().map(candidate).collect();
        shares(&candidates)
    }

    fn member(
        &self,
        id: ModelId,
        route: &Route<'_>,
        at: usize,
        share: Option<&f64>,
    ) -> Option<(u32, Member)> {
        let member = route.model.pool.get(at)?;
        let backend = self.gateway.backend(member)?;
        let row = self.row(id, at);
        let sum = row.map(Row::sum).unwrap_or_default();
        let timeline = row.map_or_else(
            || vec![0; usize::try_from(SLICES).unwrap_or_default()],
            |row| row.slices(self.now).map(|cell| cell.count(Count::Answered)).collect(),
        );
        let admission = self.admission(route, at);
        let until = match admission {
            Admission::Shut(until, _) | Admission::Probed(until) => Some(until),
            Admission::Closed
            | Admission::Accused
            | Admission::Returning(_)
            | Admission::HalfOpen => None,
        };
        let (state, cause) = said(admission);
        let returning = match admission {
            Admission::Returning(share) => Some(f64::from(share) / 1000.0),
            _ => None,
        };
        let member = Member {
            backend: backend.name.clone(),
            deployment: member.deployment.clone(),
            weight: member.weight,
            next_share: rounded(share.copied().unwrap_or_default()),
            state,
            cause,
            until_ms: until.map(|until| until.0),
            remaining_ms: until.map(|until| until.since(self.now).0),
            returning,
            attempts: sum.count(Count::Attempts),
            answered: sum.count(Count::Answered),
            throttled: sum.count(Count::Throttled),
            failed: sum.count(Count::Failed),
            refused: sum.count(Count::Refused),
            failovers: sum.count(Count::FailedOver),
            tokens: tokens(&sum),
            headroom: row.and_then(|row| row.headroom).map(|(_, share)| f64::from(share) / 1000.0),
            last_fault: row.and_then(|row| row.fault).map(fault),
            opened_by: row.and_then(|row| self.client(row.opened_by?.1)),
            timeline,
        };
        Some((route.model.pool.get(at)?.priority, member))
    }

    /// The failovers of models and backends that the configuration has, the newest first.
    fn failovers(&self) -> Vec<Failover> {
        let config = &self.gateway.config;
        let of = |failover: &super::activity::Failover| {
            let mut models = Id::each(&config.models);
            let (id, model) =
                models.find(|(id, _)| self.rows.model(*id) == Some(failover.model))?;
            let name = |row| {
                let at = (0..model.pool.len()).find(|at| self.rows.member(id, *at) == Some(row))?;
                Some(self.gateway.backend(model.pool.get(at)?)?.name.clone())
            };
            Some(Failover {
                at_ms: failover.fault.at.0,
                model: model.name.clone(),
                from: name(failover.from)?,
                to: failover.to.and_then(name),
                cause: failover.fault.cause.word().to_owned(),
                status: failover.fault.status,
            })
        };
        self.activity.failovers().iter().rev().filter_map(of).collect()
    }

    fn client(&self, mark: row::ClientMark) -> Option<String> {
        let mut clients = Id::each(self.gateway.config.clients.as_deref()?);
        let (_, client) = clients.find(|(id, _)| self.rows.client(*id) == Some(mark))?;
        Some(client.name.clone())
    }

    fn row(&self, id: ModelId, member: usize) -> Option<&row::Row> {
        self.activity.row(self.rows.member(id, member)?)
    }

    fn admission(&self, route: &Route<'_>, member: usize) -> Admission {
        let circuit = route.circuits.get(member);
        circuit.map_or(Admission::Closed, |circuit| {
            self.store.admission(*circuit, &route.model.breaker, self.now)
        })
    }

    /// What headroom makes of a weight, where the pool minds it. Each worker goes by what it has
    /// heard itself; here it is what any of them heard last.
    fn headroom_weight(&self, id: ModelId, route: &Route<'_>, member: usize) -> f64 {
        let heard = self.row(id, member).and_then(|row| row.headroom);
        match heard {
            Some((at, share)) if route.model.headroom => {
                f64::from(crate::pool::headroom::fresh(share, at, self.now)) / 1000.0
            }
            _ => 1.0,
        }
    }
}

const fn said(admission: Admission) -> (State, Option<Unavailability>) {
    let failed = Some(Unavailability::Failed);
    match admission {
        Admission::Closed | Admission::Accused => (State::Closed, None),
        Admission::Returning(_) => (State::Returning, failed),
        Admission::HalfOpen => (State::HalfOpen, failed),
        Admission::Probed(_) => (State::Probing, failed),
        Admission::Shut(_, Unavailability::Failed) => (State::Open, failed),
        Admission::Shut(_, Unavailability::Throttled) => {
            (State::Open, Some(Unavailability::Throttled))
        }
    }
}

fn tokens(sum: &Cell) -> Tokens {
    Tokens {
        told: sum.count(Count::Told),
        prompt: sum.known(Count::Prompt),
        completion: sum.known(Count::Completion),
        cached: sum.known(Count::Cached),
        reasoning: sum.known(Count::Reasoning),
    }
}

fn fault(fault: row::Fault) -> Fault {
    Fault { at_ms: fault.at.0, cause: fault.cause.word().to_owned(), status: fault.status }
}

/// To a tenth of a percent.
fn rounded(share: f64) -> f64 {
    (share * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests;
