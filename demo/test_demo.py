"""The demo must see what is wrong: each test spoils a good play in one way."""

from __future__ import annotations

import unittest
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar
from unittest import mock
from xml.etree import ElementTree

import verdict
from chart import bars, scale, svg
from labs import OWNERS
from page import page
from process import Broken
from regions import BY_NAME, REGIONS, Region
from report import Recording, Report, table
from run import Run
from running import region_at, running
from stack import Seen, listening_gateway, listening_regions
from traffic import requests_told, traffic

BY_INITIAL = {region.initial: region for region in REGIONS}
GOOD = "EEEEEEEESWSWSWSWEEEE"


def runs(order: str) -> list[Run]:
    """One run for each letter; the first of a block that spilled over took two attempts."""
    return [
        Run(
            number=number,
            model="gpt-4o-mini",
            status=200,
            seconds=0.2,
            region=BY_INITIAL[letter],
            attempts=2 if letter in "SW" and order[number - 2] == "E" else 1,
            text="Hello",
        )
        for number, letter in enumerate(order, 1)
    ]


def seen(throttled: int = 1, headers: Sequence[tuple[str, str]] = ()) -> Seen:
    """What the regions saw: so many 429s in East US, and one request with these headers."""
    requests: dict[Region, list[dict[str, Any]]] = {region: [] for region in REGIONS}
    requests[BY_NAME["eastus"]] = [{"status": 429, "headers": []}] * throttled
    requests[BY_NAME["westus"]] = [{"status": 200, "headers": list(headers)}]
    return Seen(requests)


def member(backend: str, answered: int, failovers: int = 0, **tokens: int) -> dict[str, Any]:
    """A member of a pool as `/status` has it."""
    told: dict[str, Any] = {"told": 0, "prompt": None, "completion": None, **tokens}
    return {"backend": backend, "answered": answered, "failovers": failovers, "tokens": told}


def unmet(checks: Sequence[verdict.Check]) -> list[str]:
    return [check.wanted for check in checks if not check.met]


class Pool(unittest.TestCase):
    def test_the_labs_recording_is_as_wanted(self) -> None:
        self.assertEqual(unmet(verdict.of_pool(runs(GOOD), seen())), [])

    def test_a_slow_machine_may_spill_over_twice(self) -> None:
        order = "EEEEEEEESWSEEEEEEEEW"
        self.assertEqual(unmet(verdict.of_pool(runs(order), seen(throttled=2))), [])

    def test_wrong_orders_are_seen(self) -> None:
        for order in (
            "EEEEEEEEEEEEEEEEEEEE",  # never throttled
            "EEEEEEEESWSWSWSWSWSW",  # never back
            "EEEEEEEESSWSWSWSEEEE",  # not in turn
            "EEEEEEEESWUWSWSWEEEE",  # the last tier while the second had room
            "SEEEEEEESWSWSWSWEEEE",  # not the first tier first
        ):
            with self.subTest(order):
                self.assertNotEqual(unmet(verdict.of_pool(runs(order), seen())), [])

    def test_a_429_at_the_client_is_seen(self) -> None:
        played = runs(GOOD)
        played[8] = replace(played[8], status=429, region=None)
        self.assertIn("all 20 answered", unmet(verdict.of_pool(played, seen())))

    def test_a_region_that_is_asked_during_its_retry_after_is_seen(self) -> None:
        self.assertEqual(len(unmet(verdict.of_pool(runs(GOOD), seen(throttled=3)))), 2)

    def test_a_retry_of_the_sdk_is_seen(self) -> None:
        self.assertTrue(verdict.of_client(seen(headers=[("x-stainless-retry-count", "0")])).met)
        self.assertFalse(verdict.of_client(seen(headers=[("x-stainless-retry-count", "1")])).met)


