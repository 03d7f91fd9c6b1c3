"""The three forms of the client, every operation, streaming included.

Usage: forms.py URL KEY MODEL ROUNDS. Prints a line of JSON for each call.
"""

import json
import sys

import openai
from openai import AzureOpenAI, OpenAI

URL, KEY, MODEL, ROUNDS = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
VERSION = "2025-03-01-preview"
MESSAGES = [{"role": "user", "content": "Say hello, please."}]


def forms():
    yield "azure_endpoint", AzureOpenAI(azure_endpoint=URL, api_key=KEY, api_version=VERSION)
    yield "base_url", AzureOpenAI(base_url=f"{URL}/openai", api_key=KEY, api_version=VERSION)
    yield "v1", OpenAI(base_url=f"{URL}/openai/v1", api_key=KEY)


def chat(client):
    return client.chat.completions.create(model=MODEL, messages=MESSAGES).choices[0].message.content


def chat_stream(client):
    chunks = client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def completion(client):
    return client.completions.create(model=MODEL, prompt="Say hello").choices[0].text


def completion_stream(client):
    chunks = client.completions.create(model=MODEL, prompt="Say hello", stream=True)
    return "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)


def embeddings(client):
    answer = client.embeddings.create(model=MODEL, input=["one", "two"])
    return f"{len(answer.data)} of {len(answer.data[0].embedding)}"


def response(client):
    return client.responses.create(model=MODEL, input="Say hello").output_text


def response_stream(client):
    events = client.responses.create(model=MODEL, input="Say hello", stream=True)
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


OPERATIONS = [chat, chat_stream, completion, completion_stream, embeddings]
if hasattr(AzureOpenAI, "responses"):
    OPERATIONS += [response, response_stream]

print(json.dumps({"version": openai.__version__}))
for _ in range(ROUNDS):
    for form, client in forms():
        for operation in OPERATIONS:
            text = operation(client)
            print(json.dumps({"form": form, "operation": operation.__name__, "text": text}))
