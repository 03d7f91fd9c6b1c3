"""The cells of the lab `session-awareness`: a conversation, with a transport that logs.

Usage: lab_session_awareness.py URL KEY. Prints a line of JSON for each exchange, then how it ended.
"""

import json
import sys

import httpx
from openai import AzureOpenAI

apim_resource_gateway_url, api_key = sys.argv[1], sys.argv[2]


class LoggingTransport(httpx.HTTPTransport):
    def handle_request(self, request):
        response = super().handle_request(request)
        line = {
            "cookie": request.headers.get("cookie"),
            "set_cookie": response.headers.get_list("set-cookie"),
            "request_id": response.headers.get("x-request-id"),
            "region": response.headers.get("x-backend-region"),
        }
        print(json.dumps(line), flush=True)
        return response


client = AzureOpenAI(
    api_key=api_key,
    base_url=f"{apim_resource_gateway_url}/inference/openai",
    api_version="2025-03-01-preview",
    http_client=httpx.Client(transport=LoggingTransport()),
)
try:
    first = client.responses.create(
        model="gpt-4o-mini", input="Explain photosynthesis in simple terms"
    )
    second = client.responses.create(
        model="gpt-4o-mini",
        previous_response_id=first.id,
        input=[
            {
                "role": "user",
                "content": "Can you summarize that so it can be understood by a college freshman?",
            }
        ],
    )
    print(json.dumps({"ended": second.output_text}))
except Exception as error:
    print(json.dumps({"failed": str(error)}))
