//! The fields that say what metrics tell apart.

use super::{Default, Field, Kind, Object};
use crate::prose::prose;

/// What metrics tell apart.
pub static METRICS: Object = Object {
    name: "metrics",
    doc: prose(
        "What [metrics](metrics.md) tell apart. Their number is known before the first request, \
          and [metrics.md](metrics.md#how-many-series) says how large it gets.",
    ),
    fields: &[Field {
        name: "client_label",
        kind: Kind::Flag,
        default: Default::Is("true"),
        doc: prose(
            "Whether requests and tokens are counted for each client. With many models and many \
              clients these are most of all series: switch it off, and read the access log for \
              who has used what.",
        ),
        example: "false",
    }],
};
