//! The fields of the circuit breaker and of retries.

use super::{Default, Field, Kind, Object};
use crate::prose::prose;

/// When a backend is left alone.
pub static CIRCUIT_BREAKER: Object = Object {
    name: "circuit_breaker",
    doc: prose(
        "When a backend is left alone, and for how long. The file's rule holds for every pool; a \
          model's own replaces it field by field.",
    ),
    fields: &[
        Field {
            name: "failures",
            kind: Kind::Whole { from: 1, to: 10_000 },
            default: Default::Is("3"),
            doc: prose(
                "As many failures within `interval` open the circuit. A 429 opens it at once, \
                  unless 429 is one of `statuses`.",
            ),
            example: "5",
        },
        Field {
            name: "failure_ratio",
            kind: Kind::Percent { from: 1 },
            default: Default::Means("`failures` counts"),
            doc: prose(
                "As large a share of the answers within `interval` opens the circuit: instead of \
                  `failures`, or besides where both are written down. Answers with 429 and \
                  clients' own mistakes are not counted.",
            ),
            example: "50%",
        },
        Field {
            name: "minimum_requests",
            kind: Kind::Whole { from: 1, to: 100_000 },
            default: Default::Is("20"),
            doc: prose("With `failure_ratio`: a share of fewer answers than these opens nothing."),
            example: "10",
        },
        Field {
            name: "interval",
            kind: Kind::Duration,
            default: Default::Is("60s"),
            doc: prose("How long a failure counts: a window that slides with the time."),
            example: "5m",
        },
        Field {
            name: "trip",
            kind: Kind::Duration,
            default: Default::Is("60s"),
            doc: prose(
                "How long the circuit stays open after failures where the backend announces no \
                  time, and up to a tenth longer by chance, so that gateways do not return \
                  together. Then it is half-open: one request tries, and each time it fails, \
                  the time doubles, up to `max_trip`.",
            ),
            example: "10s",
        },
        Field {
            name: "ramp",
            kind: Kind::Duration,
            default: Default::Is("10s"),
            doc: prose(
                "How long it takes, once the request that tried was answered, until the backend \
                  has all of its traffic back; with `1ms` it has it at once, as after a 429.",
            ),
            example: "30s",
        },
        Field {
            name: "accept_retry_after",
            kind: Kind::Flag,
            default: Default::Is("true"),
            doc: prose(
                "Whether the time that a backend announces, in `Retry-After` or its like, \
                  replaces `trip`, shorter or longer.",
            ),
            example: "false",
        },
        Field {
            name: "max_trip",
            kind: Kind::Duration,
            default: Default::Is("10m"),
            doc: prose(
                "No announced time is taken for longer than this, and no trip grows longer. Not \
                  shorter than `trip`.",
            ),
            example: "1h",
        },
        Field {
            name: "statuses",
            kind: Kind::List(&Kind::Status),
            default: Default::Is("[408, 500-599]"),
            doc: prose(
                "The statuses that count as failures: numbers from 400 to 599, or ranges such as \
                  `500-599`. With 429 among them, `failures` different requests must be throttled \
                  before the circuit opens for the announced time.",
            ),
            example: "[429, 500-599]",
        },
        Field {
            name: "abandoned_after",
            kind: Kind::Duration,
            default: Default::Means("a client that leaves is no failure of a backend"),
            doc: prose(
                "A client that leaves after it has waited so long for the beginning of an answer \
                  counts as a failure. Set it to less than your clients' own time-outs, and to more \
                  than a healthy answer takes, so that a region that hangs is left alone although \
                  no client waits for its `first_byte` to pass.",
            ),
            example: "10s",
        },
        Field {
            name: "scope",
            kind: Kind::OneOf(&["deployment", "backend"]),
            default: Default::Is("deployment"),
            doc: prose(
                "What one circuit covers: one deployment at one backend, so that a 429 on one \
                  model does not stop another, or the whole backend, as in API Management. Such a \
                  circuit is not opened by a refused key or a missing deployment.",
            ),
            example: "backend",
        },
    ],
};

/// What is tried again elsewhere.
pub static RETRY: Object = Object {
    name: "retry",
    doc: prose(
        "What is tried again on another backend inside the same request. A backend that was \
          tried is never tried twice. A model's own rule replaces the file's field by field.",
    ),
    fields: &[
        Field {
            name: "attempts",
            kind: Kind::Whole { from: 1, to: 1000 },
            default: Default::Means("every member once"),
            doc: prose(
                "How many backends one request may be sent to, the first included; 1 switches \
                  retries off.",
            ),
            example: "3",
        },
        Field {
            name: "statuses",
            kind: Kind::List(&Kind::Status),
            default: Default::Is("[408, 429, 500-599]"),
            doc: prose(
                "The statuses that are tried again: numbers from 400 to 599, or ranges such as \
                  `500-599`.",
            ),
            example: "[429, 503]",
        },
        Field {
            name: "failover_on_refusal",
            kind: Kind::Flag,
            default: Default::Is("true"),
            doc: prose(
                "Whether another backend is tried where one refuses Spillway's own key or does \
                  not have the deployment. `false` passes the refusal on, as API Management does, \
                  but a 401 has the gateway's own words.",
            ),
            example: "false",
        },
        Field {
            name: "budget",
            kind: Kind::Percent { from: 0 },
            default: Default::Is("100%"),
            doc: prose(
                "How many of a pool's requests of the last ten seconds may be retries after \
                  failures, on each worker; ten are always allowed. Beyond that, a request \
                  is only tried on backends that have failed none in these ten seconds; if there is no \
                  such backend, the client gets the failure. Retries after a 429 or a refusal do not count, as they load nobody \
                  twice.",
            ),
            example: "20%",
        },
    ],
};
