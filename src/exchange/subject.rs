//! What a refusal or a limit is about: the deployment that the gateway has asked for, or something else.
//!
//! What is about the deployment is recorded of its circuit. What is about something else is recorded of
//! nothing; another backend is asked in any case.
//!
//! - A request that names no model goes to some pool all the same, and asks none of its deployments. What
//!   refuses it may be a role that the key does not have, or a deployment that the client's own thread names.
//!   Files, jobs and threads have limits of their own.
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
    /// Returns `true` if the verdict is a refusal or a limit that says nothing of what its circuit covers.
    pub(super) fn is_about_something_else(&self, verdict: Verdict) -> bool {
        let covers = self.route().map(|route| route.model.breaker.scope);
        let of_deployment = covers == Some(BreakerScope::Deployment);
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
            Some(FailureKind::Failed(_) | FailureKind::FailedTooOften(_)) | None => false,
        }
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
