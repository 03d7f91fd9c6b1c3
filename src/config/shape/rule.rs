//! The fields of the circuit breaker and of retries.

use super::{Default, Field, Kind, Object};

/// When a backend is left alone.
pub static CIRCUIT_BREAKER: Object = Object {
    name: "circuit_breaker",
    doc: "When a backend is left alone, and for how long. The file's rule holds for every pool; a \
          model's own replaces it field by field.",
    fields: &[
        Field {
            name: "failures",
            kind: Kind::Whole { from: 1, to: 10_000 },
            default: Default::Is("3"),
            doc: "As many failures within `interval` open the circuit. A 429 opens it at once, \
                  unless 429 is one of `statuses`.",
            example: "5",
        },
        Field {
            name: "interval",
            kind: Kind::Duration,
            default: Default::Is("60s"),
            doc: "How long a failure counts.",
            example: "5m",
        },
        Field {
            name: "trip",
            kind: Kind::Duration,
            default: Default::Is("60s"),
            doc: "How long the circuit stays open where the backend announces no time.",
            example: "10s",
        },
        Field {
            name: "accept_retry_after",
            kind: Kind::Flag,
            default: Default::Is("true"),
            doc: "Whether the time that a backend announces, in `Retry-After` or its like, \
                  replaces `trip`, shorter or longer.",
            example: "false",
        },
        Field {
            name: "max_trip",
            kind: Kind::Duration,
            default: Default::Is("10m"),
            doc: "No announced time is taken for longer than this. Not shorter than `trip`.",
            example: "1h",
        },
        Field {
            name: "statuses",
            kind: Kind::List(&Kind::Status),
            default: Default::Is("[408, 500-599]"),
            doc: "The statuses that count as failures: numbers from 400 to 599, or ranges such as \
                  `500-599`.",
            example: "[429, 500-599]",
        },
        Field {
            name: "scope",
            kind: Kind::OneOf(&["deployment", "backend"]),
            default: Default::Is("deployment"),
            doc: "What one circuit covers: one deployment at one backend, so that a 429 on one \
                  model does not stop another, or the whole backend, as in API Management.",
            example: "backend",
        },
    ],
};

/// What is tried again elsewhere.
pub static RETRY: Object = Object {
    name: "retry",
    doc: "What is tried again on another backend inside the same request. A backend that was \
          tried is never tried twice. A model's own rule replaces the file's field by field.",
    fields: &[
        Field {
            name: "attempts",
            kind: Kind::Whole { from: 1, to: 1000 },
            default: Default::Means("every member once"),
            doc: "How many backends one request may be sent to, the first included; 1 switches \
                  retries off.",
            example: "3",
        },
        Field {
            name: "statuses",
            kind: Kind::List(&Kind::Status),
            default: Default::Is("[408, 429, 500-599]"),
            doc: "The statuses that are tried again: numbers from 400 to 599, or ranges such as \
                  `500-599`.",
            example: "[429, 503]",
        },
        Field {
            name: "failover_on_refusal",
            kind: Kind::Flag,
            default: Default::Is("true"),
            doc: "Whether another backend is tried where one refuses Spillway's own key or does \
                  not have the deployment. `false` passes the refusal on, as API Management does.",
            example: "false",
        },
        Field {
            name: "per_try_timeout",
            kind: Kind::Duration,
            default: Default::Means("as long as the backend likes"),
            doc: "How long one backend may take until its answer begins.",
            example: "60s",
        },
    ],
};
