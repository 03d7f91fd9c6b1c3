//! Shares that nobody shares, and circuits that somebody does.

use super::{Lints, model_path};
use spillway::config::path::{index, key};
use spillway::config::{BreakerScope, Model, quoted};

pub(super) fn look(lints: &mut Lints<'_>) {
    for model in &lints.config.models {
        weights(model, lints);
        headroom(model, lints);
    }
    circuits(lints);
}

fn weights(model: &Model, lints: &mut Lints<'_>) {
    let written = lints.written(&["models", &model.name, "pool"]);
    for (at, member) in model.pool.iter().enumerate() {
        let has = written.and_then(|pool| pool.get(at)?.get("weight")).is_some();
        if has && in_tier(model, member.priority) == 1 {
            let place = index(&key(&model_path(&model.name), "pool"), at);
            let message = format!("no other member has priority {}", member.priority);
            let hint = "a weight is a share among members of the same `priority`: remove it, or \
                        change the `priority`";
            lints.warn(&key(&place, "weight"), format!("{message} to share with"), hint);
        }
    }
}

fn headroom(model: &Model, lints: &mut Lints<'_>) {
    let shared = model.pool.iter().any(|member| in_tier(model, member.priority) > 1);
    if model.headroom && !shared {
        let message = "no two members have the same `priority`, so there are no weights to follow \
                       the headroom";
        lints.warn(&key(&model_path(&model.name), "headroom"), message, "remove it");
    }
}

fn in_tier(model: &Model, priority: u32) -> usize {
    model.pool.iter().filter(|member| member.priority == priority).count()
}

/// Two models that are one deployment at a backend have one circuit there.
fn circuits(lints: &mut Lints<'_>) {
    let models = &lints.config.models;
    for (id, model) in models.iter().enumerate() {
        for (at, member) in model.pool.iter().enumerate() {
            let same = |other: &&Model| {
                let scope = BreakerScope::Deployment;
                (other.breaker.scope, model.breaker.scope) == (scope, scope)
                    && other
                        .pool
                        .iter()
                        .any(|o| (o.backend, &o.deployment) == (member.backend, &member.deployment))
            };
            let Some(other) = models.iter().take(id).find(same) else { continue };
            let message = format!(
                "the same deployment {} as for model {}: they share a circuit, and a limit",
                quoted(&member.deployment),
                quoted(&other.name)
            );
            let place = index(&key(&model_path(&model.name), "pool"), at);
            lints.note(&place, message, "");
        }
    }
}
