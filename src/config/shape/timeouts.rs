//! The fields of time-outs and of the wait for an answer's first content.

use super::{Default, Field, Kind, Object};
use crate::prose::prose;

/// How long things may take.
pub static TIMEOUTS: Object = Object {
    name: "timeouts",
    doc: prose(
        "How long a request and its attempts may take. What ends before its answer began is tried \
          on another backend, and counts as a failure of the slow one; each time-out has its own \
          error code. What ends later ends its stream with an error event.",
    ),
    fields: &[
        Field {
            name: "connect",
            kind: Kind::Duration,
            default: Default::Is("5s"),
            doc: prose(
                "How long a connection to a backend may take. A backend's own `connect_timeout` \
                  replaces it.",
            ),
            example: "2s",
        },
        FIRST_BYTE,
        PER_TRY,
        Field {
            name: "stream_idle",
            kind: Kind::Duration,
            default: Default::Is("10m"),
            doc: prose(
                "How long a backend may be silent, in the middle of its answer. The wait for its \
                  beginning is silence too: the shorter of this and `first_byte` ends it.",
            ),
            example: "15m",
        },
        Field {
            name: "request_body",
            kind: Kind::Duration,
            default: Default::Is("5m"),
            doc: prose(
                "How long a client may take to send the body of its request. A later one is \
                  answered with 408, and counts against no backend.",
            ),
            example: "1m",
        },
        REQUEST,
        Field {
            name: "drain",
            kind: Kind::Duration,
            default: Default::Is("25s"),
            doc: prose(
                "How long `spillway up` lets running requests finish once it is told to end. What \
                  still runs then gets an error: a 503, or an error event at the end of a stream \
                  (`shutting_down`). The grace periods of \
                  `render kubernetes` and `render compose` follow it; set that of your own \
                  orchestrator a few seconds longer.",
            ),
            example: "10m",
        },
    ],
};

/// How long a model's requests may take.
pub static MODEL_TIMEOUTS: Object = Object {
    name: "model timeouts",
    doc: prose(
        "How long a model's requests may take. Each field replaces the one of the file's \
          `timeouts`; the others hold for the whole file.",
    ),
    fields: &[FIRST_BYTE, PER_TRY, REQUEST],
};

/// How far an answer is held back.
pub static FIRST_EVENT: Object = Object {
    name: "first_event",
    doc: prose(
        "How long an answer is held back until its first content is there. Events without \
          content, such as a delta with nothing but a role, and white space are held with it: an \
          error, a lost connection or the end before the first content is tried on another backend. \
          When a bound is reached, the answer goes to the client as it is.",
    ),
    fields: &[
        Field {
            name: "time",
            kind: Kind::Duration,
            default: Default::Is("10s"),
            doc: prose("How long the first content is waited for once the answer has begun."),
            example: "30s",
        },
        Field {
            name: "size",
            kind: Kind::Size,
            default: Default::Is("64KiB"),
            doc: prose("How many bytes it is waited for."),
            example: "256KiB",
        },
    ],
};

const FIRST_BYTE: Field = Field {
    name: "first_byte",
    kind: Kind::Duration,
    default: Default::Is("10m"),
    doc: prose(
        "How long one backend may take, once it is connected and has the whole request, until its \
          answer begins; of a stream, until its first content or the end of `first_event.time`. A \
          backend that stops reading a request has as long, and at most 2 minutes.",
    ),
    example: "60s",
};

const PER_TRY: Field = Field {
    name: "per_try",
    kind: Kind::Duration,
    default: Default::Means("as long as the backend likes"),
    doc: prose(
        "How long one whole attempt may take, from the connection on, its answer's body included. \
          With it, a request's body is held until it is complete, so that a slow client's upload \
          does not count.",
    ),
    example: "5m",
};

const REQUEST: Field = Field {
    name: "request",
    kind: Kind::Duration,
    default: Default::Means("as long as the attempts take"),
    doc: prose(
        "How long the request may take over all its attempts, from its end on until the end of \
          the answer.",
    ),
    example: "15m",
};
