"""What the SDK makes of streams that die.

Usage: broken_stream.py URL KEY MODEL API. API is `chat` or `responses`. Prints a line of JSON for
each client: the pieces of text that came, and what was raised after them.
"""

import json
import sys

import openai
from openai import AzureOpenAI, OpenAI

URL, KEY, MODEL, API = sys.argv[1:5]
OPTIONS = {"api_key": KEY, "max_retries": 0}
CLIENTS = [
    AzureOpenAI(azure_endpoint=URL, api_version="2025-03-01-preview", **OPTIONS),
    OpenAI(base_url=f"{URL}/openai/v1", **OPTIONS),
]


def pieces(client):
    if API == "chat":
        messages = [{"role": "user", "content": "hi"}]
        for chunk in client.chat.completions.create(model=MODEL, messages=messages, stream=True):
            yield from (choice.delta.content or "" for choice in chunk.choices)
    else:
        for event in client.responses.create(model=MODEL, input="hi", stream=True):
            if event.type == "response.output_text.delta":
                yield event.delta


for client in CLIENTS:
    line = {"text": "", "raised": None}
    try:
        for piece in pieces(client):
            line["text"] += piece
    except openai.APIError as error:
        line["raised"] = type(error).__name__
        line["code"] = error.code
        line["message"] = str(error)
    except Exception as error:  # Whatever it is, it is no silent end.
        line["raised"] = type(error).__name__
        line["message"] = str(error)
    print(json.dumps(line))
