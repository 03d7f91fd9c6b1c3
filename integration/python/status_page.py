"""The status page in a real browser.

Usage: status_page.py STATUS_URL GATEWAY_URL MODEL BACKEND FOLDER. The next request for MODEL must
fail over from BACKEND. Screenshots go to FOLDER. Prints a line of JSON for each thing it has seen;
ends with an error where the page is not as it should be.
"""

import copy
import json
import os
import shutil
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, Page, Route, sync_playwright

STATUS, GATEWAY, MODEL, BACKEND, FOLDER = sys.argv[1:6]
LIMIT_MS = 2000
PATIENCE_MS = 30_000
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
SOME_FAILOVER = "document.querySelectorAll('#failovers tr:not([hidden])').length > 0"
STATES = ("closed", "returning", "half_open", "probing", "open")


def main() -> None:
    chromium = os.environ.get("SPILLWAY_CHROMIUM") or shutil.which("chromium")
    if not chromium:
        sys.exit("chromium is not there: tools/setup.sh browser installs it")
    Path(FOLDER).mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        changes_without_reload(browser)
        for scheme in ("light", "dark"):
            for name, size in SIZES.items():
                looks_right(browser, scheme, name, size)
                every_state_has_words(browser, scheme, name, size)
        large_pools_fold(browser)
        goes_on_without_an_answer(browser)
        browser.close()


def opened(browser: Browser, scheme: str = "light", size: tuple[int, int] = SIZES["desktop"]):
    """A page, and everything that its console has complained about."""
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": size[0], "height": size[1]}
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url} failed"))
    return page, complaints


def done(page: Page) -> None:
    """An answer that is being changed is waited for: it must not find its page closed."""
    page.unroute_all(behavior="wait")
    page.context.close()


def look(page: Page) -> None:
    page.goto(STATUS)
    page.wait_for_selector("#live[data-is=live]")


def state_of(page: Page):
    card = page.locator("article", has=page.get_by_role("heading", name=MODEL, exact=True))
    row = card.locator("tr.member", has=page.get_by_text(BACKEND, exact=True))
    return row.locator(".state").first


def changes_without_reload(browser: Browser) -> None:
    page, complaints = opened(browser)
    look(page)
    state = state_of(page)
    assert state.inner_text() == "closed", state.inner_text()
    # By the page's own clock, from the failover to the change on the screen.
    state.evaluate("""(state) => {
        window.changed = null;
        new MutationObserver(() => {
            const isOpen = state.dataset.state === "open";
            if (isOpen && !window.changed) window.changed = performance.now();
        }).observe(state, { attributes: true });
    }""")
    chat()
    after = page.evaluate("performance.now()")
    until(page, "window.changed")
    took = page.evaluate("window.changed") - after
    assert took < LIMIT_MS, f"{took} ms"
    until(page, SOME_FAILOVER)
    failover = page.locator("#failovers tr").first.inner_text().split()
    assert BACKEND in failover and MODEL in failover and "throttled" in failover, failover

    # The countdown runs between two answers of the gateway: none comes any more.
    page.route("**/status", lambda route: None)
    before = state.inner_text()
    until(
        page,
        "([state, before]) => state.innerText !== before && state.innerText.startsWith('open, ')",
        [state.element_handle(), before],
    )
    page.unroute_all(behavior="ignoreErrors")
    assert complaints == [], complaints
    tell("failover", changed_after_ms=round(took), before=before, then=state.inner_text())
    done(page)


def looks_right(browser: Browser, scheme: str, name: str, size: tuple[int, int]) -> None:
    page, complaints = opened(browser, scheme, size)
    look(page)
    until(page, SOME_FAILOVER)
    fits(page)
    readable(page)
    page.screenshot(path=f"{FOLDER}/status-{name}-{scheme}.png", full_page=True)
    assert complaints == [], complaints
    tell("screenshot", size=name, scheme=scheme)
    done(page)


def every_state_has_words(browser: Browser, scheme: str, name: str, size: tuple[int, int]) -> None:
    page, complaints = opened(browser, scheme, size)
    page.route("**/status", lambda route: answer(route, with_every_state))
    look(page)
    for state in STATES:
        shown = page.locator(f"tr.member .state[data-state={state}]").first
        said = shown.aria_snapshot()
        assert state.replace("_", "-") in said, (state, said)
        assert shown.locator(".shape").get_attribute("aria-hidden") == "true"
    shapes = page.eval_on_selector_all(
        ".legend .state",
        """(states) => states.map((state) => {
            const style = getComputedStyle(state.querySelector(".shape"));
            const [corner, image] = [style.borderTopLeftRadius, style.backgroundImage];
            const filled = style.backgroundColor !== "rgba(0, 0, 0, 0)";
            return [corner, image.slice(0, 15), filled, style.borderTopStyle].join();
        })""",
    )
    assert len(set(shapes)) == len(STATES), f"told apart by colour alone: {shapes}"
    fits(page)
    readable(page)
    page.screenshot(path=f"{FOLDER}/states-{name}-{scheme}.png", full_page=True)
    assert complaints == [], complaints
    done(page)


