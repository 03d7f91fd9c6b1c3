"""The cells of the lab `model-routing`: chat and, where the SDK has it, the Responses API.

Usage: lab_model_routing.py URL KEY. Prints a line of JSON for each model.
"""

import json
import sys

from openai import AzureOpenAI

apim_resource_gateway_url, api_key = sys.argv[1], sys.argv[2]
client = AzureOpenAI(
    azure_endpoint=f"{apim_resource_gateway_url}/inference",
    api_key=api_key,
    api_version="2025-03-01-preview",
)
for model in ["model-router", "DeepSeek-R1", "gpt-4.1", "gpt-5"]:
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": "which model are you using?"}]
    )
    completion = raw.parse()
    line = {"api": "chat", "model": model, "region": raw.headers.get("x-ms-region")}
    print(json.dumps({**line, "said": completion.model}))

if hasattr(AzureOpenAI, "responses"):
    for model in ["gpt-4.1-mini", "gpt-4.1-nano", "gpt-4.1", "gpt-5"]:
        raw = client.responses.with_raw_response.create(
            model=model, input="which model are you using?"
        )
        output = raw.parse()
        assert output.output_text
        line = {"api": "responses", "model": model, "region": raw.headers.get("x-ms-region")}
        print(json.dumps({**line, "said": output.model}))
