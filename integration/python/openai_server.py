"""An OpenAI-compatible server, as people write them: Starlette's routes, json.loads, form().

It serves whatever model it reads and writes down what that was: one line of JSON a request, with
each header, the query, the trailers and every model that it found, in the file that is named as
its argument. The tests compare that with what the gateway let through.

It prints the address that it listens on, and ends when its standard input does.
"""

import asyncio
import json
import socket
import sys
from urllib.parse import unquote

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from uvicorn.protocols.http.h11_impl import H11Protocol

# Azure takes these words in any case, as most servers on Windows do.
KNOWN = {"openai", "deployments", "v1", "models", "anthropic"}


async def serve(request: Request) -> JSONResponse:
    body = await request.body()
    read = {place: model async for place, model in named(request, body)}
    print(json.dumps(record(request, body, read)), file=request.scope["journal"], flush=True)
    return JSONResponse(answer(next(iter(read.values()), None)))


async def named(request: Request, body: bytes):
    """Where this server would take a model from, in the order in which it would look."""
    if deployment := request.path_params.get("deployment"):
        yield "path", deployment
    parsed = as_json(body)
    if isinstance(parsed, dict):
        if "model" in parsed:
            yield "body", parsed["model"]
        if isinstance(parsed.get("session"), dict) and "model" in parsed["session"]:
            yield "session", parsed["session"]["model"]
        tools = parsed.get("tools")
        for tool in tools if isinstance(tools, list) else []:
            if isinstance(tool, dict) and "model" in tool:
                yield "tool", tool["model"]
    elif (form := await as_form(request)) and "model" in form:
        yield "form", form["model"]
    for name in "model", "deployment":
        if name in request.query_params:
            yield f"query {name}", request.query_params[name]
    header = "x-ms-oai-image-generation-deployment"
    if header in request.headers:
        yield "header", request.headers[header]


def as_json(body: bytes):
    """Duplicate keys: the last one. UTF-8 with a mark, UTF-16 and UTF-32 are read, too."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


async def as_form(request: Request):
    """The form, if Starlette can read one; of two parts with one name, the last."""
    try:
        form = await request.form()
        return {name: as_text(value) for name, value in form.items()}
    except Exception:  # whatever a parser raises: this server reads no model in such a form
        return None


def as_text(field) -> str:
    return field if isinstance(field, str) else field.file.read().decode("latin-1")


def record(request: Request, body: bytes, models: dict) -> dict:
    scope = request.scope
    return {
        "method": request.method,
        "path": scope["sent_path"],
        "query": scope["query_string"].decode("latin-1"),
        "headers": pairs(scope["headers"]),
        "trailers": pairs(scope.get("trailers", [])),
        "body": body.decode("latin-1"),
        "models": models,
    }


def pairs(headers) -> list:
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]


def answer(model) -> dict:
    message = {"role": "assistant", "content": f"served by {model}"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage,
        "text": "served",
    }


class AnyCase:
    """Routes are matched by the known words in lower case; the names of deployments stay."""

    def __init__(self, app, journal):
        self.app = app
        self.journal = journal

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            scope["journal"] = self.journal
            scope["sent_path"] = scope["raw_path"].decode("latin-1")
            segments = unquote(scope["sent_path"]).split("/")
            words = (word.lower() if word.lower() in KNOWN else word for word in segments)
            scope["path"] = "/".join(words)
        await self.app(scope, receive, send)


class WithTrailers(H11Protocol):
    """Hands trailers over, which uvicorn reads and forgets."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        next_event = self.conn.next_event

        def watched():
            event = next_event()
            if isinstance(event, h11.EndOfMessage) and event.headers:
                self.scope["trailers"] = list(event.headers)
            return event

        self.conn.next_event = watched


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
ROUTES = [
    Route(path, serve, methods=METHODS)
    for path in (
        "/openai/deployments/{deployment}/{rest:path}",
        "/openai/v1/{rest:path}",
        "/openai/{rest:path}",
        "/v1/{rest:path}",
        "/models/{rest:path}",
        "/{rest:path}",
    )
]
TENANTS = [Mount(path, routes=ROUTES) for path in ("/tenant1", "/tenant2")]


async def main(journal):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    # An idle connection is closed at the end, not in the middle of a test.
    config = uvicorn.Config(
        AnyCase(Starlette(routes=[*TENANTS, *ROUTES]), journal),
        http=WithTrailers,
        ws="none",
        log_level="warning",
        timeout_keep_alive=3600,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.should_exit = server.force_exit = True
    await serving


with open(sys.argv[1], "a", encoding="utf-8") as journal:
    asyncio.run(main(journal))
