//! The fields that say how tokens are counted.

use super::{Default, Field, Kind, Object};
use crate::prose::prose;

/// How the tokens that backends report are read.
pub static USAGE: Object = Object {
    name: "usage",
    doc: prose(
        "The tokens that backends report in their answers are read while these pass: they stand \
          in the access log. So that they can be read, answers are asked for uncompressed.",
    ),
    fields: &[Field {
        name: "include_in_streams",
        kind: Kind::Flag,
        default: Default::Is("true"),
        doc: prose(
            "Whether streams of chat completions and completions are made to report their tokens \
              where the client did not ask for it: `stream_options.include_usage` is added to the \
              request, which is held until its body is there, and the chunk that comes of it is \
              kept from the client. Not for an `api-version` before 2024-09-01-preview, nor with \
              `data_sources`: Azure would refuse it. A backend that refuses it is asked again \
              without it, and gets none for an hour. Switch it off for servers that always do.",
        ),
        example: "false",
    }],
};
