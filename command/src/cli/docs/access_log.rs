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

`--otlp` has Envoy send a span for each request and one for each attempt to an OpenTelemetry collector.
[traces.md](traces.md) says how to set that up. `traceparent` and `tracestate` pass through
to the backend, and a trace that the client does not sample (`-00`) is not sampled here; where a client
sends none, a trace begins here. A span is called after the operation and the model:
`chat gpt-4o-mini`. All spans have Envoy's own tags, of which `upstream_cluster.name` is the attempt's
backend and `http.status_code` what it answered, and these, as far as they are known. Those that begin
with `gen_ai` and `error.type` are OpenTelemetry's
[conventions for generative AI](https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/):

| tag | meaning |
|---|---|
| `gen_ai.operation.name` | `chat`, `text_completion`, `embeddings`, …, as in the access log |
| `gen_ai.provider.name` | `azure.ai.openai` for a backend at a host of Azure, else `openai` |
| `gen_ai.request.model` | the model that the request was for |
| `gen_ai.response.model` | on the request and on the attempt that answered: the model that the answer names |
| `gen_ai.usage.input_tokens` | likewise: tokens of the input |
| `gen_ai.usage.output_tokens` | likewise: tokens of the answer |
| `gen_ai.usage.cache_read.input_tokens` | likewise: those of the input that came from a cache |
| `gen_ai.usage.reasoning.output_tokens` | likewise: those of the answer that were spent on reasoning |
| `error.type` | what went wrong with this attempt, or with the request: the access log has the words |
| `grpc.status_code` | `14` on a span whose answer had a good status and went wrong all the same |
| `spillway.client` | the client's name |
| `url.path` | the path, without its query |

The status of a span is an error if its answer's status is one (5xx; for an attempt, 4xx too), and if
the answer broke off or an error came inside of it. Envoy has no other way to say the latter than the
tag `grpc.status_code`; no gRPC is spoken.

What Envoy cannot do:

- Its tags are text, counts too. The conventions want integers for tokens.
- Of the conventions' other attributes, those that stand in the body of a request or of an answer
  (`gen_ai.request.temperature`, `gen_ai.response.id`, `gen_ai.response.finish_reasons` and so on) are not
  read. Prompts and answers are never on a span. `server.address` and `server.port` are Envoy's
  `upstream_address`.
- The request's own span is of kind `SERVER`, as a gateway's is; the conventions' kind `CLIENT` is that
  of the attempts.
- On Envoy 1.36, `gen_ai.provider.name` is the only tag besides Envoy's own, and spans have Envoy's names.
- Before Envoy 1.39, a request that fails over passes all filters again, and each pass has a span of the
  request.
";
