//! Cookies that lead to the only backend there is.

use super::{Lints, model_path};
use spillway::config::path::key;

pub(super) fn look(lints: &mut Lints<'_>) {
    for model in &lints.config.models {
        let Some(affinity) = model.affinity.as_ref().filter(|_| model.pool.len() == 1) else {
            continue;
        };
        let place = key(&model_path(&model.name), "session_affinity");
        if affinity.required {
            let message = "the pool has one member, so a client with a cookie gets 409 where it \
                           would be told to come back";
            lints.warn(&key(&place, "mode"), message, "remove it");
        } else {
            let message = "the pool has one member: its cookie only leads requests that name no \
                           model to it";
            lints.note(&place, message, "remove it where no client sends such requests");
        }
    }
}
