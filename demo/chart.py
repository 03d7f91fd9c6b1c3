"""Response time by run, as the lab draws it: bars in the region's colour, a line at the mean.

Twice: for the terminal and as SVG. Neither needs colour to be read: bars are made of the region's
initial where there is no colour, and carry it below them in the picture.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from html import escape

from regions import Region
from run import Run, mean_ms


def bars(runs: Sequence[Run], colour: bool) -> list[str]:
    """One line per run, for a terminal."""
    top = max([run.milliseconds for run in runs] + [1])
    mean = round(BAR_COLUMNS * mean_ms(runs) / top)
    lines = []
    for run in runs:
        length = max(1, round(BAR_COLUMNS * run.milliseconds / top))
        # The mean is marked in every line, over the bar or behind it.
        cells = [
            "|" if column == mean else "#" if column < length else " "
            for column in range(BAR_COLUMNS + 1)
        ]
        bar = "".join(cells).rstrip()
        if run.region is None:
            bar = bar.replace("#", "-")
        elif colour:
            bar = tint(bar.replace("#", "\N{FULL BLOCK}"), run.region)
        else:
            bar = bar.replace("#", run.region.initial)
        where = run.region.title if run.region else "no region"
        lines.append(f"  {run.number:>3}  {where:<15}{run.milliseconds:>5} ms  {bar}")
    lines.append(f"       {'mean, marked |':<15}{round(mean_ms(runs)):>5} ms")
    return lines


def tint(text: str, region: Region) -> str:
    """The text in the region's colour."""
    return f"\x1b[38;5;{region.ansi}m{text}\x1b[0m"


def svg(runs: Sequence[Run], name: str, title: str, ticks: range) -> str:
    """The chart as an `svg` element to stand in a page, its scale as `ticks` in ms.

    `name` makes its ids its own.
    """
    top = ticks[-1]
    slot = PLOT_WIDTH / len(runs)
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">',
        f'<title id="{name}-title">{escape(title)}</title>',
        f'<desc id="{name}-desc">{escape(description(runs))}</desc>',
    ]
    for value in ticks:
        y = height_of(value, top)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick" x="{LEFT - 5}" y="{y + 3.5:.1f}" '
            f'text-anchor="end">{value}</text>'
        )
    for place, run in enumerate(runs):
        x, y = LEFT + place * slot, height_of(run.milliseconds, top)
        middle = x + slot / 2
        kind = run.region.name if run.region else "nowhere"
        initial = run.region.initial if run.region else "-"
        parts.append(
            f'<g><title>{escape(told(run))}</title><rect class="{kind}" x="{x + 1.5:.1f}" '
            f'y="{y:.1f}" width="{slot - 3:.1f}" height="{HEIGHT - BOTTOM - y:.1f}" rx="1.5"/>'
            f'<text class="initial" x="{middle:.1f}" y="{HEIGHT - BOTTOM + 13}" '
            f'text-anchor="middle">{initial}</text></g>'
        )
        if run.number == 1 or run.number % LABELLED_RUNS == 0:
            parts.append(
                f'<text class="tick" x="{middle:.1f}" y="{HEIGHT - BOTTOM + 27}" '
                f'text-anchor="middle">{run.number}</text>'
            )
    mean = mean_ms(runs)
    y = height_of(mean, top)
    parts.append(
        f'<line class="mean" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="mean-label" x="{WIDTH - RIGHT}" y="11" '
        f'text-anchor="end">- - mean {mean:.0f} ms</text>'
        f'<text class="tick" x="{LEFT - 5}" y="11" text-anchor="end">ms</text>'
        f'<text class="tick" x="{LEFT - 5}" y="{HEIGHT - BOTTOM + 27}" '
        'text-anchor="end">run</text></svg>'
    )
    return "\n".join(parts)


def description(runs: Sequence[Run]) -> str:
    """The chart in words: who answered, block by block."""
    blocks: list[tuple[Region | None, int, int]] = []
    for run in runs:
        if blocks and blocks[-1][0] is run.region:
            blocks[-1] = (run.region, blocks[-1][1], run.number)
        else:
            blocks.append((run.region, run.number, run.number))
    told_blocks = [
        f"{region.title if region else 'no region'} "
        + (f"run {first}" if first == last else f"runs {first} to {last}")
        for region, first, last in blocks
    ]
    return f"Mean {mean_ms(runs):.0f} ms. " + ", ".join(told_blocks) + "."


def told(run: Run) -> str:
    """A run in words."""
    where = run.region.title if run.region else "no region"
    return f"Run {run.number}: {where}, {run.milliseconds} ms, {run.attempts} attempt(s)"


def height_of(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / top


def scale(runs: Sequence[Run]) -> range:
    """The ticks of a scale for these runs: round numbers, the last above every bar."""
    top = max([run.milliseconds for run in runs] + [1])
    step = next(step for step in round_numbers() if step * MOST_TICKS >= top)
    return range(0, step * math.ceil(top / step) + 1, step)


def round_numbers() -> Iterator[int]:
    """1, 2, 5, 10, 20, 50 and so on."""
    for power in itertools.count():
        for digit in (1, 2, 5):
            yield digit * 10**power


BAR_COLUMNS = 40
WIDTH, HEIGHT = 400, 240
LEFT, RIGHT, TOP, BOTTOM = 36, 6, 28, 32
PLOT_WIDTH = WIDTH - LEFT - RIGHT
MOST_TICKS = 6
LABELLED_RUNS = 5
