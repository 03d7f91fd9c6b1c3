"""The stack that the demo plays on: four simulated regions, and the gateway before them.

Ports are free ones and keys are made for this run: no two plays share either. Keys travel in the
environment only.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import Any

import requests
from process import Broken, Process
from regions import (
    BY_NAME,
    REGIONS,
    THROTTLE_REQUESTS,
    THROTTLE_WINDOW_MS,
    THROTTLED,
    Region,
)
from traffic import requests_told


class Seen:
    """What the regions saw since they were last told to forget."""

    def __init__(self, requests_by_region: dict[Region, list[dict[str, Any]]]) -> None:
        self._requests = requests_by_region

    def throttled(self, region: Region) -> int:
        """How many requests this region answered with 429."""
        return Counter(seen["status"] for seen in self._requests[region])[429]

    def client_retries(self) -> int:
        """How many requests the SDK sent again by itself."""
        return sum(
            1
            for seen in self._all()
            for name, value in seen["headers"]
            if name == "x-stainless-retry-count" and value != "0"
        )

    def cookies(self) -> int:
        """How many requests carried a cookie, which is the gateway's own affair."""
        return sum(1 for seen in self._all() for name, _ in seen["headers"] if name == "cookie")

    def _all(self) -> list[dict[str, Any]]:
        return [seen for requests in self._requests.values() for seen in requests]


class Stack:
    """The running stack. Use it with `with`: whatever happens, it is stopped."""

    gateway: str
    """Where clients call."""
    status_page: str
    """Where people look."""

    def __init__(self, parts: Namespace, out: Path) -> None:
        self._parts = parts
        self._out = out
        self._processes: list[Process] = []
        self._regions: dict[Region, str] = {}
        self.key = secrets.token_hex(16)
        self._keys = {key_name(region): secrets.token_hex(16) for region in REGIONS}

    @property
    def command(self) -> str:
        """The command that runs the gateway."""
        return str(self._parts.spillway)

    def __enter__(self) -> Stack:
        try:
            self._start_regions()
            self._start_gateway()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stops the gateway, then the regions."""
        for process in reversed(self._processes):
            process.stop()

    def ended(self) -> Process | None:
        """A part that ended by itself."""
        return next((process for process in self._processes if process.ended()), None)

    def logs(self) -> str:
        """The ends of all logs, for a person who wants to know what went wrong."""
        return "\n".join(f"--- {process.log}\n{process.tail()}" for process in self._processes)

    def throttle(self) -> None:
        """Gives the first region a few requests in a short window, and it has used none yet."""
        limits = {"count": THROTTLE_REQUESTS, "per_ms": THROTTLE_WINDOW_MS, "kind": "fixed"}
        change = {"deployment": "gpt-4o-mini", "limits": {"requests": limits}}
        self._control("PUT", THROTTLED, "limits", change)

    def pace(self, count: int) -> None:
        """Gives each region its own latencies for the next requests."""
        for region in REGIONS:
            delays = [{"delay_ms": delay} for delay in region.delays_ms(count)]
            self._control("PUT", region, "script", delays)

    def forget(self) -> None:
        """Lets every region forget what it has seen."""
        for region in REGIONS:
            self._control("DELETE", region, "requests")

    def seen(self) -> Seen:
        """What every region has seen."""
        return Seen({region: self._control("GET", region, "requests") for region in REGIONS})

    def status(self, requests_so_far: int) -> dict[str, Any]:
        """What the status page says, once it has counted so many requests.

        Its counts are half a second late; should they never come, a check will say so.
        """
        deadline = time.monotonic() + COUNTS_S
        while True:
            try:
                answer = requests.get(f"{self.status_page}status", timeout=CONTROL_TIMEOUT_S)
                answer.raise_for_status()
            except requests.RequestException as error:
                raise Broken(f"the status page does not answer: {error}") from error
            status: dict[str, Any] = answer.json()
            if requests_told(status) >= requests_so_far or time.monotonic() > deadline:
                return status
            time.sleep(0.1)

    def _start_regions(self) -> None:
        command = [self._parts.simulator, "--latency-ms", str(USUAL_LATENCY_MS)]
        for region in REGIONS:
            command += ["--region", f"{region.name}:0:{region.title}"]
            command += ["--api-key-env", f"{region.name}={key_name(region)}"]
            for deployment in region.deployments:
                command += ["--deployment", f"{region.name}/{deployment}"]
        simulator = self._run("regions", command, self._keys)
        self._regions = simulator.wait_for(listening_regions)

    def _start_gateway(self) -> None:
        config = self._out / "spillway.yaml"
        text = TEMPLATE.read_text()
        for region, url in self._regions.items():
            text = text.replace(f"http://{region.name}:8080", url)
        config.write_text(text)
        command = [
            *(self._parts.spillway, "up", "--config", str(config)),
            *("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--status", "127.0.0.1:0"),
            *("--envoy", self._parts.envoy, "--filter", self._parts.filter, "--workers", "2"),
        ]
        gateway = self._run("gateway", command, {**self._keys, "SPILLWAY_KEY": self.key})
        self.gateway, self.status_page = gateway.wait_for(listening_gateway)

    def _run(self, name: str, command: list[str], environment: dict[str, str]) -> Process:
        process = Process(name, command, environment, self._out)
        self._processes.append(process)
        return process

    def _control(self, method: str, region: Region, command: str, body: Any = None) -> Any:
        url = f"{self._regions[region]}/_sim/{command}"
        try:
            answer = requests.request(method, url, json=body, timeout=CONTROL_TIMEOUT_S)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise Broken(f"{region.title} cannot be told: {error}") from error
        return answer.json() if answer.content else None


def key_name(region: Region) -> str:
    """The environment variable that holds the region's key."""
    return f"{region.name.upper()}_KEY"


def listening_regions(log: str) -> dict[Region, str] | None:
    """Where the regions listen, once all do: the simulator prints a JSON line for each."""
    urls: dict[Region, str] = {}
    for line in log.splitlines():
        if line.startswith("{") and line.endswith("}"):
            said = json.loads(line)
            urls[BY_NAME[said["region"]]] = said["url"]
    return urls if len(urls) == len(REGIONS) else None


def listening_gateway(log: str) -> tuple[str, str] | None:
    """Where the gateway and its status page listen, once both do."""
    gateway = re.search(r"^listening on (http://[^/\s]+)$", log, re.MULTILINE)
    status = re.search(r"^status on (http://[^/\s]+/)$", log, re.MULTILINE)
    return (gateway[1], status[1]) if gateway and status else None


TEMPLATE = Path(__file__).parent / "spillway.yaml"
USUAL_LATENCY_MS = 200
CONTROL_TIMEOUT_S = 10
COUNTS_S = 10
