"""One request as its client saw it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from regions import BY_TITLE, Region


@dataclass(frozen=True)
class Run:
    """One request: who asked for what, who answered, and how long that took."""

    number: int
    model: str
    status: int
    """0 where no answer came."""
    seconds: float
    region: Region | None
    """By `x-ms-region`, which only a backend sends."""
    attempts: int
    """How many backends saw it, by `x-spillway-attempts`."""
    text: str
    """The answer's text, or what was said instead of an answer."""

    @property
    def answered(self) -> bool:
        """Whether it got what it asked for, from a region."""
        return self.status == 200 and self.region is not None

    @property
    def milliseconds(self) -> int:
        return round(self.seconds * 1000)

    @classmethod
    def of(
        cls,
        number: int,
        model: str,
        status: int,
        seconds: float,
        headers: Mapping[str, str],
        text: str,
    ) -> Run:
        """The run that these answer headers tell of."""
        attempts = headers.get("x-spillway-attempts", "")
        return cls(
            number,
            model,
            status,
            seconds,
            BY_TITLE.get(headers.get("x-ms-region", "")),
            int(attempts) if attempts.isdigit() else 0,
            text,
        )


def mean_ms(runs: Sequence[Run]) -> float:
    """The mean response time; 0 of no runs."""
    return 1000 * sum(run.seconds for run in runs) / len(runs) if runs else 0.0
