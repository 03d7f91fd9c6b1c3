//! The fields of a backend.

use super::{Default, Field, Kind, Object};
use crate::prose::prose;

/// Where requests are sent.
pub static BACKEND: Object = Object {
    name: "backend",
    doc: prose(
        "A place that serves models: an Azure OpenAI resource or any OpenAI-compatible server. \
          Its name is also the name of Envoy's cluster: lower-case letters, digits and `-`, at most 60.",
    ),
    fields: &[
        Field {
            name: "url",
            kind: Kind::Url,
            default: Default::Required,
            doc: prose(
                "Where it answers: `http` or `https`, a host, and where needed a port and a base \
                  path. It holds no user, query or fragment.",
            ),
            example: "https://contoso-eastus.openai.azure.com",
        },
        Field {
            name: "api_key",
            kind: Kind::Secret { file: true },
            default: Default::Means("no key is sent"),
            doc: prose(
                "The key that is sent to it in the header `api-key`, as Azure OpenAI wants it. \
                  Envoy reads the key; the filter never sees it. White space around it is no part of \
                  it, and a key with a control character inside is none.",
            ),
            example: "${AOAI_EASTUS_KEY}",
        },
        Field {
            name: "bearer_token",
            kind: Kind::Secret { file: true },
            default: Default::Means("no token is sent"),
            doc: prose(
                "The key that is sent to it as `Authorization: Bearer`, as OpenAI and most \
                  compatible servers want it. Not together with `api_key`.",
            ),
            example: "{ file: /run/secrets/vllm-token }",
        },
        Field {
            name: "connect_timeout",
            kind: Kind::Duration,
            default: Default::Means("the file's `timeouts.connect`"),
            doc: prose("How long a connection to it may take before another backend is tried."),
            example: "2s",
        },
        Field {
            name: "idle_timeout",
            kind: Kind::Duration,
            default: Default::Is("4s"),
            doc: prose(
                "How long a connection to it may be idle before the gateway closes it. Keep it below \
                  the server's own limit: a request on a connection that the server is just closing \
                  is lost and must be sent again. Uvicorn (so vLLM) and Node close after 5 s, \
                  Azure's front doors after about 4 minutes. A new connection costs one or two round \
                  trips; with a backend far away and little traffic, a longer time saves them.",
            ),
            example: "200s",
        },
        Field {
            name: "ca_file",
            kind: Kind::Text,
            default: Default::Means("the system's certificates"),
            doc: prose(
                "The absolute path of the CA certificates, in PEM, that its certificate is \
                  checked against. Only with `https`.",
            ),
            example: "/etc/ssl/private-ca.pem",
        },
        Field {
            name: "deployments",
            kind: Kind::Map { key: "model", value: &Kind::Text },
            default: Default::Is("{}"),
            doc: prose(
                "What a model is called at this backend, where the name differs there. Each key \
                  is one of `models`.",
            ),
            example: "{ gpt-4o: gpt-4o-standard }",
        },
    ],
};

/// A secret in a file.
pub static SECRET_FILE: Object = Object {
    name: "secret",
    doc: prose(
        "A secret is never written into the configuration, only where it is found: `${NAME}` for \
          an environment variable of Envoy's, or `{ file: /path }` for a mounted file, which may \
          be replaced while Envoy runs. Inside `{ … }` YAML wants quotes: `{ key: \"${NAME}\" }`.",
    ),
    fields: &[Field {
        name: "file",
        kind: Kind::Text,
        default: Default::Required,
        doc: prose("The absolute path of the file that holds the secret and nothing else."),
        example: "/run/secrets/aoai-eastus-key",
    }],
};