class OtherLabs(unittest.TestCase):
    def test_a_model_at_the_wrong_region_is_seen(self) -> None:
        run = replace(runs("E")[0], model="gpt-4.1")
        self.assertEqual(unmet(verdict.of_routing([run])), [])
        self.assertEqual(len(unmet(verdict.of_routing([replace(run, model="gpt-5")]))), 1)

    def test_owners_have_their_models(self) -> None:
        for model, owner in OWNERS.items():
            self.assertIn(model, BY_NAME[owner].deployments)

    def test_a_refusal_by_a_region_is_seen(self) -> None:
        run = replace(runs("E")[0], model="gpt-3.5-turbo", status=400)
        self.assertEqual(len(unmet(verdict.of_refusals([run]))), 1)
        self.assertEqual(unmet(verdict.of_refusals([replace(run, region=None)])), [])

    def test_the_failure_without_affinity_must_be_the_expected_one(self) -> None:
        first, second = runs("SW")
        second = replace(second, status=400, text="Previous response with id 'x' not found.")
        self.assertEqual(unmet(verdict.of_wandering([first, second])), [])
        self.assertEqual(len(unmet(verdict.of_wandering([first, replace(second, status=500)]))), 1)

    def test_affinity_means_the_same_region_and_no_cookie_there(self) -> None:
        self.assertEqual(unmet(verdict.of_affinity(runs("SS"), seen())), [])
        self.assertEqual(len(unmet(verdict.of_affinity(runs("SW"), seen()))), 1)
        cookie = seen(headers=[("cookie", "APIM-Backend-Affinity=1")])
        self.assertEqual(len(unmet(verdict.of_affinity(runs("SS"), cookie))), 1)


class Status(unittest.TestCase):
    """The JSON of `/status`, shortened to what the demo reads."""

    STATUS: ClassVar[dict[str, Any]] = {
        "models": [
            {
                "requests": 20,
                "tiers": [
                    {"members": [member("eastus", 12, failovers=1, told=12, prompt=480)]},
                    {"members": [member("swedencentral", 4, told=4, prompt=9, completion=8)]},
                    {"members": [member("westus", 4, told=4, prompt=1, completion=2)]},
                ],
            },
            {
                "requests": 2,
                "tiers": [{"members": [member("eastus", 1, told=1, prompt=7, completion=3)]}],
            },
        ]
    }

    def test_regions_are_summed_over_models(self) -> None:
        self.assertEqual(requests_told(self.STATUS), 22)
        rows = [part.row() for part in traffic(self.STATUS)]
        self.assertEqual(rows[0], ("E  East US", "13", "487", "3", "1"))
        self.assertEqual(rows[1], ("S  Sweden Central", "4", "9", "8", "0"))
        self.assertEqual(rows[3], ("U  UK South", "0", "", "", "0"))

    def test_tokens_that_nobody_told_are_unknown_and_not_zero(self) -> None:
        status = {"models": [{"tiers": [{"members": [member("westus", 4)]}]}]}
        parts = traffic(status)
        self.assertEqual(parts[2].row(), ("W  West US", "4", "unknown", "unknown", "0"))
        never = dict.fromkeys(REGIONS, 0)
        self.assertEqual(
            unmet(verdict.of_traffic(parts, runs("WWWW"), never)),
            ["and the tokens of each good one"],
        )

    def test_what_the_status_page_missed_or_made_up_is_seen(self) -> None:
        parts = traffic(self.STATUS)
        played = [*runs(GOOD), runs("E")[0]]
        once = {region: int(region.name == "eastus") for region in REGIONS}
        self.assertEqual(unmet(verdict.of_traffic(parts, played, once)), [])
        self.assertEqual(len(unmet(verdict.of_traffic(parts, played[1:], once))), 2)
        never = dict.fromkeys(REGIONS, 0)
        self.assertEqual(len(unmet(verdict.of_traffic(parts, played, never))), 1)


