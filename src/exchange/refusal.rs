//! What a refusal says of the backend: that it does not take the gateway's credential, or lacks the
//! deployment.
//!
//! A refusal is about the deployment that the gateway has asked for, and a vote on nothing else.
//!
//! - A request that names no model goes to some pool all the same, and asks none of its deployments. What
//!   refuses it may be a role that the key does not have, or a deployment that the client's own thread names.
//! - A request without a body asks what there is, and no deployment for anything.
//! - Further models in a body are named by the client: the gateway writes only the model's own name. Which of
//!   them the backend lacks is not known.
//! - A circuit that covers a whole backend has no deployment of its own.
//!
//! Another backend is asked in any case.

use super::{Exchange, RequestInfo};
use crate::breaker::FailureKind;
use crate::config::BreakerScope;
use crate::outcome::Verdict;

impl Exchange {
    /// Returns `true` if the verdict is a refusal that says nothing of the deployment.
    pub(super) fn refuses_something_else(&self, verdict: Verdict) -> bool {
        let covers = self.route().map(|route| route.model.breaker.scope);
        let asks = self.info.as_ref().is_some_and(RequestInfo::asks_its_deployment_alone);
        verdict.failure == Some(FailureKind::Refused)
            && !(asks && covers == Some(BreakerScope::Deployment))
    }
}

impl RequestInfo {
    /// Returns `true` if it asks a deployment for something, and no other one.
    fn asks_its_deployment_alone(&self) -> bool {
        let names = self.target.model().is_some() || self.named.is_some() || self.ahead.is_some();
        self.has_body && names && !self.names_others && self.image.is_none()
    }
}
