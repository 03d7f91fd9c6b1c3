//! Settings that an older Envoy cannot honour (docs/older-envoys.md).

use super::Lints;
use spillway::failover_mode::FailoverMode;

pub(super) fn look(lints: &mut Lints<'_>, failover: FailoverMode) {
    if failover.redirects() {
        for (place, models) in lints.places("timeouts", "request") {
            if models.iter().any(|model| model.pool.len() > 1) {
                let message = "before Envoy 1.39, it starts afresh with each backend that is asked";
                lints.warn(&place, message, "use Envoy 1.39 or newer, or set `retry.attempts` too");
            }
        }
    }
    if failover.replaces_held_answers() {
        return;
    }
    let hint = "use Envoy 1.37 or newer, or remove it";
    for field in ["time", "size"] {
        for (place, _) in lints.places("first_event", field) {
            let message = "before Envoy 1.37, an answer that was held is the client's, whatever it \
                           begins with";
            lints.warn(&place, message, hint);
        }
    }
    for (place, models) in lints.places("retry", "failover_on_refusal") {
        if models.iter().any(|model| model.retry.failover_on_refusal) {
            let message = "before Envoy 1.37, this does not cover a deployment that is missing";
            lints.warn(&place, message, hint);
        }
    }
}
