"""The cells of the lab `backend-pool-load-balancing`: requests, and the SDK.

Usage: lab_backend_pool.py URL KEY http|sdk [PAUSE_MS]. Prints a line of JSON for each run.
"""

import json
import sys
import time

apim_resource_gateway_url, api_key = sys.argv[1], sys.argv[2]
which = sys.argv[3]
sleep_time_ms = int(sys.argv[4]) if len(sys.argv) > 4 else 100
inference_api_version = "2025-03-01-preview"
model_name = "gpt-4o-mini"
runs = 20
messages = [
    {"role": "system", "content": "You are a sarcastic, unhelpful assistant."},
    {"role": "user", "content": "Can you tell me the time, please?"},
]
api_runs = []


def record(run, status, region, response_time, text):
    # The lab records a run for its chart only if the region is known.
    if region:
        api_runs.append((response_time, region))
    line = {"run": run, "status": status, "region": region, "seconds": response_time, "text": text}
    print(json.dumps(line), flush=True)


def with_requests():
    import requests

    url = (
        f"{apim_resource_gateway_url}/inference/openai/deployments/{model_name}"
        f"/chat/completions?api-version={inference_api_version}"
    )
    session = requests.Session()
    session.headers.update({"api-key": api_key})
    try:
        for i in range(runs):
            start_time = time.time()
            response = session.post(url, json={"messages": messages})
            response_time = time.time() - start_time
            region = response.headers.get("x-ms-region")
            text = None
            if response.status_code == 200:
                data = json.loads(response.text)
                assert data.get("usage")["total_tokens"] > 0
                text = data.get("choices")[0].get("message").get("content")
            record(i + 1, response.status_code, region, response_time, text)
            time.sleep(sleep_time_ms / 1000)
    finally:
        session.close()


def with_sdk():
    from openai import AzureOpenAI

    client = AzureOpenAI(
        azure_endpoint=f"{apim_resource_gateway_url}/inference",
        api_key=api_key,
        api_version=inference_api_version,
    )
    for i in range(runs):
        start_time = time.time()
        raw_response = client.chat.completions.with_raw_response.create(
            model=model_name, messages=messages
        )
        response_time = time.time() - start_time
        response = raw_response.parse()
        region = raw_response.headers["x-ms-region"]
        text = response.choices[0].message.content
        record(i + 1, raw_response.http_response.status_code, region, response_time, text)
        time.sleep(sleep_time_ms / 1000)


with_requests() if which == "http" else with_sdk()
assert len(api_runs) == runs, "every run is on the chart"
