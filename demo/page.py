"""The recording as one HTML page that needs nothing else: pictures are inline SVG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from chart import scale, svg
from regions import REGIONS
from report import POOL_HEAD, Recording, Report
from run import Run
from traffic import TRAFFIC_HEAD


def page(report: Report, when: str) -> str:
    """The whole page."""
    # One scale for all charts: they are there to be compared.
    ticks = scale([run for recording in report.recordings for run in recording.runs])
    charts = "".join(chart(recording, ticks) for recording in report.recordings)
    legend = "".join(
        f'<li><span class="swatch {region.name}" aria-hidden="true"></span>'
        f"<b>{region.initial}</b> {region.title}</li>"
        for region in REGIONS
    )
    routing = rows_table(
        ("API", "model", "region", "attempts", "ms"),
        [(api, run.model, where(run), str(run.attempts), ms(run)) for api, run in report.routing],
    )
    refusals = rows_table(
        ("model", "status", "said"),
        [(run.model, str(run.status), run.text) for run in report.refusals],
    )
    traffic = rows_table(TRAFFIC_HEAD, [part.row() for part in report.traffic])
    checks = "".join(
        f"<h3>{escape(part)}</h3><ul>"
        + "".join(
            f"<li>{'yes' if check.met else '<strong>NO</strong>'}: {escape(check.wanted)}</li>"
            for check in made
        )
        + "</ul>"
        for part, made in report.checks.items()
    )
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Spillway: the labs, played</title>
<style>{STYLE}{colours()}</style>
<main>
<header>
<h1>The labs, played through Spillway</h1>
<p>{escape(when)}. Four simulated Azure OpenAI regions, one Envoy with the filter, the unmodified
openai SDK.</p>
<p class="summary">{escape(report.summary())}</p>
</header>
<section>
<h2>Load balancing results</h2>
<p>Response time by run. East US has priority 1. When it throttles, Sweden Central and West US
(priority 2, weight 50 each) take turns, and East US has its traffic back when its Retry-After is
over. UK South (priority 3) is there for when all three throttle.</p>
<ul class="legend">{legend}<li><span class="dash" aria-hidden="true"></span>mean</li></ul>
<div class="charts">{charts}</div>
</section>
<section>
<h2>Model routing</h2>
<p>Each model has one owner. The path names it in chat completions, only the body in Responses.</p>
{routing}
<p>Refused by intent, before any region is asked, and not counted above:</p>
{refusals}
</section>
<section>
<h2>Session awareness</h2>
<p>A response is kept by the region that gave it. The second call goes on from the first.</p>
<h3>Without affinity</h3>
{calls(report.wandering)}
<p>The second call is meant to fail and is not counted above.</p>
<h3>With affinity</h3>
{calls(report.affinity)}
</section>
<section>
<h2>Tokens and failovers by region</h2>
<p>As the gateway's status page had them at the end. Tokens are what regions told.</p>
{traffic}
</section>
<section>
<h2>Checked while it played</h2>
<div class="checks">{checks}</div>
</section>
</main>
</html>
"""


def chart(recording: Recording, ticks: range) -> str:
    title = f"Response time by run: {recording.title}"
    return (
        f"<figure><figcaption>{escape(recording.title)}</figcaption>"
        f"{svg(recording.runs, recording.name, title, ticks)}"
        f"{rows_table(POOL_HEAD, recording.rows())}</figure>"
    )


def calls(runs: Iterable[Run]) -> str:
    return rows_table(
        ("call", "status", "region", "said"),
        [(str(run.number), str(run.status), where(run), run.text) for run in runs],
    )


def rows_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that scrolls by itself where the screen is narrow."""
    prose = ' class="said"' if head[-1] == "said" else ""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0"><table{prose}><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def where(run: Run) -> str:
    return f"{run.region.initial}  {run.region.title}" if run.region else "none"


def ms(run: Run) -> str:
    return str(run.milliseconds)


def colours() -> str:
    return "".join(
        f".{region.name}{{fill:{region.colour};background:{region.colour}}}" for region in REGIONS
    )


STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5a6472; --line: #d8dde4;
  --paper: #ffffff; --panel: #f5f7fa; --mean: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf0; --soft: #a3adba; --line: #3a424d;
  --paper: #14181d; --panel: #1c2229; --mean: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 70rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .4rem; }
h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
p { max-width: 46rem; margin: .4rem 0; }
.summary { font: 600 1rem/1.4 ui-monospace, monospace; background: var(--panel);
  border-left: 4px solid #2a9d76; padding: .6rem .8rem; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; padding: 0;
  margin: .8rem 0; }
.swatch { display: inline-block; width: .9em; height: .9em; border-radius: 3px;
  margin-right: .4em; vertical-align: -.08em; }
.dash { display: inline-block; width: 1.6em; border-top: 2px dashed var(--mean);
  margin-right: .4em; vertical-align: .25em; }
.charts { display: grid; gap: 1.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
figure { margin: 0; min-width: 0; background: var(--panel); border-radius: 8px; padding: .9rem; }
figcaption { font-weight: 600; margin-bottom: .5rem; }
.chart { display: block; width: 100%; height: auto; margin-bottom: .6rem; }
.chart text { font: 12px system-ui, sans-serif; fill: var(--soft); }
.chart .initial { fill: var(--ink); font-weight: 600; }
.chart .mean-label { fill: var(--mean); font-weight: 600; }
.grid { stroke: var(--line); stroke-width: 1; }
.mean { stroke: var(--mean); stroke-width: 1.8; stroke-dasharray: 6 4; }
.nowhere { fill: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .55rem .25rem 0; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { color: var(--soft); font-weight: 600; }
th { white-space: normal; vertical-align: bottom; }
.said td:last-child { white-space: normal; min-width: 15rem; overflow-wrap: anywhere; }
.checks { columns: 22rem; }
.checks > * { break-inside: avoid; }
.checks h3 { break-after: avoid; margin-top: 0; }
.checks ul { margin: 0 0 1rem; padding-left: 1.2rem; }
"""
