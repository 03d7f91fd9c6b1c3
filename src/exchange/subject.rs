//! What an answer is about: the deployment that the gateway has asked for, or something else.
//!
//! What is about the deployment is recorded of its circuit. What is about something else is recorded of
//! nothing; another backend is asked in any case.
//!
//! - A request that names no model goes to some pool all the same, and asks none of its deployments. What
//!   refuses it may be a role that the key does not have, or a deployment that the client's own thread names.
//!   Files, jobs and threads have limits and failures of their own, and that they work says nothing of a
//!   deployment either. Only that the backend cannot be reached is about all of it.
//! - A request that only reads asks what there is, and no deployment for anything.
//! - Further models in a body are named by the client: the gateway writes only the model's own name. Which of
//!   them the backend lacks is not known.
//! - A circuit that covers a whole backend has no deployment of its own: no refusal opens it, and every limit
//!   does.

use super::{Exchange, RequestInfo};
use crate::breaker::FailureKind;
use crate::config::BreakerScope;
use crate::operation::Method;
use crate::outcome::Verdict;

impl Exchange {
    /// Returns `true` if what went wrong says nothing of what its circuit covers. `reached`: there was a
    /// connection.
    pub(super) fn is_about_something_else(&self, verdict: Verdict, reached: bool) -> bool {
        let of_deployment = self.covers_a_deployment();
        let Some(info) = &self.info else { return false };
        match verdict.failure {
            Some(FailureKind::Refused) => {
                !of_deployment || !info.asks_a_deployment() || info.names_further_models()
            }
            Some(
                FailureKind::Throttled(_)
                | FailureKind::ThrottledWithRoom(_)
                | FailureKind::ThrottledCounted(_),
            ) => of_deployment && !info.asks_a_deployment(),
            Some(FailureKind::Failed(_) | FailureKind::FailedTooOften(_)) => {
                reached && of_deployment && !info.asks_a_deployment()
            }
            None => false,
        }
    }

    /// Returns `true` if a good answer shows that what its circuit covers works.
    pub(super) fn shows_that_it_works(&self) -> bool {
        !self.covers_a_deployment() || self.info.as_ref().is_none_or(RequestInfo::asks_a_deployment)
    }

    /// Whether a circuit of this request's pool covers one deployment, and not a whole backend.
    fn covers_a_deployment(&self) -> bool {
        self.route().is_some_and(|route| route.model.breaker.scope == BreakerScope::Deployment)
    }
}

impl RequestInfo {
    fn asks_a_deployment(&self) -> bool {
        let names = self.target.model().is_some() || self.named.is_some() || self.ahead.is_some();
        self.target.operation.methods.has(Method::Post) && names
    }

    const fn names_further_models(&self) -> bool {
        self.names_others || self.image.is_some()
    }
}
