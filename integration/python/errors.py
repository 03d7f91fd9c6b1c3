"""What the SDK raises for what the gateway refuses.

Usage: errors.py URL KEY. Prints a line of JSON for each call.
"""

import json
import sys

import openai
from openai import AzureOpenAI, OpenAI

URL, KEY = sys.argv[1], sys.argv[2]
MESSAGES = [{"role": "user", "content": "hi"}]


def clients(**options):
    yield AzureOpenAI(azure_endpoint=URL, api_version="2025-03-01-preview", **options)
    yield OpenAI(base_url=f"{URL}/openai/v1", **options)


def told(key, model, **options):
    for client in clients(api_key=key, **options):
        try:
            client.chat.completions.create(model=model, messages=MESSAGES)
        except openai.APIStatusError as error:
            line = {
                "raised": type(error).__name__,
                "status": error.status_code,
                "message": str(error),
                "retry_after": error.response.headers.get("retry-after"),
            }
            print(json.dumps({"model": model, **line}))
        else:
            print(json.dumps({"model": model, "raised": None}))


told(KEY, "no-such-model")
told("wrong", "gpt-4o-mini")
told(KEY, "denied-model")
# The client's key is good; the backend refuses the gateway's own.
told(KEY, "refused")
# Told at once: how the SDK waits is another test's matter.
told(KEY, "limited", max_retries=0)
