"""What was played, gathered for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from regions import REGIONS, Region
from run import Run, mean_ms
from stack import Seen
from traffic import Traffic
from verdict import Check


@dataclass
class Recording:
    """One cell of lab 1: 20 runs, and how often each region throttled meanwhile."""

    name: str
    title: str
    runs: list[Run]
    throttled: dict[Region, int]

    @classmethod
    def of(cls, name: str, title: str, runs: list[Run], seen: Seen) -> Recording:
        return cls(name, title, runs, {region: seen.throttled(region) for region in REGIONS})

    def rows(self) -> list[tuple[str, ...]]:
        """One row per region: requests, mean, first and last run, 429s absorbed."""
        rows: list[tuple[str, ...]] = []
        for region in REGIONS:
            runs = [run for run in self.runs if run.region is region]
            rows.append(
                (
                    f"{region.initial}  {region.title}",
                    str(len(runs)),
                    f"{mean_ms(runs):.0f}" if runs else "",
                    str(runs[0].number) if runs else "",
                    str(runs[-1].number) if runs else "",
                    str(self.throttled[region]),
                )
            )
        return rows


@dataclass
class Report:
    """All of it."""

    recordings: list[Recording] = field(default_factory=list)
    routing: list[tuple[str, Run]] = field(default_factory=list)
    refusals: list[Run] = field(default_factory=list)
    wandering: list[Run] = field(default_factory=list)
    affinity: list[Run] = field(default_factory=list)
    traffic: list[Traffic] = field(default_factory=list)
    checks: dict[str, list[Check]] = field(default_factory=dict)
    """By the part of the demo that they were made in."""

    def counted(self) -> list[Run]:
        """The requests that are meant to be answered.

        Not among them: those refused by intent, and the call without affinity that lab 3 makes to
        see it fail.
        """
        return [
            *(run for recording in self.recordings for run in recording.runs),
            *(run for _, run in self.routing),
            *self.wandering[:1],
            *self.affinity,
        ]

    def routed(self) -> list[Run]:
        """The requests that were sent to regions: all but those refused by intent."""
        return [*self.counted(), *self.wandering[1:]]

    def apart(self) -> list[Run]:
        """The requests that are meant to fail."""
        return [*self.refusals, *self.wandering[1:]]

    def summary(self) -> str:
        """The demo's last line."""
        runs = self.counted()
        answered = sum(run.answered for run in runs)
        throttled = sum(run.status == 429 for run in [*runs, *self.apart()])
        return (
            f"demo: {len(runs)} requests, {answered} answered, {throttled} throttled at the client"
        )

    def unmet(self) -> list[Check]:
        """What was not as wanted, the summary's claims included."""
        throttled = any(run.status == 429 for run in [*self.counted(), *self.apart()])
        return [
            check
            for check in [
                *(check for made in self.checks.values() for check in made),
                Check("every request is answered", all(run.answered for run in self.counted())),
                Check("no client is throttled", not throttled),
            ]
            if not check.met
        ]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Text in columns: the first to the left, numbers to the right."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if column == 0 or not numeric(rows, column) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def numeric(rows: Sequence[Sequence[str]], column: int) -> bool:
    return all(row[column] == "" or row[column].isdigit() for row in rows)


POOL_HEAD = ("region", "requests", "mean ms", "first run", "last run", "429s absorbed")