def large_pools_fold(browser: Browser) -> None:
    page, complaints = opened(browser, size=SIZES["phone"])
    page.route("**/status", lambda route: answer(route, with_a_large_pool))
    look(page)
    card = page.locator("article").last
    assert card.locator("tr.member:visible").count() == 2, "those in trouble"
    assert page.locator("img").count() == 0, "a name is text"
    fits(page)
    page.screenshot(path=f"{FOLDER}/large-phone-light.png", full_page=True)
    button = card.get_by_role("button", name="Show 248 more backends")
    assert button.get_attribute("aria-expanded") == "false"
    button.focus()
    page.keyboard.press("Enter")
    until(page, "document.querySelectorAll('article:last-of-type tr.member').length == 250")
    fits(page)
    assert complaints == [], complaints
    tell("large pool", names=card.locator("h2").inner_text())
    done(page)


def goes_on_without_an_answer(browser: Browser) -> None:
    page, _ = opened(browser)
    look(page)
    page.route("**/status", lambda route: route.abort())
    page.wait_for_selector("#live[data-is=lost]")
    said = page.locator("#live").inner_text()
    assert said.startswith("no answer since "), said
    assert state_of(page).is_visible(), "what was known last stays"
    page.unroute("**/status")
    page.wait_for_selector("#live[data-is=live]")
    tell("lost and found", said=said)
    done(page)


def until(page: Page, true: str, argument: object = None) -> None:
    """Playwright's own way of waiting needs `unsafe-eval`, which the page's policy forbids."""
    ends = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(true, argument):
        assert time.monotonic() < ends, f"waited in vain for {true}"
        page.wait_for_timeout(20)


def fits(page: Page) -> None:
    wide = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide[0] <= wide[1], f"it scrolls sideways: {wide}"


def readable(page: Page) -> None:
    """Text stands out from what is behind it by 4.5 to 1 (WCAG 2, AA), pictures have names."""
    low = page.evaluate("""() => {
        const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
        const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) =>
            0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
        const behind = (element) => {
            for (let at = element; at; at = at.parentElement) {
                const colour = parts(getComputedStyle(at).backgroundColor);
                if (colour.length < 4 || colour[3] > 0) return colour;
            }
            return [255, 255, 255];
        };
        const low = [];
        for (const element of document.querySelectorAll("body *")) {
            const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
            const apart = element.matches(".skip, noscript *");
            if (!own || !element.checkVisibility() || apart) continue;
            const pair = [light(parts(getComputedStyle(element).color)), light(behind(element))];
            const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
            if (ratio < 4.5) low.push(`${element.textContent.trim()} ${ratio.toFixed(2)}`);
        }
        return low;
    }""")
    assert low == [], low
    nameless = page.locator("svg[role=img]:not([aria-label])").count()
    assert nameless == 0, f"{nameless} pictures without a name"
    headings = page.locator("main h2").all_inner_texts()
    assert MODEL in headings, headings
    assert page.locator("[aria-live]").count() == 1, "one thing speaks by itself"


def with_every_state(report: dict) -> dict:
    model = report["models"][0]
    usual = model["tiers"][0]["members"][0]
    now = report["now_ms"]
    members = []
    for turn, state in enumerate(STATES):
        member = copy.deepcopy(usual)
        left = 83_000 if state == "open" else 4_000
        ends = state in ("open", "probing")
        member |= {
            "backend": f"backend-{turn}",
            "state": state,
            "cause": None if state == "closed" else "failed",
            "until_ms": now + left if ends else None,
            "remaining_ms": left if ends else None,
            "returning": 0.4 if state == "returning" else None,
            "headroom": 0.35,
            "next_share": 1.0 if state == "closed" else 0.0,
            "answered": 1200 * turn,
            "timeline": [(turn * n) % 17 for n in range(30)],
            "tokens": {
                "told": 9,
                "prompt": 1_234_567,
                "completion": 45_678,
                "cached": None,
                "reasoning": None,
            },
        }
        members.append(member)
    model["tiers"] = [{"priority": 1, "members": members}]
    return report


def with_a_large_pool(report: dict) -> dict:
    model = copy.deepcopy(report["models"][0])
    usual = model["tiers"][0]["members"][0] | {
        "next_share": 1 / 249,
        "state": "closed",
        "throttled": 0,
        "failed": 0,
        "refused": 0,
        "last_fault": None,
    }
    members = [usual | {"backend": f"backend-{n}"} for n in range(250)]
    members[7] |= {"state": "half_open", "next_share": 0.0}
    members[9] |= {"failed": 3}
    model |= {
        "name": "<img src=x onerror=alert(1)>",
        "tiers": [{"priority": 1, "members": members}],
    }
    report["models"].append(model)
    return report


def answer(route: Route, change) -> None:
    """What the gateway answers, changed."""
    report = change(route.fetch().json())
    route.fulfill(json=report)


def chat() -> None:
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]})
    request = urllib.request.Request(
        f"{GATEWAY}/openai/v1/chat/completions",
        body.encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as got:
        assert got.status == 200


def tell(what: str, **more: object) -> None:
    print(json.dumps({"what": what, **more}), flush=True)


main()
