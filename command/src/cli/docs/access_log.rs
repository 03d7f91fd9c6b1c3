//! `docs/access-log.md`: every field of the line, from its definition.

use std::fmt::Write as _;

use crate::envoy::access_log::FIELDS;

/// The text of `docs/access-log.md`.
pub(super) fn reference() -> String {
    let mut text = String::from(INTRODUCTION);
    for field in &FIELDS {
        let _ = writeln!(text, "| `{}` | {} |", field.name, field.doc);
    }
    text.push_str(TRACES);
    text
}

const INTRODUCTION: &str = "\
<!-- Printed by `spillway docs` from command/src/envoy/access_log.rs. Do not edit. -->

# The access log

One line of JSON for each request, written when it is over, however it ended: by default to standard
output, with `--access-log FILE` to a file. It never holds a key, a cookie, a query, a prompt or an
answer. Numbers are numbers, and what is not known is `null`, or `-` where Envoy writes it.

Tokens are what the backend of the client's answer has reported, read as it passed
([ADR 11](adr/0011-tokens-are-read-not-counted.md)): of chat completions, completions, embeddings and
Responses, plain or as a stream. An answer that a backend compresses although it was asked not to is
not read.

| field | meaning |
|---|---|
";

const TRACES: &str = "
# Traces

`--otlp ADDRESS` has Envoy send a span for each request and one for each attempt to an OpenTelemetry
collector, by OTLP over HTTP (usually port 4318). `traceparent` and `tracestate` pass through to the
backend; where a client sends none, a trace begins here. All spans have Envoy's own tags, of which
`upstream_cluster.name` is the attempt's backend and `http.status_code` what it answered, and:

| tag | meaning |
|---|---|
| `gen_ai.provider.name` | `azure.ai.openai` |
| `gen_ai.request.model` | the model that the request was for |
| `gen_ai.usage.input_tokens` | on the request and on the attempt that answered: tokens of the input |
| `gen_ai.usage.output_tokens` | likewise: tokens of the answer |
| `spillway.client` | the client's name |
| `url.path` | the path, without its query |

Envoy's tags are text, counts too. On Envoy 1.36 there are only Envoy's own.
";
