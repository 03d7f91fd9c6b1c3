//! Retries that are never made, or made although they were switched off.

use super::Lints;
use spillway::config::{Model, quoted};
use spillway::pool::tiers;

pub(super) fn look(lints: &mut Lints<'_>) {
    attempts(lints);
    statuses(lints);
    budget(lints);
}

fn attempts(lints: &mut Lints<'_>) {
    for (place, models) in lints.places("retry", "attempts") {
        let attempts = models.iter().find_map(|model| model.retry.attempts).unwrap_or_default();
        let largest = models.iter().map(|model| model.pool.len()).max().unwrap_or_default();
        if attempts as usize > largest {
            let members = if largest == 1 { "member" } else { "members" };
            let message = format!(
                "no backend is tried twice in a request, and the largest pool that this is for \
                 has {largest} {members}"
            );
            let hint = "remove it: without it, every member is tried once";
            lints.warn(&place, message, hint);
        } else if attempts == 1 && largest > 1 {
            let message = "a request whose backend fails is not tried on another; only the next \
                           one goes elsewhere, once the circuit is open";
            lints.note(&place, message, "");
        }
    }
}

fn statuses(lints: &mut Lints<'_>) {
    for (place, models) in lints.places("retry", "statuses") {
        if models.iter().all(|model| tries(model) == 1) {
            lints.warn(&place, "nothing is tried again: only one backend is asked", "remove it");
            continue;
        }
        let spills = |model: &&Model| {
            tries(model) > 1 && tiers(model) > 1 && !model.retry.statuses.contains(429)
        };
        if let Some(model) = models.into_iter().find(spills) {
            let message = format!(
                "a 429 is not tried again: the client of model {} gets it, although another tier \
                 could answer",
                quoted(&model.name)
            );
            lints.warn(&place, message, "add 429");
        }
    }
}

fn budget(lints: &mut Lints<'_>) {
    for (place, models) in lints.places("retry", "budget") {
        if models.iter().all(|model| tries(model) == 1) {
            lints.warn(&place, "nothing is tried again: only one backend is asked", "remove it");
        } else if models.iter().any(|model| model.retry.budget == 0) {
            let message = "ten retries in ten seconds are always allowed, on each worker";
            lints.warn(&place, message, "`attempts: 1` switches retries off");
        }
    }
}

/// How many backends a request may be sent to.
fn tries(model: &Model) -> usize {
    let attempts = model.retry.attempts.map_or(usize::MAX, |attempts| attempts as usize);
    model.pool.len().min(attempts)
}

fn tiers(model: &Model) -> usize {
    tiers::tiers(model.pool.iter().map(|member| member.priority)).len()
}
