"""A child process: its output in a log, its end with ours.

Each child leads a process group of its own, so that stopping it stops what it started too
(`spillway up` starts Envoy), and so that Ctrl-C reaches the demo first, which then stops them in
order.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class Broken(Exception):
    """Something the demo needs does not work; the text is for the person who started it."""


class Process:
    """A running child."""

    def __init__(
        self, name: str, command: list[str], environment: Mapping[str, str], out: Path
    ) -> None:
        self.name = name
        self.log = out / f"{name}.log"
        self._stopped = False
        try:
            with self.log.open("wb") as log:
                self._child = subprocess.Popen(
                    command,
                    env={**os.environ, **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise Broken(f"{name} cannot be started: {error}") from error
        atexit.register(self.stop)

    def wait_for(self, find: Callable[[str], T | None]) -> T:
        """Reads the log until `find` finds something in it."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            ended = self.ended()
            if (found := find(self.log.read_text(errors="replace"))) is not None:
                return found
            if ended:
                raise Broken(f"{self.name} ended with status {self._child.returncode}")
            time.sleep(0.02)
        raise Broken(f"{self.name} was not ready within {START_S} s")

    def ended(self) -> bool:
        return self._child.poll() is not None

    def stop(self) -> None:
        """Ends the whole group; does nothing the second time.

        Interrupted by another Ctrl-C, it is called once more at exit.
        """
        if not self._stopped:
            self._end_group()
            self._stopped = True
            atexit.unregister(self.stop)

    def tail(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])

    def _end_group(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                # Also where the child has ended: what it started may live on in its group.
                os.killpg(self._child.pid, number)
            except ProcessLookupError:
                return
            try:
                self._child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                continue


START_S = 20
STOP_S = 5
TAIL_LINES = 25
