//! Who may come in, with what, and what they are told.

use super::Lints;
use spillway::config::path::index;
use spillway::config::{NamePattern, WhenExhausted};

pub(super) fn look(lints: &mut Lints<'_>) {
    let config = lints.config;
    if config.clients.is_none() {
        let hint = "name them in `clients`, or let nobody else reach the listener";
        lints.warn("", "no `clients`: anyone who can reach the listener may call", hint);
    }
    let patterns = &config.denied_models;
    for (at, pattern) in patterns.iter().enumerate() {
        let other = patterns.iter().enumerate().find(|(other, by)| {
            // Of two that are the same, the second is one too many.
            *other != at && covers(by, pattern) && (*other < at || !covers(pattern, by))
        });
        if let Some((other, _)) = other {
            let message = format!("`denied_models[{other}]` denies all that this does");
            lints.warn(&index("denied_models", at), message, "remove it");
        }
    }
    if config.when_exhausted == WhenExhausted::ServiceUnavailable {
        let message = "an empty 503 does not say when to come back: the SDKs try again within \
                       seconds, and give up after two tries";
        lints.note("when_exhausted", message, "`retry_later` tells them how long to wait");
    }
    if config.cookie_key.is_some() && config.models.iter().all(|model| model.affinity.is_none()) {
        let hint = "remove it, or give a model `session_affinity`";
        lints.warn("cookie_key", "no model has `session_affinity`, so there is no cookie", hint);
    }
}

/// Whether the first denies all that the second does.
fn covers(wide: &NamePattern, narrow: &NamePattern) -> bool {
    match narrow {
        NamePattern::Exact(name) => wide.matches(name),
        NamePattern::Prefix(start) => matches!(wide, NamePattern::Prefix(_)) && wide.matches(start),
    }
}
