"""A pool without a backend left: the SDK waits as it is told, and succeeds.

Usage: exhausted.py URL KEY. Prints how long the call took.
"""

import json
import sys
import time

from openai import AzureOpenAI

URL, KEY = sys.argv[1], sys.argv[2]
client = AzureOpenAI(azure_endpoint=URL, api_key=KEY, api_version="2025-03-01-preview")
started = time.monotonic()
answer = client.chat.completions.create(
    model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}]
)
took = time.monotonic() - started
print(json.dumps({"text": answer.choices[0].message.content, "took": took}))
