"""The four regions: what they are called, how they are drawn, how they behave.

Latencies differ by region and from request to request, as in a recording of the lab, but come
from a table rather than from chance: two plays of the demo can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Region:
    """A simulated Azure region."""

    name: str
    title: str
    """Its name in `x-ms-region`."""
    initial: str
    """Stands for it where there is no colour."""
    colour: str
    """For the page. The four differ in lightness too, for eyes that see few colours."""
    ansi: int
    """The same for a terminal, out of 256."""
    latency_ms: int
    deployments: tuple[str, ...]

    def delays_ms(self, count: int) -> Iterator[int]:
        """How long it takes to answer one request after the other."""
        for turn in range(count):
            yield self.latency_ms + JITTER_MS[turn % len(JITTER_MS)]


JITTER_MS = (34, -12, 5, -20, 17, 0, -7, 26, -15, 11, -3)

LAB_3 = ("chat-without-affinity", "chat-with-affinity")

REGIONS = (
    Region("eastus", "East US", "E", "#4c7fd1", 68, 150, ("gpt-4o-mini", "gpt-4.1")),
    Region(
        "swedencentral",
        "Sweden Central",
        "S",
        "#e8a33d",
        214,
        230,
        ("gpt-4o-mini", "gpt-4.1-mini", "gpt-4.1-nano", *LAB_3),
    ),
    Region("westus", "West US", "W", "#2a9d76", 36, 260, ("gpt-4o-mini", *LAB_3)),
    Region(
        "uksouth",
        "UK South",
        "U",
        "#b678b8",
        176,
        210,
        ("gpt-4o-mini", "model-router", "gpt-5", "DeepSeek-R1"),
    ),
)

BY_TITLE = {region.title: region for region in REGIONS}
BY_NAME = {region.name: region for region in REGIONS}

THROTTLED = BY_NAME["eastus"]
THROTTLE_REQUESTS = 8
"""As many requests East US takes in one window: the lab's recording shows a block of 8."""
THROTTLE_WINDOW_MS = 4_500
"""Short, so that the recording shows the way back within 20 runs: the ninth comes after two
seconds and is told to come back in three, which is time for eight or nine runs elsewhere."""
