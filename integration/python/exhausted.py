"""A pool without a backend left: the SDK waits as it is told, and succeeds.

Usage: exhausted.py URL KEY MODEL. Prints what the model said.
"""

import json
import sys

from openai import AzureOpenAI

URL, KEY, MODEL = sys.argv[1:]
client = AzureOpenAI(azure_endpoint=URL, api_key=KEY, api_version="2025-03-01-preview")
answer = client.chat.completions.create(
    model=MODEL, messages=[{"role": "user", "content": "hi"}]
)
print(json.dumps({"text": answer.choices[0].message.content}))
