//! The fields of the file itself.

use super::{
    BACKEND, CIRCUIT_BREAKER, Default, FIRST_EVENT, Field, Kind, METRICS, MODEL, Object, RETRY,
    TIMEOUTS, USAGE,
};
use crate::prose::prose;

/// The whole file.
pub static FILE: Object = Object {
    name: "file",
    doc: prose("The file as a whole, YAML or JSON. Only `backends` and `models` must be there."),
    fields: &[
        Field {
            name: "backends",
            kind: Kind::Map { key: "name", value: &Kind::Object(&BACKEND) },
            default: Default::Required,
            doc: prose("Where requests may be sent, by name. At least one."),
            example: "{ eastus-ptu: { url: https://contoso-eastus.openai.azure.com } }",
        },
        Field {
            name: "models",
            kind: Kind::Map { key: "name", value: &Kind::Object(&MODEL) },
            default: Default::Required,
            doc: prose(
                "What clients may ask for, by the exact, case-sensitive name. At least one; a \
                  request for any other model is answered with 400.",
            ),
            example: "{ gpt-4o: { pool: [eastus-ptu] } }",
        },
        Field {
            name: "denied_models",
            kind: Kind::List(&Kind::Text),
            default: Default::Is("[]"),
            doc: prose(
                "Models that are refused with 403 instead of 400. A `*` at the end stands for \
                  any ending; a model that is served is never refused.",
            ),
            example: "[gpt-4o-audio-preview, \"o1*\"]",
        },
        Field {
            name: "default_model",
            kind: Kind::Text,
            default: Default::Means("such requests are answered with 400"),
            doc: prose(
                "The model whose pool takes requests that name none, such as \
                  `GET /openai/models`.",
            ),
            example: "gpt-4o",
        },
        Field {
            name: "path_prefix",
            kind: Kind::Text,
            default: Default::Is("\"\""),
            doc: prose(
                "Removed from the front of every client's path, so that the gateway can live \
                  below another path of the same host.",
            ),
            example: "/inference",
        },
        Field {
            name: "paths",
            kind: Kind::Object(&PATHS),
            default: Default::Is("{}"),
            doc: prose(
                "Which paths are served besides those of the [known operations](operations.md).",
            ),
            example: "{ allow: [/openai/new/*] }",
        },
        Field {
            name: "drop_headers",
            kind: Kind::List(&Kind::Text),
            default: Default::Is("[]"),
            doc: prose(
                "Headers of requests that no backend gets. Headers that carry credentials are \
                  always removed (`api-key`, `authorization`, `x-api-key`, \
                  `ocp-apim-subscription-key` and others), and so is every header or parameter \
                  whose value is a client's key. Cookies go on, but for the gateway's own.",
            ),
            example: "[cookie, x-internal-user]",
        },
        Field {
            name: "circuit_breaker",
            kind: Kind::Object(&CIRCUIT_BREAKER),
            default: Default::Is("{}"),
            doc: prose("When a backend is left alone, and for how long."),
            example: "{ failures: 5, trip: 30s }",
        },
        Field {
            name: "retry",
            kind: Kind::Object(&RETRY),
            default: Default::Is("{}"),
            doc: prose("What is tried again on another backend, and how often."),
            example: "{ attempts: 3 }",
        },
        Field {
            name: "timeouts",
            kind: Kind::Object(&TIMEOUTS),
            default: Default::Is("{}"),
            doc: prose("How long a request and its attempts may take."),
            example: "{ first_byte: 60s, request: 15m }",
        },
        Field {
            name: "first_event",
            kind: Kind::Object(&FIRST_EVENT),
            default: Default::Is("{}"),
            doc: prose("How far an answer is held back until its first content is there."),
            example: "{ time: 30s }",
        },
        Field {
            name: "usage",
            kind: Kind::Object(&USAGE),
            default: Default::Is("{}"),
            doc: prose("How the tokens that backends report are read."),
            example: "{ include_in_streams: false }",
        },
        Field {
            name: "metrics",
            kind: Kind::Object(&METRICS),
            default: Default::Is("{}"),
            doc: prose("What metrics tell apart."),
            example: "{ client_label: false }",
        },
        Field {
            name: "when_exhausted",
            kind: Kind::OneOf(&["retry_later", "service_unavailable"]),
            default: Default::Is("retry_later"),
            doc: prose(
                "What a client is told when no backend may be chosen: 429 with the soonest \
                  `Retry-After`, which SDKs wait for, or an empty 503, as in API Management.",
            ),
            example: "service_unavailable",
        },
        Field {
            name: "error_format",
            kind: Kind::OneOf(&["openai", "api_management"]),
            default: Default::Is("openai"),
            doc: prose(
                "The shape of the gateway's own refusals of unknown and denied models: OpenAI's \
                  error object, or `{\"error\": \"text\"}` as in the API Management labs.",
            ),
            example: "api_management",
        },
        Field {
            name: "answer_headers",
            kind: Kind::List(&Kind::OneOf(&["backend", "attempts", "region"])),
            default: Default::Is("[backend, attempts]"),
            doc: prose(
                "The gateway's own headers on every answer: `x-spillway-backend`, \
                  `x-spillway-attempts` and `x-backend-region`. An empty list: none.",
            ),
            example: "[backend, attempts, region]",
        },
        Field {
            name: "max_request_body",
            kind: Kind::Size,
            default: Default::Is("32MiB"),
            doc: prose(
                "The longest request body that is taken; a longer one is answered with 413. At \
                  most `1GiB`.",
            ),
            example: "20MB",
        },
        Field {
            name: "max_held_bodies",
            kind: Kind::Size,
            default: Default::Is("256MiB"),
            doc: prose(
                "What request bodies may take together while they are held to be read. A request \
                  that exceeds it is answered with 503 and `Retry-After`. At most `1GiB`.",
            ),
            example: "512MiB",
        },
        Field {
            name: "clients",
            kind: Kind::List(&Kind::Object(&CLIENT)),
            default: Default::Means("anyone who can reach the listener may call"),
            doc: prose(
                "Who may call. A client sends its key in `api-key` or as \
                  `Authorization: Bearer`; a request without a known key is answered with 401.",
            ),
            example: "[{ name: chat-app, key: \"${CHAT_APP_KEY}\" }]",
        },
        Field {
            name: "cookie_key",
            kind: Kind::Secret { file: false },
            default: Default::Means("derived from each backend's name and URL"),
            doc: prose(
                "The key of the hash in affinity cookies. Set it where nobody who knows the \
                  backends' URLs may choose a backend by a cookie of their own making.",
            ),
            example: "${SPILLWAY_COOKIE_KEY}",
        },
    ],
};

