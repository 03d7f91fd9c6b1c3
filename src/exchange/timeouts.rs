//! Downstream, request: how long Envoy lets a model's request take.
//!
//! What the file says for all models stands in Envoy's route and clusters. Where a model says
//! something else, Envoy's router is told by headers, which it reads and removes; a client's own
//! are removed before the filter runs.

use super::{Context, Effect, Exchange};
use crate::config::Timeouts;
use crate::gateway::Route;
use crate::time::Millis;

impl Exchange {
    /// Whether a whole attempt may only take so long.
    pub(super) fn limits_attempts(&self) -> bool {
        self.route().is_some_and(|route| route.model.timeouts.per_try.is_some())
    }

    /// How long the answer may be silent once it has begun, where that is for the filter to see: see
    /// [`crate::config::Timeouts::begins_within`].
    pub fn silence_to_end(&self) -> Option<Millis> {
        let timeouts = &self.route()?.model.timeouts;
        timeouts.begins_within().map(|_| timeouts.stream_idle)
    }

    pub(super) fn limit_times(&self, route: &Route<'_>, cx: &mut Context<'_>) {
        let (own, usual) = (&route.model.timeouts, &self.gateway.config.timeouts);
        // None is 0 for the router.
        let begins = |timeouts: &Timeouts| Some(timeouts.begins_within().unwrap_or_default());
        let limits = [
            (FIRST_BYTE, begins(own), begins(usual)),
            (PER_TRY, own.per_try, usual.per_try),
            (REQUEST, own.request, usual.request),
        ];
        let differs = |(name, own, usual): (&'static str, Option<Millis>, Option<Millis>)| {
            let limit = own.filter(|_| own != usual)?;
            Some(Effect::SetRequestHeader(name, limit.0.to_string().into_bytes()))
        };
        cx.extend(limits.into_iter().filter_map(differs));
    }
}

/// Gives up an attempt whose answer has not begun by then.
const FIRST_BYTE: &str = "x-envoy-upstream-rq-per-try-timeout-ms";

/// Gives up an attempt that takes longer as a whole.
pub const PER_TRY: &str = "x-envoy-upstream-stream-duration-ms";

/// Gives up a request that takes longer over all its attempts.
const REQUEST: &str = "x-envoy-upstream-rq-timeout-ms";
