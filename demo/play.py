"""Plays the labs through the gateway and shows how it went: play.py demo
Or leaves the gateway running, for curl: play.py up
Or plays on what is running already: play.py demo --gateway URL --status URL --region NAME=URL …
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TextIO

import verdict
from chart import bars, tint
from labs import RUNS, Labs
from page import page
from process import Broken
from regions import REGIONS
from report import POOL_HEAD, Recording, Report, table
from run import Run
from running import region_at, running
from stack import Stack
from traffic import TRAFFIC_HEAD, requests_told, traffic
from up import stay

OUT = Path(__file__).parent / "out"
PARTS = ("spillway", "simulator", "filter", "envoy")
COLOUR = (
    sys.stdout.isatty() and sys.stdout.encoding.startswith("utf") and "NO_COLOR" not in os.environ
)


def main() -> int:
    arguments = read_arguments()
    # Said, because a shell starts what runs in its background with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_by_signal)
    # Everything here is on this machine: no proxy of the environment's may stand between.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    if arguments.gateway:
        return play_there(arguments)
    OUT.mkdir(exist_ok=True)
    stack = Stack(arguments, OUT)
    try:
        say("Starting four simulated regions and the gateway on a real Envoy.")
        say(f"Configuration: demo/spillway.yaml, with their ports: {shown(OUT / 'spillway.yaml')}")
        with stack:
            say(f"The gateway listens on {stack.gateway}")
            say(f"Its status page, live: {stack.status_page}")
            if arguments.what == "up":
                stay(stack)
            report = play(stack)
        return show(report, stack, OUT / "index.html")
    except Broken as error:
        say(stack.logs(), sys.stderr)
        say(f"error: {error}; the logs are in {shown(OUT)}", sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("\nStopped.")
        return 128 + signal.SIGINT
    except Exception:
        say(stack.logs(), sys.stderr)
        raise


def play_there(arguments: argparse.Namespace) -> int:
    """The same on a stack that somebody else runs, without a page: this may be a container."""
    try:
        stack = running(arguments)
        say(f"The gateway is at {stack.gateway}")
        return show(play(stack), stack)
    except Broken as error:
        say(f"error: {error}", sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("\nStopped.")
        return 128 + signal.SIGINT


def play(stack: Stack) -> Report:
    """All labs, one after the other."""
    labs = Labs(stack.gateway, stack.key)
    report = Report()
    alone = requests_told(stack.status(0)) == 0

    heading("Lab 1: a pool that spills over and comes back")
    for name, title, runs in (
        ("http", "plain HTTP", labs.pool_by_http()),
        ("sdk", "openai SDK", labs.pool_by_sdk()),
    ):
        say(f"{RUNS} sequential chat requests, {title}. East US takes only a few at a time.")
        # The lab says to wait two minutes before the next cell; here the region forgets.
        stack.throttle()
        stack.pace(RUNS)
        stack.forget()
        played = list(progress(runs))
        seen = stack.seen()
        report.recordings.append(Recording.of(name, f"{RUNS} runs, {title}", played, seen))
        checks = [*verdict.of_pool(played, seen), verdict.of_client(seen)]
        report.checks[f"Load balancing, {title}"] = checks

    heading("Lab 2: each model at its owner")
    stack.forget()
    for api, runs in (
        ("chat", labs.chat_by_model()),
        ("Responses", labs.responses_by_model()),
    ):
        say(api)
        played = list(progress(runs))
        report.routing += [(api, run) for run in played]
        report.checks[f"Model routing, {api}"] = verdict.of_routing(played)
    say("a denied model and an unknown one: refused by intent, counted apart")
    report.refusals = list(progress(labs.refusals()))
    report.checks["Refused by intent"] = verdict.of_refusals(report.refusals)

    heading("Lab 3: two Responses calls, the second going on from the first")
    say("without affinity: the second is meant to fail, counted apart")
    report.wandering = list(progress(labs.conversation("chat-without-affinity")))
    report.checks["Without affinity"] = verdict.of_wandering(report.wandering)
    say("with affinity")
    report.affinity = list(progress(labs.conversation("chat-with-affinity")))
    seen = stack.seen()
    checks = [*verdict.of_affinity(report.affinity, seen), verdict.of_client(seen)]
    report.checks["With affinity"] = checks

    routed = report.routed()
    report.traffic = traffic(stack.status(len(routed)))
    throttled = {
        region: sum(recording.throttled[region] for recording in report.recordings)
        for region in REGIONS
    }
    if alone:
        report.checks["Status page"] = verdict.of_traffic(report.traffic, routed, throttled)
    else:
        say("The status page has counted other requests before these: it is shown, not compared.")
    return report


def show(report: Report, stack: Stack, file: Path | None = None) -> int:
    """Tables, charts, the page where one is wanted, and the last line; the demo's exit status."""
    for recording in report.recordings:
        heading(f"Response time by run: {recording.title}")
        say("\n".join(bars(recording.runs, COLOUR)))
        say("")
        say("\n".join(table(POOL_HEAD, recording.rows())))
    heading("Models and regions")
    say("\n".join(table(("API", "model", "region"), routing_rows(report))))
    heading("Tokens and failovers by region, as the status page has them")
    say("\n".join(table(TRAFFIC_HEAD, [part.row() for part in report.traffic])))

    if file:
        when = datetime.now().astimezone().strftime("%d %B %Y, %H:%M %Z")
        file.write_text(page(report, when), encoding="utf-8")
        heading("The same as a page")
        say(f"  {file.resolve().as_uri()}")

    unmet = report.unmet()
    if unmet:
        say("")
        say(stack.logs(), sys.stderr)
        for check in unmet:
            say(f"not as wanted: {check.wanted} (found: {check.found})", sys.stderr)
    made = sum(map(len, report.checks.values()))
    apart = len(report.apart())
    say(f"\n{made} checks, {len(unmet)} not met; {apart} requests meant to fail")
    say(report.summary())
    return 1 if unmet else 0