/// Which paths are served.
pub static PATHS: Object = Object {
    name: "paths",
    doc: prose(
        "Every request is for a known operation: what a path means, where the model is named and \
          what its body may be is then known. A path that is not known is answered with 404.",
    ),
    fields: &[Field {
        name: "allow",
        kind: Kind::List(&Kind::Text),
        default: Default::Is("[]"),
        doc: prose(
            "More paths that are served, with every method, as they stand below `path_prefix`. A \
              `/*` at the end stands for all paths below. The model is looked for behind \
              `deployments`, `engines` and `models` in the path, in the query and in a body that \
              is a JSON object or a form; with none, \
              the request goes where its cookie leads, or to `default_model`. Open a path only if \
              none of its other parts names a model.",
        ),
        example: "[/openai/new/*, /openai/v1/batches]",
    }],
};

/// Someone who may call.
pub static CLIENT: Object = Object {
    name: "client",
    doc: prose("Someone who may call."),
    fields: &[
        Field {
            name: "name",
            kind: Kind::Text,
            default: Default::Required,
            doc: prose(
                "The name that stands in logs: letters, digits, `-`, `_` and `.`, at most 60, and \
                  no other client's.",
            ),
            example: "chat-app",
        },
        Field {
            name: "key",
            kind: Kind::Secret { file: false },
            default: Default::Required,
            doc: prose(
                "Where the client's key is found: an environment variable of Envoy's that no \
                  other client uses. White space around the key is no part of it. Two clients \
                  with one key are refused, and so is a key with a control character inside.",
            ),
            example: "${CHAT_APP_KEY}",
        },
    ],
};
