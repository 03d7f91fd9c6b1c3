"""A stack that somebody else runs, such as `docker compose up`: it is only played on."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping
from pathlib import Path

from process import Broken
from regions import BY_NAME, REGIONS, Region
from stack import Stack


class Running(Stack):
    """Nothing is started here and nothing stopped, and there are no logs to show."""

    def __init__(self, arguments: Namespace, key: str, regions: Mapping[Region, str]) -> None:
        super().__init__(Namespace(), Path())
        self.gateway = arguments.gateway
        self.status_page = arguments.status.rstrip("/") + "/"
        self.key = key
        self._regions = dict(regions)

    def __enter__(self) -> Running:
        return self


def running(arguments: Namespace) -> Running:
    """The stack that the arguments and the environment tell of."""
    regions = dict(arguments.region)
    if missing := [region.name for region in REGIONS if region not in regions]:
        raise Broken(f"with --gateway, --region NAME=URL must tell of {', '.join(missing)} too")
    if not arguments.status:
        raise Broken("with --gateway, --status URL must tell of its status page too")
    key = os.environ.get("SPILLWAY_KEY")
    if not key:
        raise Broken("SPILLWAY_KEY is not set: it is the clients' key at the gateway")
    return Running(arguments, key, regions)


def region_at(text: str) -> tuple[Region, str]:
    """`eastus=http://127.0.0.1:8080`, for the parser of arguments."""
    name, _, url = text.partition("=")
    if name not in BY_NAME or not url.startswith("http"):
        raise ArgumentTypeError(f"{text!r} is not NAME=URL with one of {', '.join(BY_NAME)}")
    return BY_NAME[name], url
