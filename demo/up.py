"""Leaves the stack running, with something to try."""

from __future__ import annotations

import time
from typing import NoReturn
from urllib.parse import urlsplit

from labs import API_VERSION
from process import Broken
from regions import THROTTLE_REQUESTS, THROTTLE_WINDOW_MS
from stack import Stack

TEXT = """
Set the key of this run, then try:

  export SPILLWAY_KEY={key}

A chat completion; the path names the model:

{chat}

A response; only the body names the model:

{response}

A model that nobody has:

{unknown}

East US takes {count} chat requests in {seconds:g} s: repeat the first one quickly, and look at
x-spillway-backend and x-spillway-attempts.

Watch it on its status page, or in another terminal:

  {status}
  {spillway} top --status {address}

Ctrl-C stops everything."""


def stay(stack: Stack) -> NoReturn:
    """Waits until it is told to end, or until a part of the stack does."""
    stack.throttle()
    text = TEXT.format(
        key=stack.key,
        chat=curl(
            stack, chat_path("gpt-4o-mini"), '{"messages": [{"role": "user", "content": "Hi"}]}'
        ),
        response=curl(stack, "responses", '{"model": "gpt-4.1-mini", "input": "Hi"}'),
        unknown=curl(stack, chat_path("gpt-3.5-turbo"), '{"messages": []}'),
        status=stack.status_page,
        spillway=stack.command,
        address=urlsplit(stack.status_page).netloc,
        count=THROTTLE_REQUESTS,
        seconds=THROTTLE_WINDOW_MS / 1000,
    )
    print(text, flush=True)
    while True:
        if ended := stack.ended():
            raise Broken(f"{ended.name} ended by itself")
        time.sleep(LOOK_S)


def chat_path(model: str) -> str:
    return f"deployments/{model}/chat/completions"


def curl(stack: Stack, path: str, body: str) -> str:
    """A command to paste."""
    return (
        f"  curl -i '{stack.gateway}/inference/openai/{path}?api-version={API_VERSION}' \\\n"
        '    -H "api-key: $SPILLWAY_KEY" -H "content-type: application/json" \\\n'
        f"    -d '{body}'"
    )


LOOK_S = 0.5
