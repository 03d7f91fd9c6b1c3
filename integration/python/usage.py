"""What a client of chat and completion streams sees of tokens: nothing, or what it asked for.

Usage: usage.py URL KEY MODEL. Prints a line of JSON for each stream.
"""

import json
import sys

import openai
from openai import AzureOpenAI

URL, KEY, MODEL = sys.argv[1:4]
CLIENT = AzureOpenAI(azure_endpoint=URL, api_key=KEY, api_version="2024-10-21")
CHAT = {"messages": [{"role": "user", "content": "Say hello, please."}]}

print(json.dumps({"version": openai.__version__}))
for name, create, prompt in [
    ("chat", CLIENT.chat.completions.create, CHAT),
    ("completion", CLIENT.completions.create, {"prompt": "Say hello"}),
]:
    for asks in [False, True]:
        # The oldest SDK has no argument for it.
        more = {"extra_body": {"stream_options": {"include_usage": True}}} if asks else {}
        chunks = [c.model_dump() for c in create(model=MODEL, stream=True, **prompt, **more)]
        usages = [c["usage"] for c in chunks if c.get("usage")]
        alone = sum(1 for c in chunks if not c["choices"] and c.get("usage"))
        finished = any(c["choices"] and c["choices"][0]["finish_reason"] for c in chunks)
        tokens = [[u["prompt_tokens"], u["completion_tokens"]] for u in usages]
        line = {"of": name, "asks": asks, "alone": alone, "tokens": tokens, "finished": finished}
        print(json.dumps(line))
