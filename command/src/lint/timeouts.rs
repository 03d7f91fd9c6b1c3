//! Time-outs that another one comes before.

use super::Lints;
use spillway::config::{Model, Timeouts};
use spillway::time::Millis;

pub(super) fn look(lints: &mut Lints<'_>) {
    for (place, models) in lints.places("timeouts", "first_byte") {
        let before = |other: fn(&Timeouts) -> Option<Millis>| {
            models.iter().all(|model| {
                other(&model.timeouts).is_some_and(|other| other < model.timeouts.first_byte)
            })
        };
        let earlier = if before(|timeouts| timeouts.request) {
            "`request`"
        } else if before(|timeouts| Some(timeouts.stream_idle)) {
            "`stream_idle`"
        } else if before(|timeouts| timeouts.per_try) {
            "`per_try`"
        } else {
            continue;
        };
        lints.warn(&place, format!("{earlier} is shorter and comes first"), shorten(earlier));
    }
    for (place, models) in lints.places("timeouts", "per_try") {
        let late = |model: &&Model| {
            model.timeouts.request.zip(model.timeouts.per_try).is_some_and(|(all, one)| all < one)
        };
        if models.iter().all(late) {
            lints.warn(&place, "`request` is shorter and comes first", shorten("`request`"));
        }
    }
    for (place, models) in lints.places("timeouts", "request") {
        let starves = |model: &&Model| {
            let unset = Timeouts::default().first_byte;
            let Timeouts { first_byte, request, per_try, stream_idle, .. } = &model.timeouts;
            let shortest = (*first_byte).min(*stream_idle).min(per_try.unwrap_or(unset));
            model.pool.len() > 1 && *first_byte == unset && request.is_some_and(|r| r < shortest)
        };
        if models.iter().any(starves) {
            let message = "a backend that does not begin to answer takes all of it, so that no \
                           other is asked";
            lints.warn(&place, message, "set `first_byte` to a part of it");
        }
    }
}

fn shorten(other: &str) -> String {
    format!("make it shorter than {other}, or remove it")
}
