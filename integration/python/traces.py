"""OpenTelemetry's own SDK on both sides of the gateway.

    traces.py call COLLECTOR URL KEY [off]    a client that begins a trace, and sends it along
    traces.py continue COLLECTOR TRACEPARENT  a backend that goes on with what it was sent

Prints the ids of the span that it made.
"""

import json
import sys
import urllib.request

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased

BODY = {"messages": [{"role": "user", "content": "Say hello."}]}


def provider(name, collector, sampler=None):
    made = TracerProvider(resource=Resource.create({"service.name": name}), sampler=sampler)
    made.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"http://{collector}/v1/traces")))
    return made


def told(span):
    context = span.get_span_context()
    ids = {
        "trace": trace.format_trace_id(context.trace_id),
        "span": trace.format_span_id(context.span_id),
        "sampled": bool(context.trace_flags & trace.TraceFlags.SAMPLED),
    }
    print(json.dumps(ids), flush=True)


def call(collector, url, key, off=None):
    made = provider("a-client", collector, ParentBased(ALWAYS_OFF) if off else None)
    with made.get_tracer("client").start_as_current_span("ask", kind=trace.SpanKind.CLIENT) as span:
        headers = {"content-type": "application/json", "api-key": key}
        propagate.inject(headers)
        body = json.dumps(BODY).encode()
        path = "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21"
        with urllib.request.urlopen(urllib.request.Request(url + path, body, headers)) as answer:
            answer.read()
        told(span)
    made.shutdown()


def go_on(collector, traceparent):
    made = provider("a-backend", collector)
    context = propagate.extract({"traceparent": traceparent})
    tracer = made.get_tracer("backend")
    with tracer.start_as_current_span("answer", context, kind=trace.SpanKind.SERVER) as span:
        told(span)
    made.shutdown()


{"call": call, "continue": go_on}[sys.argv[1]](*sys.argv[2:])
