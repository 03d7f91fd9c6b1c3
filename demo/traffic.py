"""What the gateway itself says of each region, by its status page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from regions import BY_NAME, REGIONS, Region


@dataclass(frozen=True)
class Traffic:
    """One region's part, over all models."""

    region: Region
    answered: int
    failovers: int
    """Requests that another region was asked after it."""
    told: int
    """Answers that told their tokens."""
    prompt: int | None
    """None: no answer told. Unknown is not zero."""
    completion: int | None

    def row(self) -> tuple[str, ...]:
        tokens = [
            ("unknown" if self.answered else "") if count is None else str(count)
            for count in (self.prompt, self.completion)
        ]
        name = f"{self.region.initial}  {self.region.title}"
        return (name, str(self.answered), *tokens, str(self.failovers))


def traffic(status: Mapping[str, Any]) -> list[Traffic]:
    """By region, from the JSON of `/status`."""
    members: dict[Region, list[Mapping[str, Any]]] = {region: [] for region in REGIONS}
    for model in status["models"]:
        for tier in model["tiers"]:
            for member in tier["members"]:
                members[BY_NAME[member["backend"]]].append(member)
    return [
        Traffic(
            region,
            sum(member["answered"] for member in of_region),
            sum(member["failovers"] for member in of_region),
            sum(member["tokens"]["told"] for member in of_region),
            known_sum(of_region, "prompt"),
            known_sum(of_region, "completion"),
        )
        for region, of_region in members.items()
    ]


def known_sum(members: list[Mapping[str, Any]], kind: str) -> int | None:
    known = [member["tokens"][kind] for member in members if member["tokens"][kind] is not None]
    return sum(known) if known else None


def requests_told(status: Mapping[str, Any]) -> int:
    """How many requests it has counted."""
    return sum(model["requests"] for model in status["models"])


TRAFFIC_HEAD = ("region", "answered", "prompt tokens", "completion tokens", "failovers")