class Showing(unittest.TestCase):
    def report(self) -> Report:
        first, second = runs("SW")
        return Report(
            recordings=[Recording.of("http", "20 runs", runs(GOOD), seen())],
            wandering=[first, replace(second, status=400, text="<not found>")],
            affinity=runs("SS"),
        )

    def test_the_summary_counts_what_is_meant_to_be_answered(self) -> None:
        report = self.report()
        self.assertEqual(
            report.summary(), "demo: 23 requests, 23 answered, 0 throttled at the client"
        )
        self.assertEqual(report.unmet(), [])

    def test_one_throttled_client_spoils_it(self) -> None:
        report = self.report()
        report.affinity[1] = replace(report.affinity[1], status=429, region=None)
        self.assertEqual(
            report.summary(), "demo: 23 requests, 22 answered, 1 throttled at the client"
        )
        self.assertEqual(len(report.unmet()), 2)

    def test_the_picture_is_well_formed_and_says_itself_in_words(self) -> None:
        played = runs(GOOD)
        picture = ElementTree.fromstring(svg(played, "http", "A & B", scale(played)))
        self.assertEqual(picture.findtext("title"), "A & B")
        words = picture.findtext("desc") or ""
        self.assertIn("East US runs 1 to 8, Sweden Central run 9, West US run 10", words)
        letters = [text.text for text in picture.iter("text") if text.get("class") == "initial"]
        self.assertEqual("".join(map(str, letters)), GOOD)

    def test_the_page_needs_nothing_else_and_escapes_what_was_said(self) -> None:
        text = page(self.report(), "today")
        self.assertIn("&lt;not found&gt;", text)
        for reference in ("src=", "href=", "url(", "<script"):
            self.assertNotIn(reference, text)

    def test_the_terminal_chart_reads_without_colour(self) -> None:
        lines = bars(runs("EU"), colour=False)
        self.assertIn("EEEE", lines[0])
        self.assertIn("UUUU", lines[1])
        self.assertIn("\x1b[", bars(runs("E"), colour=True)[0])

    def test_round_scales(self) -> None:
        for milliseconds, ticks in ((201, range(0, 251, 50)), (565, range(0, 601, 100))):
            run = replace(runs("E")[0], seconds=milliseconds / 1000)
            self.assertEqual(scale([run]), ticks)

    def test_numbers_stand_to_the_right(self) -> None:
        self.assertEqual(table(("a", "n"), [("x", "10"), ("yy", "5")])[2], "  yy   5")


class Starting(unittest.TestCase):
    def test_the_regions_are_ready_when_all_have_said_so(self) -> None:
        lines = [
            f'{{"region":"{region.name}","url":"http://127.0.0.1:{port}"}}'
            for port, region in enumerate(REGIONS, 8001)
        ]
        self.assertIsNone(listening_regions("\n".join(lines[:3])))
        found = listening_regions("\n".join(lines)) or {}
        self.assertEqual(found[BY_NAME["uksouth"]], "http://127.0.0.1:8004")

    def test_the_gateway_says_where_it_listens(self) -> None:
        self.assertIsNone(listening_gateway("starting\n"))
        log = "starting\nlistening on http://127.0.0.1:8000\nadmin on http://127.0.0.1:1\n"
        self.assertIsNone(listening_gateway(log))
        self.assertIsNone(listening_gateway(f"{log}status on http://127.0.0.1:80"))
        log += "status on http://127.0.0.1:8001/\n"
        wanted = ("http://127.0.0.1:8000", "http://127.0.0.1:8001/")
        self.assertEqual(listening_gateway(log), wanted)


class Elsewhere(unittest.TestCase):
    def arguments(self, *names: str) -> Namespace:
        regions = [region_at(f"{name}=http://{name}:8080") for name in names]
        return Namespace(
            gateway="http://gateway:10000", status="http://gateway:10001", region=regions
        )

    def test_a_stack_that_runs_is_played_on_as_it_is(self) -> None:
        with mock.patch.dict("os.environ", {"SPILLWAY_KEY": "a word"}):
            stack = running(self.arguments(*BY_NAME))
        self.assertEqual((stack.gateway, stack.key), ("http://gateway:10000", "a word"))
        self.assertEqual(stack.status_page, "http://gateway:10001/")
        with stack:
            self.assertIsNone(stack.ended())
        self.assertEqual(stack.logs(), "")

    def test_what_is_not_told_of_it_is_said(self) -> None:
        with self.assertRaisesRegex(Broken, "tell of westus, uksouth too"):
            running(self.arguments("eastus", "swedencentral"))
        with (
            mock.patch.dict("os.environ", clear=True),
            self.assertRaisesRegex(Broken, "SPILLWAY_KEY is not set"),
        ):
            running(self.arguments(*BY_NAME))
        for text in ("eastus", "eastus=", "moon=http://moon:8080"):
            with self.subTest(text), self.assertRaises(ArgumentTypeError):
                region_at(text)


if __name__ == "__main__":
    unittest.main()
