//! The fields of a model and of its pool.

use super::{
    CIRCUIT_BREAKER, Default, FIRST_EVENT, Field, Kind, MODEL_TIMEOUTS, Object, RETRY, USAGE,
};
use crate::prose::prose;

/// A model that clients may ask for.
pub static MODEL: Object = Object {
    name: "model",
    doc: prose(
        "A model that clients may ask for, under the exact name they use: the deployment in the \
          path, or else `model` in the body.",
    ),
    fields: &[
        Field {
            name: "pool",
            kind: Kind::List(&Kind::Short(&Kind::Text, &MEMBER)),
            default: Default::Required,
            doc: prose(
                "The backends that serve the model, at least one and none of them twice. A bare \
                  name stands for `{ backend: name }`.",
            ),
            example: "[{ backend: eastus-ptu, priority: 1 }, { backend: westus, priority: 2 }]",
        },
        Field {
            name: "session_affinity",
            kind: Kind::Short(&Kind::Flag, &AFFINITY),
            default: Default::Is("false"),
            doc: prose(
                "Keeps a client with the backend that answered it first, by a cookie, for as \
                  long as that backend may be chosen. `true` stands for all defaults.",
            ),
            example: "{ cookie: Spillway-Affinity }",
        },
        Field {
            name: "circuit_breaker",
            kind: Kind::Object(&CIRCUIT_BREAKER),
            default: Default::Means("the file's `circuit_breaker`"),
            doc: prose("Replaces the file's `circuit_breaker` for this pool, field by field."),
            example: "{ failures: 1 }",
        },
        Field {
            name: "retry",
            kind: Kind::Object(&RETRY),
            default: Default::Means("the file's `retry`"),
            doc: prose("Replaces the file's `retry` for this pool, field by field."),
            example: "{ attempts: 2 }",
        },
        Field {
            name: "headroom",
            kind: Kind::Flag,
            default: Default::Is("false"),
            doc: prose(
                "Whether weights follow the headroom: what the backends' answers say is left of \
                  their limits, in `x-ratelimit-remaining-tokens` and `-requests`. A backend near \
                  its limit then gets less before it says 429.",
            ),
            example: "true",
        },
        Field {
            name: "timeouts",
            kind: Kind::Object(&MODEL_TIMEOUTS),
            default: Default::Means("the file's `timeouts`"),
            doc: prose("Replaces the file's `timeouts` for this model, field by field."),
            example: "{ first_byte: 2m }",
        },
        Field {
            name: "first_event",
            kind: Kind::Object(&FIRST_EVENT),
            default: Default::Means("the file's `first_event`"),
            doc: prose("Replaces the file's `first_event` for this model, field by field."),
            example: "{ time: 1m }",
        },
        Field {
            name: "usage",
            kind: Kind::Object(&USAGE),
            default: Default::Means("the file's `usage`"),
            doc: prose("Replaces the file's `usage` for this model, field by field."),
            example: "{ include_in_streams: false }",
        },
    ],
};

/// A backend's place in a pool.
pub static MEMBER: Object = Object {
    name: "member",
    doc: prose(
        "A backend's place in a pool. Among the members that may be chosen, those with the \
          lowest `priority` share the requests by `weight`; the others wait until none of them may be chosen.",
    ),
    fields: &[
        Field {
            name: "backend",
            kind: Kind::Text,
            default: Default::Required,
            doc: prose("The name of one of `backends`."),
            example: "eastus-ptu",
        },
        Field {
            name: "priority",
            kind: Kind::Whole { from: 0, to: 100 },
            default: Default::Is("1"),
            doc: prose(
                "Lower is chosen first: give provisioned throughput 1 and what it spills over to 2.",
            ),
            example: "2",
        },
        Field {
            name: "weight",
            kind: Kind::Whole { from: 1, to: 1000 },
            default: Default::Is("1"),
            doc: prose("The share of the requests among members of the same priority."),
            example: "50",
        },
    ],
};

/// Session affinity.
pub static AFFINITY: Object = Object {
    name: "session_affinity",
    doc: prose(
        "The cookie that keeps a client with its backend. Affinity never defeats failover, but \
          where it is required: if the backend may not be chosen, another answers and the cookie \
          is issued again.",
    ),
    fields: &[
        Field {
            name: "cookie",
            kind: Kind::Text,
            default: Default::Is("Spillway-Affinity"),
            doc: prose("The cookie's name: letters, digits and ``!#$%&'*+-.^_`|~``."),
            example: "Spillway-Affinity",
        },
        Field {
            name: "secure",
            kind: Kind::OneOf(&["auto", "always", "never"]),
            default: Default::Is("auto"),
            doc: prose(
                "Whether the cookie is marked `Secure`. `auto` marks it where the client's own \
                  connection is TLS; `always` is for a gateway behind a proxy that ends TLS.",
            ),
            example: "always",
        },
        Field {
            name: "mode",
            kind: Kind::OneOf(&["prefer", "require"]),
            default: Default::Is("prefer"),
            doc: prose(
                "What a client gets whose backend may not be chosen: with `prefer` another \
                  backend's answer, with `require` 409, for those who keep state behind it that \
                  no other backend has. A required backend's failures are passed on.",
            ),
            example: "require",
        },
        Field {
            name: "return_to_better_tier",
            kind: Kind::Flag,
            default: Default::Is("false"),
            doc: prose(
                "Whether a client whose backend is in a lower tier leaves it as soon as one of a \
                  better tier may be chosen. Without it, one 429 of the provisioned tier keeps a \
                  client on the tier that is paid by the token. Not with `mode: require`.",
            ),
            example: "true",
        },
    ],
};
