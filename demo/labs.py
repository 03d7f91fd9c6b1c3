"""The three labs of Azure-Samples/AI-Gateway, as their notebooks ask.

The SDK is the real one with its default settings, two retries of its own included: a throttling
that reached it would be hidden by them, so the verdict asks the regions whether it ever retried.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import requests
from openai import APIConnectionError, APIStatusError, AzureOpenAI
from run import Run

API_VERSION = "2025-03-01-preview"
RUNS = 20
PAUSE_S = 0.1

CHAT_MODELS = ("model-router", "DeepSeek-R1", "gpt-4.1", "gpt-5")
RESPONSES_MODELS = ("gpt-4.1-mini", "gpt-4.1-nano", "gpt-4.1", "gpt-5")
OWNERS = {
    "gpt-4.1": "eastus",
    "gpt-4.1-mini": "swedencentral",
    "gpt-4.1-nano": "swedencentral",
    "model-router": "uksouth",
    "gpt-5": "uksouth",
    "DeepSeek-R1": "uksouth",
}
REFUSED = {"gpt-4o-audio-preview": 403, "gpt-3.5-turbo": 400}

POOL_QUESTION = [
    {"role": "system", "content": "You are a sarcastic, unhelpful assistant."},
    {"role": "user", "content": "Can you tell me the time, please?"},
]
ROUTING_QUESTION = "which model are you using?"
FIRST_QUESTION = "Explain photosynthesis in simple terms"
SECOND_QUESTION = "Can you summarize that so it can be understood by a college freshman?"


class Labs:
    """The labs' clients, before one gateway."""

    def __init__(self, gateway: str, key: str) -> None:
        self._gateway = gateway
        self._key = key

    def pool_by_http(self) -> Iterator[Run]:
        """Lab 1, first cell: plain HTTP, the deployment in the path and no model in the body."""
        model = "gpt-4o-mini"
        url = f"{self._gateway}/inference/openai/deployments/{model}/chat/completions"
        with requests.Session() as session:
            session.headers["api-key"] = self._key
            for number in range(1, RUNS + 1):
                start = time.monotonic()
                try:
                    answer = session.post(
                        url,
                        params={"api-version": API_VERSION},
                        json={"messages": POOL_QUESTION},
                        timeout=REQUEST_TIMEOUT_S,
                    )
                except requests.RequestException as error:
                    seconds = time.monotonic() - start
                    yield Run.of(number, model, 0, seconds, {}, str(error))
                else:
                    seconds = time.monotonic() - start
                    yield Run.of(
                        number, model, answer.status_code, seconds, answer.headers, answer.text
                    )
                time.sleep(PAUSE_S)

    def pool_by_sdk(self) -> Iterator[Run]:
        """Lab 1, second cell: the same through the SDK."""
        client = self._client()
        for number in range(1, RUNS + 1):
            yield self._chat(client, number, "gpt-4o-mini", POOL_QUESTION)
            time.sleep(PAUSE_S)

    def chat_by_model(self) -> Iterator[Run]:
        """Lab 2: chat completions, where the path names the model."""
        client = self._client()
        question = [{"role": "user", "content": ROUTING_QUESTION}]
        for number, model in enumerate(CHAT_MODELS, 1):
            yield self._chat(client, number, model, question)

    def responses_by_model(self) -> Iterator[Run]:
        """Lab 2: Responses, where only the body names the model."""
        client = self._client()
        for number, model in enumerate(RESPONSES_MODELS, 1):
            yield self._respond(client, number, model, ROUTING_QUESTION)[0]

    def refusals(self) -> Iterator[Run]:
        """Lab 2: a model that is denied, and one that nobody has."""
        client = self._client()
        question = [{"role": "user", "content": ROUTING_QUESTION}]
        for number, model in enumerate(REFUSED, 1):
            yield self._chat(client, number, model, question)

    def conversation(self, model: str) -> Iterator[Run]:
        """Lab 3: two Responses calls, the second going on from the first.

        A response is kept by the region that gave it, so the second call is only answered there.
        """
        client = self._client()
        first, response_id = self._respond(client, 1, model, FIRST_QUESTION)
        yield first
        yield self._respond(
            client, 2, model, SECOND_QUESTION, previous_response_id=response_id or "resp_none"
        )[0]

    def _client(self) -> AzureOpenAI:
        # A client of its own for each cell: none inherits a cookie from another.
        return AzureOpenAI(
            azure_endpoint=f"{self._gateway}/inference",
            api_key=self._key,
            api_version=API_VERSION,
            timeout=REQUEST_TIMEOUT_S,
        )

    def _chat(self, client: AzureOpenAI, number: int, model: str, messages: list[Any]) -> Run:
        def call() -> Any:
            return client.chat.completions.with_raw_response.create(model=model, messages=messages)

        def text(completion: Any) -> str:
            return completion.choices[0].message.content or ""

        return timed(number, model, call, text)[0]

    def _respond(
        self, client: AzureOpenAI, number: int, model: str, question: str, **more: Any
    ) -> tuple[Run, str]:
        def call() -> Any:
            return client.responses.with_raw_response.create(model=model, input=question, **more)

        run, response = timed(number, model, call, lambda response: response.output_text)
        return run, response.id if response else ""


def timed(
    number: int, model: str, call: Callable[[], Any], text: Callable[[Any], str]
) -> tuple[Run, Any]:
    """Makes the call; the run it was, and the SDK's object where there is one."""
    start = time.monotonic()
    try:
        raw = call()
    except APIStatusError as error:
        seconds = time.monotonic() - start
        answer = error.response
        return Run.of(
            number, model, error.status_code, seconds, answer.headers, error.message
        ), None
    except APIConnectionError as error:
        return Run.of(number, model, 0, time.monotonic() - start, {}, str(error)), None
    seconds = time.monotonic() - start
    parsed = raw.parse()
    return Run.of(number, model, raw.status_code, seconds, raw.headers, text(parsed)), parsed


REQUEST_TIMEOUT_S = 30
