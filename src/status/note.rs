//! What is counted of an observation.

use super::activity::{Activity, Failover, Rows};
use super::cause::Cause;
use super::cell::{Cell, Count};
use super::row::Fault;
use crate::breaker::store::Transition;
use crate::observation::{AttemptResult, Observation, Outcome};
use crate::time::Timestamp;
use crate::usage::Usage;

impl Activity {
    /// Counts what was told. `next` is the member that is asked next, should one be.
    pub fn note(
        &mut self,
        rows: &Rows,
        observation: &Observation,
        next: Option<usize>,
        now: Timestamp,
    ) {
        match *observation {
            Observation::Attempt { model, member, status, result, fails_over, .. } => {
                let (Some(pool), Some(row)) = (rows.model(model), rows.member(model, member))
                else {
                    return;
                };
                let fault = Fault { at: now, cause: Cause::Attempt(result), status };
                let counted = self.row_mut(row).now(now);
                counted.add(Count::Attempts, 1);
                if let Some(count) = fault_of(result) {
                    counted.add(count, 1);
                    self.row_mut(row).fault = Some(fault);
                }
                if fails_over {
                    self.row_mut(row).now(now).add(Count::FailedOver, 1);
                    self.row_mut(pool).now(now).add(Count::FailedOver, 1);
                    let to = next.and_then(|next| rows.member(model, next));
                    self.fail_over(Failover { model: pool, from: row, to, fault });
                }
            }
            Observation::Headroom { model, member, share } => {
                if let Some(row) = rows.member(model, member) {
                    self.row_mut(row).headroom = Some((now, share));
                }
            }
            Observation::Request { model: Some(model), member, status, outcome, usage, .. } => {
                let answered = matches!(outcome, Outcome::Answered | Outcome::ClientError);
                if let Some(row) = member.and_then(|member| rows.member(model, member)) {
                    let counted = self.row_mut(row).now(now);
                    count(counted, answered, &usage);
                    // Its attempt was told as good, before it broke off.
                    if outcome == Outcome::Broken {
                        counted.add(Count::Failed, 1);
                        self.row_mut(row).fault =
                            Some(Fault { at: now, cause: Cause::Broken, status });
                    }
                }
                if let Some(row) = rows.model(model) {
                    let counted = self.row_mut(row).now(now);
                    counted.add(Count::Attempts, 1);
                    count(counted, answered, &usage);
                }
            }
            Observation::Circuit {
                model,
                member,
                transition: Transition::Opened { .. },
                client: Some(client),
            } => {
                let row = rows.member(model, member).zip(rows.client(client));
                if let Some((row, client)) = row {
                    self.row_mut(row).opened_by = Some((now, client));
                }
            }
            Observation::Request { model: None, .. }
            | Observation::Circuit { .. }
            | Observation::Begun { .. }
            | Observation::Over { .. } => {}
        }
    }
}

const fn fault_of(result: AttemptResult) -> Option<Count> {
    match result {
        AttemptResult::Throttled => Some(Count::Throttled),
        AttemptResult::Refused => Some(Count::Refused),
        AttemptResult::ServerError | AttemptResult::BadStart | AttemptResult::NoAnswer => {
            Some(Count::Failed)
        }
        AttemptResult::Ok | AttemptResult::ClientError | AttemptResult::Abandoned => None,
    }
}

fn count(counted: &mut Cell, answered: bool, usage: &Usage) {
    if answered {
        counted.add(Count::Answered, 1);
    }
    if usage.is_known() {
        counted.add(Count::Told, 1);
    }
    let kinds = [
        (Count::Prompt, usage.prompt),
        (Count::Completion, usage.completion),
        (Count::Cached, usage.cached),
        (Count::Reasoning, usage.reasoning),
    ];
    for (kind, tokens) in kinds {
        if let Some(tokens) = tokens {
            counted.add(kind, tokens);
        }
    }
}