def progress(runs: Iterator[Run]) -> Iterator[Run]:
    """The same runs, each shown in one line when it is over."""
    for run in runs:
        where = f"{run.region.title:<15}" if run.region else f"{'no region':<15}"
        if run.region and COLOUR:
            where = tint(where, run.region)
        more = f"  {run.attempts} attempts" if run.attempts > 1 else ""
        if not run.answered:
            more += f"  {run.text.strip()[:70]}"
        times = f"{run.status:>4}{run.milliseconds:>6} ms"
        say(f"  {run.number:>3}  {run.model:<22}{where}{times}{more}")
        yield run


def routing_rows(report: Report) -> list[tuple[str, str, str]]:
    rows = [
        (api, run.model, run.region.title if run.region else "none") for api, run in report.routing
    ]
    rows += [("chat", run.model, f"refused, {run.status}") for run in report.refusals]
    return rows


def heading(text: str) -> None:
    say(f"\n\x1b[1m{text}\x1b[0m" if COLOUR else f"\n{text}")


def say(text: str, stream: TextIO | None = None) -> None:
    print(text, file=stream, flush=True)


def shown(path: Path) -> str:
    """A path as the person who started this would write it."""
    return os.path.relpath(path)


def end_by_signal(number: int, _: object) -> None:
    # As an exception, so that whatever was started is stopped on the way out.
    raise SystemExit(128 + number)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("demo", "up"))
    for part in PARTS:
        parser.add_argument(f"--{part}", metavar="FILE")
    parser.add_argument("--gateway", metavar="URL", help="of a stack that runs already")
    parser.add_argument("--status", metavar="URL", help="of its status page")
    parser.add_argument("--region", metavar="NAME=URL", type=region_at, action="append", default=[])
    arguments = parser.parse_args()
    if arguments.gateway and arguments.what != "demo":
        parser.error("--gateway is for demo alone")
    if not arguments.gateway and not all(getattr(arguments, part) for part in PARTS):
        parser.error(f"without --gateway, name all of --{', --'.join(PARTS)}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
