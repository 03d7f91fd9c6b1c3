"""Was it as it should be? Each check says in one line what was wanted, and whether it was so.

The demo shows nothing that it has not checked: a picture that looks right over a run that was
wrong would be worse than no picture.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labs import OWNERS, REFUSED
from regions import BY_NAME, REGIONS, Region
from run import Run
from stack import Seen
from traffic import Traffic


@dataclass(frozen=True)
class Check:
    """What was wanted, and whether it was so."""

    wanted: str
    met: bool
    found: str = ""


def of_pool(runs: Sequence[Run], seen: Seen) -> list[Check]:
    """Lab 1: first East US, then its two peers in turn, then East US again."""
    order = initials(runs)
    # More than once on a slow machine: East US has a new window by then.
    spills = re.findall("[SW]+", order)
    throttled = sum(seen.throttled(region) for region in REGIONS)
    second_attempts = sum(run.attempts - 1 for run in runs)
    return [
        Check(f"all {len(runs)} answered", all(run.answered for run in runs), statuses(runs)),
        Check(
            "East US first, then its peers, then East US again",
            re.fullmatch("E+[SW]+E+([SW]+E*)*", order) is not None,
            order,
        ),
        Check(
            "Sweden Central and West US strictly in turn",
            bool(spills) and len(spills[0]) > 1 and not re.search("SS|WW", order),
            order,
        ),
        Check(
            "East US is asked no more between its 429 and the end of its Retry-After",
            throttled == len(spills),
            f"{throttled} times 429, {len(spills)} spills",
        ),
        Check(
            "each 429 of a region is made good by another within the same request",
            throttled > 0 and throttled == second_attempts,
            f"{throttled} times 429, {second_attempts} second attempts",
        ),
    ]


def of_routing(runs: Sequence[Run]) -> list[Check]:
    """Lab 2: each model at its owner, at the first attempt."""
    return [
        Check(
            f"{run.model} is answered by {BY_NAME[OWNERS[run.model]].title}",
            run.answered and run.region is BY_NAME[OWNERS[run.model]] and run.attempts == 1,
            place(run),
        )
        for run in runs
    ]


def of_refusals(runs: Sequence[Run]) -> list[Check]:
    """Lab 2: refused by the gateway itself."""
    return [
        Check(
            f"{run.model} is refused with {REFUSED[run.model]}, by no region",
            run.status == REFUSED[run.model] and run.region is None,
            place(run),
        )
        for run in runs
    ]


def of_wandering(runs: Sequence[Run]) -> list[Check]:
    """Lab 3 without affinity: the second call reaches a region that does not know the first."""
    first, second = runs
    return [
        Check("the first call is answered", first.answered, place(first)),
        Check(
            "the second finds another region, which does not know the first response",
            second.status == 400
            and second.region not in (None, first.region)
            and "not found" in second.text,
            place(second),
        ),
    ]


def of_affinity(runs: Sequence[Run], seen: Seen) -> list[Check]:
    """Lab 3 with affinity: the cookie leads the second call back."""
    first, second = runs
    return [
        Check("both calls are answered", first.answered and second.answered, statuses(runs)),
        Check("by the same region", first.region is second.region, initials(runs)),
        Check("the cookie stays with the gateway", seen.cookies() == 0, f"{seen.cookies()} seen"),
    ]


def of_traffic(
    traffic: Sequence[Traffic], runs: Sequence[Run], throttled: Mapping[Region, int]
) -> list[Check]:
    """The status page tells what clients and regions have seen, each for itself."""
    checks = []
    for part in traffic:
        name = part.region.title
        of_region = [run for run in runs if run.region is part.region]
        answers, good = len(of_region), sum(run.answered for run in of_region)
        failovers = throttled[part.region]
        checks += [
            Check(
                f"the status page has every answer of {name}",
                part.answered == answers,
                f"{part.answered} of {answers}",
            ),
            Check(
                "and the tokens of each good one",
                part.told == good,
                f"{part.told} of {good}",
            ),
            Check(
                f"and a failover for each 429 of {name}",
                part.failovers == failovers,
                f"{part.failovers} of {failovers}",
            ),
        ]
    return checks


def of_client(seen: Seen) -> Check:
    """The SDK had no reason to try again by itself."""
    retries = seen.client_retries()
    return Check("the SDK never retried by itself", retries == 0, f"{retries} retries")


def initials(runs: Sequence[Run]) -> str:
    """The regions in order, one letter each."""
    return "".join(run.region.initial if run.region else "-" for run in runs)


def statuses(runs: Sequence[Run]) -> str:
    return " ".join(str(run.status) for run in runs)


def place(run: Run) -> str:
    where = run.region.title if run.region else "no region"
    return f"{run.status} from {where}, {run.attempts} attempts"
